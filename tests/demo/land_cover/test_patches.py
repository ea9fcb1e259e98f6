"""The synthetic land cover: layout, reproducibility, appearance and difficulty."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from sklearn.neighbors import KNeighborsClassifier

from core.demo.land_cover.patches import check_patch_settings, plan_areas, write_land_cover
from core.errors import Cancelled, SettingsError, WorkspaceError
from core.land.data.dataset import Dataset
from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import RequiredData, read_aerial, read_mask, read_patch
from core.land.data.pixel_sampling import SampleSettings, sample_pixels
from core.land.data.pixel_table import PixelTable
from core.land.data.sentinel import SentinelSettings, open_series, patch_super_patch
from core.land.models.features import FeatureSpec, build_features

ENTRIES = (
    "flair-2_aerial_metadata.json",
    "flair-2_centroids_sp_to_patch.json",
    "flair_2_aerial_test",
    "flair_2_labels_test",
    "flair_2_sen_test",
    "flair_aerial_train",
    "flair_labels_train",
    "flair_sen_train",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("land")
    write_land_cover(folder, patches=3)
    return folder


@pytest.fixture(scope="module")
def land(root: Path) -> Dataset:
    return discover_dataset(root)


def test_write_land_cover__layout_of_flair(root: Path, land: Dataset) -> None:
    assert tuple(sorted(p.name for p in root.iterdir())) == ENTRIES
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
        super_patch = patch_super_patch(patch, SentinelSettings())
        assert super_patch.series.data.shape == (24, 10, 40, 40)
        assert 6 <= super_patch.usable.sum() <= 23
        # Snow or clouds in winter, and clouds as bright as they should be.
        snow = np.asarray(series.masks[:, 0]) >= 60
        assert snow[0].mean() > 0.3 or (np.asarray(series.masks[0, 1]) >= 60).mean() > 0.3
        cloud = np.asarray(series.masks[:, 1]) >= 60
        blue = np.asarray(series.data[:, 0], float)
        assert blue[cloud].mean() > 3 * blue[~cloud & ~snow].mean()


def test_write_land_cover__vegetation_has_seasons(land: Dataset) -> None:
    patch = land.patches[0]
    super_patch = patch_super_patch(patch, SentinelSettings())
    data = np.asarray(super_patch.series.data[super_patch.usable], float)
    ndvi = ((data[:, 6] - data[:, 2]) / (data[:, 6] + data[:, 2])).mean(axis=(1, 2))
    assert ndvi.max() - ndvi.min() > 0.1


def test_write_land_cover__same_seed_same_bytes(root: Path, tmp_path: Path) -> None:
    same_seed, other_seed = tmp_path / "same_seed", tmp_path / "other_seed"
    write_land_cover(same_seed, patches=3)
    write_land_cover(other_seed, patches=3, seed=1)
    files = sorted(p.relative_to(root) for p in root.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(same_seed) for p in same_seed.rglob("*") if p.is_file())
    assert all((root / f).read_bytes() == (same_seed / f).read_bytes() for f in files)
    images = [f for f in files if f.suffix == ".tif"]
    assert all((root / f).read_bytes() != (other_seed / f).read_bytes() for f in images)


def test_write_land_cover__classes_are_smooth_and_shift_between_domains(land: Dataset) -> None:
    shares = []
    for patch in land.patches:
        labels, problem = read_mask(patch)
        assert problem is None
        equal_neighbours = (labels[:, 1:] == labels[:, :-1]).mean()
        assert equal_neighbours > 0.97
        shares.append(np.bincount(np.minimum(labels, 13).ravel(), minlength=14)[1:] / labels.size)
    class_shares = np.array(shares)
    assert (class_shares.sum(axis=0) > 0).all()
    # Half the sum of absolute differences: every two domains differ.
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(class_shares[first] - class_shares[second]).sum() / 2 > 0.12


def test_write_land_cover__looks_like_land(land: Dataset) -> None:
    for patch in land.patches:
        aerial = read_aerial(patch).astype(float)
        labels = read_mask(patch)[0]
        red, infrared, height = aerial[0], aerial[3], aerial[4]
        plants = np.isin(labels, (6, 7, 8, 10))
        assert np.median(infrared[plants] - red[plants]) > 20
        assert np.median(infrared[labels == 5]) < 70
        # Trees and buildings are high, roads are not; there are five counts to a metre.
        assert np.median(height[labels == 1]) > 15
        assert np.median(height[labels == 7]) > 20
        assert np.median(height[labels == 3]) < 5
        # Shadows: some grass is much darker than the rest.
        grass = aerial[:3, labels == 10].mean(axis=0)
        assert np.percentile(grass, 2) < 0.6 * np.median(grass)
        # Each class has texture, and hardly any pixel is clipped.
        assert (aerial[:4] == 255).mean() < 0.01
        assert (aerial[:4] == 0).mean() < 0.01
        for value in (7, 10, 12):
            assert aerial[1][labels == value].std() > 4


def test_write_land_cover__mask_lies_on_the_image(land: Dataset) -> None:
    aerial, labels = read_aerial(land.patches[0]), read_mask(land.patches[0])[0]
    water = labels == 5
    infrared = aerial[3].astype(float)
    contrast = infrared[~water].mean() - infrared[water].mean()
    shifted_water = np.roll(water, 40, axis=0)
    assert contrast > 1.2 * (infrared[~shifted_water].mean() - infrared[shifted_water].mean())


def test_write_land_cover__sentinel_shows_the_same_water(land: Dataset) -> None:
    for index in range(len(land.patches)):
        table = read_patch(land, index, RequiredData(sentinel=True))
        assert table.sentinel is not None
        water = (table.labels == 5).reshape(512, 512)[6:506, 6:506]
        water_fraction = water.reshape(10, 50, 10, 50).mean(axis=(1, 3))
        infrared = table.sentinel[:, 6].reshape(512, 512)[31:506:50, 31:506:50]
        correlation = -np.corrcoef(water_fraction.ravel(), infrared.ravel())[0, 1]
        assert correlation > 0.5


def test_write_land_cover__centroids_are_row_and_column(root: Path, land: Dataset) -> None:
    centroids = json.loads((root / "flair-2_centroids_sp_to_patch.json").read_text())
    assert any(row != column for row, column in centroids.values())
    for domain, patch in enumerate(land.patches):
        with rasterio.open(patch.image) as image:
            x, y = image.transform @ (256, 256)
        # The upper left corner of each area lies 720 m north of the origin of its domain.
        row = (6_600_000 + 60_000 * domain + 720 - y) / 10
        column = (x - 600_000 - 40_000 * domain) / 10
        assert abs(centroids[f"{patch.name}.tif"][0] - row) <= 0.52
        assert abs(centroids[f"{patch.name}.tif"][1] - column) <= 0.52


def confusion_matrix(truth: Any, predictions: Any) -> Any:
    return np.bincount(truth.astype(int) * 20 + predictions, minlength=400).reshape(20, 20)


def miou(matrix: Any) -> float:
    with np.errstate(invalid="ignore"):
        iou = np.diag(matrix) / (matrix.sum(0) + matrix.sum(1) - np.diag(matrix))
    return float(np.nanmean(iou[1:13]))


def test_write_land_cover__neither_trivial_nor_impossible_to_classify(land: Dataset) -> None:
    required_data = RequiredData(sentinel=True)
    indexes = range(len(land.patches))
    train = sample_pixels(land, list(indexes), SampleSettings(), required_data)
    rng = np.random.default_rng(0)
    pixels = [np.sort(rng.choice(512 * 512, 4000, replace=False)) for _ in indexes]
    queries = [read_patch(land, i, required_data).take(pixels[i]) for i in indexes]

    def leave_one_out_miou(spec: FeatureSpec) -> float:
        matrix: Any = 0
        for i in indexes:
            table: PixelTable = train.take(train.patch != i)
            model = KNeighborsClassifier(3).fit(build_features(table, spec).matrix, table.labels)
            predictions = model.predict(build_features(queries[i], spec).matrix)
            matrix += confusion_matrix(queries[i].labels, predictions)
        return miou(matrix)

    aerial_miou = leave_one_out_miou(FeatureSpec())
    fusion_miou = leave_one_out_miou(FeatureSpec(fusion=True))
    assert 0.25 < aerial_miou < 0.70
    assert 0.25 < fusion_miou < 0.70
    assert abs(aerial_miou - fusion_miou) > 0.002
    labels = np.concatenate([query.labels for query in queries])
    assert miou(confusion_matrix(labels, rng.permutation(labels))) < 0.1
    assert miou(confusion_matrix(labels, rng.integers(1, 14, labels.size))) < 0.1


def test_plan_areas__spread_over_the_domains() -> None:
    for n in (3, 4, 5, 12, 50):
        areas = plan_areas(n)
        numbers = [number for area_plan in areas for number in area_plan.patches]
        assert numbers == list(range(1, n + 1))
        by_domain: dict[str, int] = {}
        for area_plan in areas:
            domain = area_plan.domain.name
            by_domain[domain] = by_domain.get(domain, 0) + len(area_plan.patches)
        assert len(by_domain) == 3
        assert max(by_domain.values()) - min(by_domain.values()) <= 1
        assert len({(area_plan.domain.name, area_plan.area) for area_plan in areas}) == len(areas)


@pytest.mark.parametrize(("patches", "seed"), [(2, 0), (0, 0), (3001, 0), (3, -1)])
def test_check_patch_settings__bounds(patches: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        check_patch_settings(patches, seed)
    with pytest.raises(SettingsError):
        write_land_cover(tmp_path / "x", patches=patches, seed=seed)
    assert not (tmp_path / "x").exists()


def test_write_land_cover__cancelled_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        write_land_cover(tmp_path, patches=3, report=lambda step, *_: step >= 1)
    assert list(tmp_path.iterdir()) == []


def test_write_land_cover__root_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(WorkspaceError):
        write_land_cover(tmp_path / "x", patches=3)
