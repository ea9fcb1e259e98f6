"""Land cover pages with damaged files: what can be read is displayed, the rest is reported."""

import pytest
import rasterio
from streamlit.testing.v1 import AppTest

from core.land.data.file_discovery import discover_dataset
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land.land_workspace import ensure_land_cover, flair_folder
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.workspace import Workspace

from .test_land_cover_pages import open_page, texts


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Seven patches: a mask of another size, an image and a Sentinel series that are cut off."""
    home = Workspace(tmp_path_factory.mktemp("damaged"))
    ensure_land_cover(home.demo, 7)
    first, _, third, fourth, *_ = discover_dataset(flair_folder(home.demo)).patches
    with rasterio.open(first.mask) as source:
        values, profile = source.read()[:, :500, :500], source.profile
    profile.update(width=500, height=500)
    with rasterio.open(first.mask, "w", **profile) as target:
        target.write(values)
    fourth.image.write_bytes(fourth.image.read_bytes()[:3000])
    third.super_area.data.write_bytes(third.super_area.data.read_bytes()[:3000])
    return home


def captions(app: AppTest) -> list[str]:
    return [caption for block in app.get("image") for caption in block.captions]


def test_samples__image_is_displayed_if_the_mask_is_unreadable(damaged, monkeypatch):
    app = open_page(damaged, "land_cover_data", monkeypatch, patch=0)
    assert not app.exception
    assert not app.error
    assert any("The mask" in warning.value and "500" in warning.value for warning in app.warning)
    assert any("red, green, blue" in caption for caption in captions(app))
    assert not any("Classes" in caption for caption in captions(app))
    assert any("Super area" in caption for caption in captions(app))


def test_samples__classes_are_displayed_if_the_image_is_unreadable(damaged, monkeypatch):
    app = open_page(damaged, "land_cover_data", monkeypatch, patch=3)
    assert not app.error
    assert any("The image" in warning.value for warning in app.warning)
    assert any("Classes" in caption for caption in captions(app))


def test_samples__patch_is_displayed_if_sentinel_files_are_unreadable(damaged, monkeypatch):
    app = open_page(damaged, "land_cover_data", monkeypatch, patch=2)
    assert not app.error
    assert any("Sentinel" in warning.value for warning in app.warning)
    assert any("Overlay" in caption for caption in captions(app))


@pytest.mark.parametrize(
    ("view", "missing"), [("rgb", ["image"]), ("mask", ["mask"]), ("overlay", ["image"])]
)
def test_gallery__names_what_cannot_be_read(damaged, monkeypatch, view, missing):
    values = {"data view": "gallery", "gallery": view}
    app = open_page(damaged, "land_cover_data", monkeypatch, **values)
    assert not app.error
    html = " ".join(element.proto.body for element in app.get("html"))
    assert html.count("<figure") == 7
    for part in ("image", "mask"):
        assert (f"{part} cannot be read" in html) == (part in missing)
    warnings = [warning.value.replace("\\", "") for warning in app.warning]
    assert len(warnings) == 2
    assert any("IMG_000001: the mask" in warning for warning in warnings)


def test_inspector__spectra_are_displayed_if_the_mask_is_unreadable(damaged, monkeypatch):
    app = open_page(damaged, "land_cover_pixels", monkeypatch, patch=0, inspected="mask")
    assert not app.exception
    assert not app.error
    assert any("The mask" in warning.value for warning in app.warning)
    html = " ".join(element.proto.body for element in app.get("html"))
    assert "no class" in html
    assert "no Sentinel spectrum" not in texts(app)


def test_inspector__no_pixel_without_an_image(damaged, monkeypatch):
    app = open_page(damaged, "land_cover_pixels", monkeypatch, patch=3)
    assert not app.exception
    assert not app.error
    assert "no pixels to inspect" in texts(app)


def test_grid__names_patches_left_out_of_runs(damaged, monkeypatch):
    study = Study(damaged.demo, StudySettings())
    for spec in (FeatureSpec(), FeatureSpec(fusion=True)):
        StudyRun(study, MethodSettings(), spec).make(CELLS)
    app = open_page(damaged, "land_cover_models", monkeypatch, **{"model view": "grid"})
    assert not app.exception
    (warning,) = [warning.value.replace("\\", "") for warning in app.warning]
    assert "IMG_000001 by 2 configurations" in warning
    assert "IMG_000003 by 1 configuration" in warning
    assert "evaluated on fewer patches" in warning
    table = app.dataframe[0].value.dropna(subset="mIoU").set_index("Configuration")
    n = [text.split(" of ") for text in table["Evaluated patches"]]
    assert int(n[0][0]) > int(n[1][0])
