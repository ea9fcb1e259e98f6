"""The look-alike: FLAIR's layout, its bytes, what it looks like, and how hard it is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from sklearn.neighbors import KNeighborsClassifier

from core.demo.land_cover.patches import check_settings, sheets, write_land_cover
from core.errors import Cancelled, SettingsError, WorkspaceError
from core.flair.data.dataset import Dataset
from core.flair.data.file_discovery import discover
from core.flair.data.patch_reading import Needs, read_aerial, read_mask, read_patch
from core.flair.data.pixel_sampling import SampleSettings, sample
from core.flair.data.pixel_table import PixelTable
from core.flair.data.sentinel import SentinelSettings, around_patch, open_series
from core.flair.models.features import FeatureSpec, build

ROOTS = (
    "flair-2_aerial_metadata.json", "flair-2_centroids_sp_to_patch.json", "flair_2_aerial_test",
    "flair_2_labels_test", "flair_2_sen_test", "flair_aerial_train", "flair_labels_train",
    "flair_sen_train",
)  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("land")
    write_land_cover(folder, patches=3)
    return folder


@pytest.fixture(scope="module")
def land(root: Path) -> Dataset:
    return discover(root)


def test_write_land_cover__exact_layout(root: Path, land: Dataset) -> None:
    assert tuple(sorted(p.name for p in root.iterdir())) == ROOTS
    assert land.problems == ()
    assert [p.split for p in land.patches] == ["train", "train", "test"]
    assert len({p.domain for p in land.patches}) == 3
    first = land.patches[0]
    assert first.image.relative_to(root).as_posix() == (
        "flair_aerial_train/D901_2020/Z1_UA/img/IMG_000001.tif"
    )
    assert first.super_area is not None
    assert first.super_area.products.name == "SEN2_sp_D901_2020-Z1_UA_products.txt"
    with rasterio.open(first.image) as image, rasterio.open(first.mask) as mask:
        assert (image.count, *image.shape, image.dtypes[0]) == (5, 512, 512, "uint8")
        assert (mask.count, *mask.shape, mask.dtypes[0]) == (1, 512, 512, "uint8")
        assert image.crs.to_epsg() == 2154
        assert image.transform == mask.transform
        assert image.res == (0.2, 0.2)
        x, y = image.transform @ (256, 256)
    metadata = json.loads((root / "flair-2_aerial_metadata.json").read_text())["IMG_000001"]
    assert (metadata["domain"], metadata["zone"]) == ("D901_2020", "Z1_UA")
    assert metadata["patch_centroid_x"] == pytest.approx(x, abs=0.05)
    assert metadata["patch_centroid_y"] == pytest.approx(y, abs=0.05)


def test_write_land_cover__sentinel_year(land: Dataset) -> None:
    for patch in land.patches:
        assert patch.super_area is not None
        series = open_series(patch.super_area)
        assert len(series.dates) == 24
        assert list(series.dates) == sorted(series.dates)
        assert {date[:4] for date in series.dates} == {patch.domain[-4:]}
        assert series.masks.max() <= 100
        around = around_patch(patch, SentinelSettings())
        assert around.series.data.shape == (24, 10, 40, 40)
        assert 6 <= around.kept.sum() <= 23
        # Winter under snow, and snow as bright as it should be.
        snow = np.asarray(series.masks[:, 0]) >= 60
        assert snow[0].mean() > 0.3 or (np.asarray(series.masks[0, 1]) >= 60).mean() > 0.3
        cloud = np.asarray(series.masks[:, 1]) >= 60
        blue = np.asarray(series.data[:, 0], float)
        assert blue[cloud].mean() > 3 * blue[~cloud & ~snow].mean()


def test_write_land_cover__vegetation_has_seasons(land: Dataset) -> None:
    patch = land.patches[0]
    around = around_patch(patch, SentinelSettings())
    data = np.asarray(around.series.data[around.kept], float)
    index = ((data[:, 6] - data[:, 2]) / (data[:, 6] + data[:, 2])).mean(axis=(1, 2))
    assert index.max() - index.min() > 0.1


def test_write_land_cover__same_seed_same_bytes(root: Path, tmp_path: Path) -> None:
    write_land_cover(tmp_path / "again", patches=3)
    write_land_cover(tmp_path / "other", patches=3, seed=1)
    files = sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())
    assert files == sorted(
        p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()
    )
    assert all((root / f).read_bytes() == (tmp_path / "again" / f).read_bytes() for f in files)
    images = [f for f in files if f.suffix == ".tif"]
    assert all((root / f).read_bytes() != (tmp_path / "other" / f).read_bytes() for f in images)


def test_write_land_cover__classes_smooth_and_shifting(land: Dataset) -> None:
    shares = []
    for patch in land.patches:
        labels, problem = read_mask(patch)
        assert problem is None
        same = (labels[:, 1:] == labels[:, :-1]).mean()
        assert same > 0.97
        shares.append(np.bincount(np.minimum(labels, 13).ravel(), minlength=14)[1:] / labels.size)
    found = np.array(shares)
    assert (found.sum(axis=0) > 0).all()
    # Half the sum of differences between two domains: no two alike.
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(found[first] - found[second]).sum() / 2 > 0.12


def test_write_land_cover__looks_like_land(land: Dataset) -> None:
    for patch in land.patches:
        aerial = read_aerial(patch).astype(float)
        labels = read_mask(patch)[0]
        red, near, height = aerial[0], aerial[3], aerial[4]
        green = np.isin(labels, (6, 7, 8, 10))
        assert np.median(near[green] - red[green]) > 20
        assert np.median(near[labels == 5]) < 70
        # Trees and houses stand, water and roads lie: five counts a metre.
        assert np.median(height[labels == 1]) > 15
        assert np.median(height[labels == 7]) > 20
        assert np.median(height[labels == 3]) < 5
        # Shadows: dark pixels on roads and grass beside the bright ones.
        road = aerial[:3, labels == 10].mean(axis=0)
        assert np.percentile(road, 2) < 0.6 * np.median(road)
        # Texture in every class, clipped pixels in none.
        assert (aerial[:4] == 255).mean() < 0.01
        assert (aerial[:4] == 0).mean() < 0.01
        for value in (7, 10, 12):
            assert aerial[1][labels == value].std() > 4


def test_write_land_cover__mask_lies_on_the_image(land: Dataset) -> None:
    aerial, labels = read_aerial(land.patches[0]), read_mask(land.patches[0])[0]
    water = labels == 5
    near = aerial[3].astype(float)
    aligned = near[~water].mean() - near[water].mean()
    shifted = np.roll(water, 40, axis=0)
    assert aligned > 1.2 * (near[~shifted].mean() - near[shifted].mean())


def test_write_land_cover__sentinel_sees_the_same_land(land: Dataset) -> None:
    for index in range(len(land.patches)):
        table = read_patch(land, index, Needs(sentinel=True))
        assert table.sentinel is not None
        dark = (table.labels == 5).reshape(512, 512)[6:506, 6:506]
        water = dark.reshape(10, 50, 10, 50).mean(axis=(1, 3))
        near = table.sentinel[:, 6].reshape(512, 512)[31:506:50, 31:506:50]
        here = -np.corrcoef(water.ravel(), near.ravel())[0, 1]
        assert here > 0.5


def test_write_land_cover__centroids_are_row_and_column(root: Path, land: Dataset) -> None:
    centroids = json.loads((root / "flair-2_centroids_sp_to_patch.json").read_text())
    assert any(row != column for row, column in centroids.values())
    for domain, patch in enumerate(land.patches):
        with rasterio.open(patch.image) as image:
            x, y = image.transform @ (256, 256)
        # The area's upper left corner: 720 m above and left of where its country begins.
        row = (6_600_000 + 60_000 * domain + 720 - y) / 10
        column = (x - 600_000 - 40_000 * domain) / 10
        assert abs(centroids[f"{patch.name}.tif"][0] - row) <= 0.52
        assert abs(centroids[f"{patch.name}.tif"][1] - column) <= 0.52


def counts(truth: Any, predicted: Any) -> Any:
    return np.bincount(truth.astype(int) * 20 + predicted, minlength=400).reshape(20, 20)


def miou(table: Any) -> float:
    with np.errstate(invalid="ignore"):
        iou = np.diag(table) / (table.sum(0) + table.sum(1) - np.diag(table))
    return float(np.nanmean(iou[1:13]))


def test_write_land_cover__hard_enough(land: Dataset) -> None:
    needs = Needs(sentinel=True)
    indexes = range(len(land.patches))
    train = sample(land, list(indexes), SampleSettings(), needs)
    rng = np.random.default_rng(0)
    some = [np.sort(rng.choice(512 * 512, 4000, replace=False)) for _ in indexes]
    queries = [read_patch(land, i, needs).take(some[i]) for i in indexes]

    def left_out(spec: FeatureSpec) -> float:
        total: Any = 0
        for i in indexes:
            rest: PixelTable = train.take(train.patch != i)
            model = KNeighborsClassifier(3).fit(build(rest, spec).matrix, rest.labels)
            total += counts(queries[i].labels, model.predict(build(queries[i], spec).matrix))
        return miou(total)

    aerial, fused = left_out(FeatureSpec()), left_out(FeatureSpec(fusion=True))
    assert 0.25 < aerial < 0.70
    assert 0.25 < fused < 0.70
    assert abs(aerial - fused) > 0.002
    labels = np.concatenate([query.labels for query in queries])
    assert miou(counts(labels, rng.permutation(labels))) < 0.1
    assert miou(counts(labels, rng.integers(1, 14, labels.size))) < 0.1


def test_sheets__spread_over_the_domains() -> None:
    for n in (3, 4, 5, 12, 50):
        made = sheets(n)
        numbers = [number for sheet in made for number in sheet.patches]
        assert numbers == list(range(1, n + 1))
        by_domain: dict[str, int] = {}
        for sheet in made:
            key = sheet.country.name
            by_domain[key] = by_domain.get(key, 0) + len(sheet.patches)
        assert len(by_domain) == 3
        assert max(by_domain.values()) - min(by_domain.values()) <= 1
        assert len({(sheet.country.name, sheet.area) for sheet in made}) == len(made)


@pytest.mark.parametrize(("patches", "seed"), [(2, 0), (0, 0), (3001, 0), (3, -1)])
def test_check_settings__bounds(patches: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        check_settings(patches, seed)
    with pytest.raises(SettingsError):
        write_land_cover(tmp_path / "x", patches=patches, seed=seed)
    assert not (tmp_path / "x").exists()


def test_write_land_cover__stopped_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_land_cover(tmp_path, patches=3, report=lambda done, *_: done >= 1)
    assert list(tmp_path.iterdir()) == []


def test_write_land_cover__a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(WorkspaceError):
        write_land_cover(tmp_path / "x", patches=3)
