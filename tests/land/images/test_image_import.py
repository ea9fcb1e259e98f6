"""Import of folders of images with labels of every kind, and what is refused by name."""

import numpy as np
import pytest
from affine import Affine

from core.errors import ChipscapeError, SettingsError, TooFewError
from core.land.data.patch_reading import RequiredData, read_aerial, read_mask, read_patch
from core.land.data.pixel_sampling import SampleSettings, default_draw, sample_pixels
from core.land.images.image_import import ImportSettings, import_images
from core.land.images.image_set import image_dataset
from tests.land.images.conftest import HEIGHT, WIDTH, ground_box, halves


def dataset_of(folder, labels=None, classes=None, **settings):
    return image_dataset(import_images(folder, ImportSettings(**settings), labels, classes))


def test_import__rasters_in_a_folder_of_labels(raster_folder):
    images = import_images(raster_folder, ImportSettings())
    assert [image.path.stem for image in images.images] == ["place0", "place1", "place2"]
    assert images.groups == "files"
    assert images.bands.has_colour
    assert images.rule.values == ("3", "7")
    assert [cover.name for cover in images.legend.classes] == ["class 3", "class 7"]
    assert len({cover.colour for cover in images.legend.classes}) == 2
    assert images.problems == ()
    dataset = image_dataset(images)
    assert [patch.name for patch in dataset.patches] == ["place0", "place1", "place2"]
    assert len({patch.domain for patch in dataset.patches}) == 3
    patch = dataset.patches[0]
    labels, problem = read_mask(patch)
    assert problem is None
    assert labels.shape == patch.shape == (HEIGHT, WIDTH)
    assert (labels[:10, :10] == 0).all()
    assert (labels[20:, :80] == 1).all()
    assert (labels[:, 80:] == 2).all()
    assert (read_aerial(patch) == halves(0)).all()


def test_import__colour_table_and_names_from_csv(make_scene, tmp_path):
    folder = tmp_path / "coloured"
    make_scene("a.tif", halves(), folder=folder)
    values = np.where(np.arange(WIDTH) < 80, 3, 7) + np.zeros((HEIGHT, 1), int)
    path = make_scene("a_labels.tif", values, bands=1, folder=folder)
    import rasterio

    with rasterio.open(path, "r+") as target:
        target.write_colormap(1, {3: (10, 20, 30, 255), 7: (255, 0, 0, 255)})
    legend = dataset_of(folder).layout.legend
    assert [cover.colour for cover in legend.classes[:2]] == ["#0a141e", "#ff0000"]
    table = tmp_path / "classes.csv"
    table.write_text("value,name,colour\n7,sand,#ffee00\n3,water,\n")
    legend = dataset_of(folder, classes=table).layout.legend
    assert [(cover.name, cover.colour) for cover in legend.classes] == [
        ("sand", "#ffee00"),
        ("water", "#0a141e"),
    ]


def test_import__polygons_with_a_guessed_attribute(polygon_folder):
    dataset = dataset_of(polygon_folder, groups="blocks", block=60)
    assert [cover.name for cover in dataset.layout.legend.classes] == ["sand", "soil"]
    assert dataset.layout.rule.attribute == "kind"
    # Windows without a polygon can only be predicted.
    assert {patch.name for patch in dataset.patches}.isdisjoint(p.name for p in dataset.unlabelled)
    assert len(dataset.patches) + len(dataset.unlabelled) == 6
    assert dataset.unlabelled
    n_labels = sum(int((read_mask(patch)[0] > 0).sum()) for patch in dataset.patches)
    assert n_labels == 30 * 30 + 50 * 50


def test_import__the_rest_of_an_image_as_a_class(polygon_folder):
    dataset = dataset_of(polygon_folder, background="elsewhere", groups="files")
    names = [cover.name for cover in dataset.layout.legend.classes]
    assert names == ["sand", "soil", "elsewhere"]
    labels = read_mask(dataset.patches[0])[0]
    assert np.bincount(labels.ravel()).tolist() == [0, 2500, 900, WIDTH * HEIGHT - 3400]


def test_import__one_file_of_polygons_for_several_images(make_scene, make_annotations, tmp_path):
    """The images lie next to each other; each polygon counts in the image that it covers."""
    folder = tmp_path / "tiles"
    for number in range(2):
        transform = Affine(0.5, 0, 692_000 + number * 80, 0, -0.5, 4_796_000)
        make_scene(f"tile{number}.tif", halves(number), transform=transform, folder=folder)
    polygons = make_annotations(
        tmp_path / "all.tif",
        [ground_box(10, 10, 20, 20), ground_box(WIDTH + 100, 10, WIDTH + 110, 20)],
        [{"label": "dark"}, {"label": "bright"}],
    )
    dataset = dataset_of(folder, polygons, groups="files")
    labels = [read_mask(patch)[0] for patch in dataset.patches]
    assert [np.bincount(part.ravel(), minlength=3).tolist()[1:] for part in labels] == [
        [0, 100],
        [100, 0],
    ]


def test_import__invalid_pixels_have_no_class_and_do_not_count(make_scene, tmp_path):
    folder = tmp_path / "gaps"
    content = halves(high=3000).astype(int)
    content[:, :, :5] = -9999
    make_scene("a.tif", content, dtype="int16", nodata=-9999, folder=folder)
    labels = np.where(np.arange(WIDTH) < 80, 1, 2) + np.zeros((HEIGHT, 1), int)
    make_scene("a_mask.tif", labels, bands=1, folder=folder)
    dataset = dataset_of(folder)
    assert 2900 < dataset.layout.bands.divisor <= 3015
    for patch in dataset.patches:
        classes = read_mask(patch)[0]
        left = patch.window[0]
        assert ((classes == 0).all(axis=0) == (np.arange(patch.shape[1]) + left < 5)).all()
        assert np.isfinite(read_patch(dataset, dataset.patches.index(patch)).aerial).all()


def test_import__images_that_do_not_fit_are_named(make_scene, raster_folder):
    make_scene("odd.tif", bands=2, folder=raster_folder)
    (raster_folder / "broken.tif").write_bytes(b"not a raster")
    make_scene("shifted.tif", halves(), folder=raster_folder)
    make_scene("shifted.tif", np.ones((50, 60)), bands=1, folder=raster_folder / "labels")
    images = import_images(raster_folder, ImportSettings())
    problems = {problem.name: problem.reason for problem in images.problems}
    assert "it has 2 bands (uint8)" in problems["odd"]
    assert "cannot be opened" in problems["broken.tif"]
    assert "60 x 50 pixels" in problems["shifted"]
    counts = {image.path.stem: image.windows[0].n_labelled for image in images.images}
    assert counts == {**{f"place{i}": WIDTH * HEIGHT - 100 for i in range(3)}, "shifted": 0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attribute": "colour"}, "no attribute 'colour'"),
        ({"bands": ("red", "green")}, "2 names were given for 3 bands"),
        ({"bands": ("red", "red", "blue")}, "occurs twice"),
    ],
)
def test_import__settings_that_do_not_fit(polygon_folder, settings, message):
    with pytest.raises(SettingsError, match=message):
        import_images(polygon_folder, ImportSettings(**settings))


def test_import__nothing_to_learn_from(make_scene, make_annotations, tmp_path):
    with pytest.raises(TooFewError, match="no such folder"):
        import_images(tmp_path / "absent", ImportSettings())
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(TooFewError, match="no GeoTIFF"):
        import_images(empty, ImportSettings())
    image = make_scene("a.tif", folder=empty)
    with pytest.raises(TooFewError, match="there are no labels"):
        import_images(empty, ImportSettings())
    make_annotations(image, [ground_box(0, 0, 9, 9)], [{"label": "boat"}])
    with pytest.raises(TooFewError, match=r"1 class \(boat\)"):
        import_images(empty, ImportSettings())
    make_annotations(
        image, [ground_box(9000, 0, 9009, 9)] * 2, [{"label": "boat"}, {"label": "pier"}]
    )
    with pytest.raises(TooFewError, match="no pixel of any image has a label"):
        import_images(empty, ImportSettings())


def test_import__raster_and_polygons_do_not_mix(make_scene, make_annotations, raster_folder):
    image = make_scene("place9.tif", halves(), folder=raster_folder)
    make_annotations(image, [ground_box(0, 0, 9, 9)], [{"label": "boat"}])
    with pytest.raises(SettingsError, match="some labels are rasters"):
        import_images(raster_folder, ImportSettings())


def test_sample__random_by_default_since_polygons_may_be_small(polygon_folder):
    dataset = dataset_of(polygon_folder)
    assert default_draw(dataset) == "random"
    sample = SampleSettings(draw="random", n_per_patch=40)
    table = sample_pixels(dataset, range(len(dataset.patches)), sample)
    assert set(np.unique(table.labels)) == {1, 2}
    bright = table.aerial.mean(axis=1) > 120
    assert (bright == (table.labels == 1)).all()


def test_read_patch__a_missing_image_is_named(raster_folder):
    dataset = dataset_of(raster_folder)
    dataset.patches[0].image.unlink()
    with pytest.raises(ChipscapeError, match="the file is missing"):
        read_patch(dataset, 0, RequiredData())


def test_import__one_group_is_reported(polygon_folder):
    images = import_images(polygon_folder, ImportSettings(groups="files"))
    assert "all labels are in one group" in images.problems[-1].reason
    assert images.problems[-1].name == "polygons"


def two_polygons(image, make_annotations, left=10):
    shapes = [ground_box(left, 10, left + 30, 40), ground_box(left + 40, 10, left + 70, 40)]
    make_annotations(image, shapes, [{"label": "boat"}, {"label": "pier"}])


def test_import__polygons_elsewhere(make_scene, make_annotations, tmp_path):
    image = make_scene("a.tif", halves(), folder=tmp_path / "a")
    two_polygons(image, make_annotations, left=90_000)
    with pytest.raises(TooFewError, match=r"none of the 2 polygons .* are elsewhere") as caught:
        import_images(image.parent, ImportSettings())
    assert "georeference" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_import__polygons_for_an_image_without_georeference(make_scene, make_annotations, tmp_path):
    image = make_scene("a.tif", halves(), crs=None, transform=Affine.identity(), folder=tmp_path)
    two_polygons(image, make_annotations)
    with pytest.raises(TooFewError, match=r"a: none of the 2 polygons .* has no georeference"):
        import_images(tmp_path, ImportSettings())


def test_import__images_without_polygons_are_named(make_scene, make_annotations, tmp_path):
    first = make_scene("a.tif", halves(), folder=tmp_path / "w")
    two_polygons(first, make_annotations)
    second = make_scene("b.tif", halves(), folder=tmp_path / "w")
    two_polygons(second, make_annotations, left=90_000)
    images = import_images(first.parent, ImportSettings(background="water"))
    names = [p.name for p in images.problems if "elsewhere on the ground" in p.reason]
    assert names == ["b"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"block": 40, "groups": "files"}, "has no effect if files are left out"),
        ({"block": 40, "groups": "folders"}, "has no effect if folders are left out"),
        ({"block": 1}, "blocks of 1 x 1 pixels would divide the images into 19,200 windows"),
        ({"block": 15, "groups": "blocks"}, "at least 16 pixels"),
    ],
)
def test_import__blocks_that_are_not_used_or_too_small(polygon_folder, settings, message):
    with pytest.raises(SettingsError, match=message):
        import_images(polygon_folder, ImportSettings(**settings))


def test_import__a_size_of_blocks_means_blocks(raster_folder):
    images = import_images(raster_folder, ImportSettings(block=60))
    assert images.groups == "blocks of about 60 x 60 pixels"
    images = import_images(raster_folder, ImportSettings(block=100_000))
    assert images.groups == "files"
    assert "a block of 100,000 pixels is at least as large" in images.problems[0].reason
