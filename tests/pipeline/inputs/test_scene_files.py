"""Scenes that change while they are read: nothing computed from them is kept."""

import os
import shutil

import numpy as np
import pytest
import rasterio

from core.chips import extraction
from core.errors import ChangedInputError, SceneError
from core.pipeline import chip_images, chip_stages, scene_survey
from core.pipeline.inputs.scene_files import scene_sources
from core.pipeline.overview_stage import build_all_overviews
from core.pipeline.run import run_pipeline
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace


def cut(workspace, settings, **options):
    return run_pipeline(Workspace.at(workspace.root, **options), settings(), until="chips")


def invert(raster):
    """Replace the pixels, but neither size nor modification time."""
    status = raster.stat()
    with rasterio.open(raster, "r+") as target:
        target.write(255 - target.read())
    os.utime(raster, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(raster):
    os.truncate(raster, raster.stat().st_size // 2)


def remove(raster):
    raster.unlink()


def add_mask(raster):
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False),
        rasterio.open(raster.parent.parent / "mask.tif", "w", **rasterio.open(raster).profile) as t,
    ):
        t.write_mask(np.zeros(t.shape, bool))
    (raster.parent.parent / "mask.tif.msk").rename(f"{raster}.msk")


def swap_and_restore(raster):
    """Read other pixels in the meantime, although the file is the same before and after."""
    aside = raster.parent.parent / "aside.tif"
    raster.rename(aside)
    shutil.copy2(aside, raster)
    invert(raster)
    yield
    aside.replace(raster)


@pytest.fixture
def while_cutting(monkeypatch):
    """Call a function after the header of scene b was read, but before its pixels are."""

    def install(disturb, after=lambda: None):
        def cut_disturbed(scene, *arguments, **options):
            if scene.name == "b":
                disturb(scene.path)
            yield from extraction.write_chips(scene, *arguments, **options)
            if scene.name == "b":
                after()

        monkeypatch.setattr(chip_stages, "write_chips", cut_disturbed)

    return install


@pytest.mark.parametrize("disturb", [invert, truncate, remove, add_mask])
def test_chips__of_a_scene_that_changes_are_not_kept(
    workspace, settings, data_files, while_cutting, tmp_path, monkeypatch, disturb
):
    scene = workspace.raw / "b.tif"
    original = tmp_path / "original.tif"
    shutil.copy2(scene, original)
    while_cutting(disturb)
    with pytest.raises(ChangedInputError, match=r"b\.tif.*was changed, moved or removed"):
        cut(workspace, settings)
    assert len(data_files(workspace.root, "chips")) == 4  # those of scene a
    monkeypatch.undo()

    shutil.copy2(original, scene)
    (workspace.raw / "b.tif.msk").unlink(missing_ok=True)
    run = cut(workspace, settings)
    shutil.rmtree(workspace.artifacts)
    clean = cut(workspace, settings)
    assert run.chips.keys == clean.chips.keys
    np.testing.assert_array_equal(run.chips.read(range(40))[0], clean.chips.read(range(40))[0])


def test_chips__of_a_scene_that_changes_and_is_restored(workspace, settings, while_cutting):
    steps = []

    def swap(path):
        steps.append(swap_and_restore(path))
        next(steps[0])

    while_cutting(swap, after=lambda: next(steps[0], None))
    with pytest.raises(ChangedInputError, match="stage chips"):
        cut(workspace, settings)


def test_chips__an_error_that_passes_is_not_kept(workspace, settings, monkeypatch):
    def fail(scene, *arguments, **options):
        if scene.name == "b":
            raise SceneError("a read error of the disk", where="b.tif")
        return extraction.write_chips(scene, *arguments, **options)

    monkeypatch.setattr(chip_stages, "write_chips", fail)
    run = cut(workspace, settings)
    assert any("left out: b.tif: a read error" in note for note in run.notes())
    monkeypatch.undo()
    monkeypatch.setattr("core.artifacts.store._CHECKED", set())  # another process
    run = cut(workspace, settings)
    assert len(run.chips) == 40
    assert run.notes() == []


@pytest.mark.parametrize("stage", ["chips", "scenes"])
def test_verify__finds_results_of_changed_input(
    workspace, settings, data_files, monkeypatch, stage
):
    """Earlier versions kept results of changed input under the key of the original."""
    run_pipeline(workspace, settings(), until="reduction")
    right = data_files(workspace.root)
    shutil.rmtree(workspace.artifacts)

    if stage == "chips":
        # Without the check, results of changed pixels are kept.
        stages = chip_stages.CHIPS
        monkeypatch.setattr(chip_stages, "scene_sources", lambda *_: ())
        object.__setattr__(stages, "sources", None)
        cut_read_task = extraction.cut_read_task

        def wrong(task):
            chips = cut_read_task(task)
            if task.scene.name == "b":
                chips.values[:] = 255 - chips.values
            return chips

        monkeypatch.setattr(extraction, "cut_read_task", wrong)
    else:
        inspect = scene_survey.inspect_scene

        def wrong(path, *arguments, **options):
            report, scene, footprints = inspect(path, *arguments, **options)
            footprints.pixels[:] = footprints.pixels[::-1].copy()
            return report, scene, footprints

        monkeypatch.setattr(scene_survey, "inspect_scene", wrong)
    run_pipeline(workspace, settings(), until="reduction")
    monkeypatch.undo()
    assert data_files(workspace.root).keys() == right.keys()
    assert data_files(workspace.root) != right

    assert set(run_pipeline(workspace, settings(), until="reduction").stages.values()) == {"cached"}
    run = run_pipeline(Workspace.at(workspace.root, verify=True), settings(), until="reduction")
    assert run.stages["chips"] == run.stages["reduction"] == "computed"
    assert data_files(workspace.root) == right


def test_verify__keeps_what_is_right(workspace, settings, caplog):
    cut(workspace, settings)
    run = cut(workspace, settings, verify=True)
    assert set(run.stages.values()) == {"cached"}
    assert caplog.messages == []


def test_survey__a_file_that_disappears_hides_no_other(workspace, monkeypatch):
    find_rasters = scene_survey.find_rasters

    def find_and_remove(folder):
        paths = find_rasters(folder)
        (folder / "b.tif").unlink()
        return paths

    monkeypatch.setattr(scene_survey, "find_rasters", find_and_remove)
    survey = survey_scenes(workspace)
    assert [scene.usable for scene in survey.scenes] == [True, False]
    assert "b.tif" in survey.reports[1].error


def test_survey__a_file_that_is_still_being_copied(workspace, monkeypatch):
    scene, inspect = workspace.raw / "b.tif", scene_survey.inspect_scene
    content = scene.read_bytes()
    scene.write_bytes(content[: len(content) // 2])

    def inspect_growing(path, *arguments, **options):
        if path == scene:
            scene.write_bytes(content)
        return inspect(path, *arguments, **options)

    monkeypatch.setattr(scene_survey, "inspect_scene", inspect_growing)
    assert "was changed" in survey_scenes(workspace).reports[1].error
    monkeypatch.undo()
    assert survey_scenes(workspace).reports[1].ok
    assert len(workspace.store.all("scenes")) == 2


def test_samples_and_overviews__of_a_scene_that_has_changed(workspace, settings):
    survey = survey_scenes(workspace)
    invert(workspace.raw / "b.tif")
    with pytest.raises(ChangedInputError):
        scene_sources(
            workspace, survey.scenes[1].path, survey.scenes[1].artifact.manifest["inputs"]
        )
    rendering = chip_images.find_rendering(workspace, survey, "uint8", survey.reports[1].bands)
    assert np.isfinite(rendering.limits).all()
    assert len(workspace.store.all("percentiles")) == 1  # that of scene a
    assert set(build_all_overviews(workspace, survey, chip_images.DisplaySettings()).values()) == {
        "not needed"
    }
