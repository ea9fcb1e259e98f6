"""Bands with a single value, such as an alpha band of 255, are not passed to encoders."""

import json

import numpy as np
import pytest
import rasterio

from core.pipeline.chip_stages import open_chips, outline_chips
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace

NAMES = ("red", "alpha", "green", "blue")


@pytest.fixture
def with_constant_band(workspace, make_scene):
    """Insert a second band with one value into the scenes a and b; return the workspace."""

    def insert(*values):
        for raster, value in zip(sorted(workspace.raw.glob("*.tif")), values, strict=True):
            with rasterio.open(raster) as source:
                content, profile = source.read(), {"transform": source.transform}
            content = np.insert(content, 1, value, axis=0)
            make_scene(
                raster.name, content, descriptions=NAMES, photometric="minisblack", **profile
            )
        return Workspace.at(workspace.root)

    return insert


def embed(workspace, settings):
    return run_pipeline(workspace, settings, until="embeddings")


def notes_on_constant_bands(run):
    return [note for note in run.notes() if "single value" in note]


def test_constant_band__is_not_embedded_and_named(workspace, settings, with_constant_band):
    expected = embed(workspace, settings()).embeddings()
    run = embed(with_constant_band(255, 255), settings())
    assert np.array_equal(run.embeddings(), expected)
    (note,) = notes_on_constant_bands(run)
    assert note.startswith("band 'alpha' has a single value in the chips of each scene")
    assert run.chips.bands == NAMES
    assert run.chips.varying_bands == ("red", "green", "blue")
    outline = outline_chips(run.view.artifacts["chips"])
    assert outline == run.chips.outline
    assert outline.bands == ("red", "green", "blue")


def test_constant_band__may_differ_between_scenes(workspace, settings, with_constant_band):
    run = embed(with_constant_band(0, 255), settings())
    assert run.chips.constant_bands == ("alpha",)


def test_constant_band__in_only_one_scene_is_embedded(workspace, settings, with_constant_band):
    noise = np.random.default_rng(0).integers(0, 255, (256, 256))
    run = embed(with_constant_band(255, noise), settings())
    assert run.chips.constant_bands == ()
    assert notes_on_constant_bands(run) == []


def test_constant_band__is_embedded_if_the_user_chooses_it(workspace, settings, with_constant_band):
    changed = with_constant_band(255, 255)
    without = embed(changed, settings())
    run = embed(changed, settings(chips={"bands": NAMES}))
    chips = [artifact.key for artifact in run.view.artifacts["chips"]]
    assert chips == [artifact.key for artifact in without.view.artifacts["chips"]]
    assert run.embeddings().shape[1] > without.embeddings().shape[1]
    assert notes_on_constant_bands(run) == []


def test_constant_band__stays_out_if_chips_are_left_out(workspace, settings, with_constant_band):
    run = embed(with_constant_band(255, 255), settings(screen={"leave_out": ("near-duplicate",)}))
    assert run.chips.constant_bands == ("alpha",)
    assert len(notes_on_constant_bands(run)) == 1


def test_constant_band__lets_a_network_use_the_others(workspace, settings, with_constant_band):
    chips = open_chips(run_pipeline(with_constant_band(255, 255), settings(), until="chips").view)
    selection = chips.without_constant_bands()
    assert selection.bands == ("red", "green", "blue")
    rows = [0, 25, 39]
    pixels, mask = selection.read(rows)
    assert np.array_equal(pixels, chips.read(rows)[0][:, [0, 2, 3]])
    assert selection.parts[0].pixels.shape == (20, 3, 32, 32)
    assert np.array_equal(selection.parts[1].pixels[3:7], chips.parts[1].pixels[3:7][:, [0, 2, 3]])
    assert selection.without_constant_bands() is selection
    assert mask.shape == (3, 32, 32)


def test_blank_scenes__keep_their_bands(workspace, settings, make_scene):
    for raster in workspace.raw.glob("*.tif"):
        with rasterio.open(raster) as source:
            transform = source.transform
        make_scene(raster.name, np.full((3, 256, 256), 80), transform=transform)
    run = run_pipeline(Workspace.at(workspace.root), settings(), until="chips")
    assert run.chips.constant_bands == ()


def test_chips_of_earlier_versions__keep_their_keys(workspace, settings):
    run = embed(workspace, settings())
    for artifact in run.view.artifacts["chips"]:
        manifest = artifact.folder / "manifest.json"
        table = json.loads(manifest.read_text())
        del table["counts"]["constant"]
        manifest.write_text(json.dumps(table))
    again = embed(Workspace.at(workspace.root), settings())
    assert all(artifact.cached for artifact in again.view.artifacts["embeddings"])
    assert again.chips.constant_bands == ()
