"""Land cover pages where files are damaged: what can be read is shown, the rest is named."""

import pytest
import rasterio
from streamlit.testing.v1 import AppTest

from core.flair.data.file_discovery import discover
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.flair_workspace import ensure_land_cover, folder_of
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.workspace import Workspace

from .test_land_cover_pages import opened, texts


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Seven patches: a mask of another size, an image and a Sentinel series that are cut off."""
    home = Workspace(tmp_path_factory.mktemp("broken"))
    place = home.demo
    ensure_land_cover(place, 7)
    first, _, third, fourth, *_ = discover(folder_of(place)).patches
    with rasterio.open(first.mask) as source:
        values, profile = source.read()[:, :500, :500], source.profile
    profile.update(width=500, height=500)
    with rasterio.open(first.mask, "w", **profile) as target:
        target.write(values)
    fourth.image.write_bytes(fourth.image.read_bytes()[:3000])
    third.super_area.data.write_bytes(third.super_area.data.read_bytes()[:3000])
    return home


def shown(app: AppTest) -> list[str]:
    """Captions of the pictures."""
    return [words for block in app.get("image") for words in block.captions]


def test_samples__an_unreadable_mask_leaves_the_image(broken, monkeypatch):
    app = opened(broken, "land_cover_data", monkeypatch, patch=0)
    assert not app.exception
    assert not app.error
    assert any("The mask" in one.value and "500" in one.value for one in app.warning)
    assert any("red, green, blue" in words for words in shown(app))
    assert not any("Classes" in words for words in shown(app))
    assert any("Super area" in words for words in shown(app))


def test_samples__an_unreadable_image_leaves_the_classes(broken, monkeypatch):
    app = opened(broken, "land_cover_data", monkeypatch, patch=3)
    assert not app.error
    assert any("The image" in one.value for one in app.warning)
    assert any("Classes" in words for words in shown(app))


def test_samples__unreadable_sentinel_files_leave_the_patch(broken, monkeypatch):
    app = opened(broken, "land_cover_data", monkeypatch, patch=2)
    assert not app.error
    assert any("Sentinel" in one.value for one in app.warning)
    assert any("Overlay" in words for words in shown(app))


@pytest.mark.parametrize(
    ("view", "missing"),
    [("rgb", ["image"]), ("mask", ["mask"]), ("overlay", ["image"])],
)
def test_gallery__names_what_cannot_be_shown_and_shows_the_rest(broken, monkeypatch, view, missing):
    app = opened(
        broken, "land_cover_data", monkeypatch, **{"data view": "gallery", "gallery": view}
    )
    assert not app.error
    said = " ".join(element.proto.body for element in app.get("html"))
    assert said.count("<figure") == 7
    for what in ("image", "mask"):
        assert (f"{what} cannot be read" in said) == (what in missing)
    warned = [one.value.replace("\\", "") for one in app.warning]
    assert len(warned) == 2
    assert any("IMG_000001: the mask" in words for words in warned)


def test_inspector__an_unreadable_mask_leaves_the_spectra(broken, monkeypatch):
    app = opened(broken, "land_cover_pixels", monkeypatch, patch=0, inspected="mask")
    assert not app.exception
    assert not app.error
    assert any("The mask" in one.value for one in app.warning)
    said = " ".join(element.proto.body for element in app.get("html"))
    assert "no class" in said
    assert "aerial only" not in texts(app)


def test_inspector__without_an_image_there_is_no_pixel(broken, monkeypatch):
    app = opened(broken, "land_cover_pixels", monkeypatch, patch=3)
    assert not app.exception
    assert not app.error
    assert "no pixels to inspect" in texts(app)


def test_grid__names_the_patches_that_cells_left_out(broken, monkeypatch):
    study = Study(broken.demo, StudySettings())
    for spec in (FeatureSpec(), FeatureSpec(fusion=True)):
        study.cell(MethodSettings(), spec)
    app = opened(broken, "land_cover_models", monkeypatch, **{"model view": "grid"})
    assert not app.exception
    (warned,) = [one.value.replace("\\", "") for one in app.warning]
    assert "IMG_000001 by 2 configurations" in warned
    assert "IMG_000003 by 1 configuration" in warned
    assert "judged fewer patches" in warned
    table = app.dataframe[0].value.dropna(subset="mIoU").set_index("Configuration")
    n = [words.split(" of ") for words in table["Patches judged"]]
    assert int(n[0][0]) > int(n[1][0])
