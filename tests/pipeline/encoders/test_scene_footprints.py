"""Encoders that read a raster of embeddings under the footprints, from chips to results."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from rasterio.warp import transform_bounds

from core.embeddings.raster_encoder import RasterEncoder
from core.errors import ChangedInputError, SceneError, TooFewError
from core.pipeline.encoders.encoder_comparison import compare_encoders
from core.pipeline.encoders.encoder_costs import measure_encoder_cost
from core.pipeline.encoders.scene_footprints import scene_footprints
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace

N_BANDS = 8


@pytest.fixture
def make_raster(make_scene, tmp_path):
    """Write a raster of 5 m whose bands are its columns and rows; return the encoder's name."""

    def make(name="r.tif", left=691_900, width=320, content=None, **profile):
        row, column = np.mgrid[:60, :width]
        values = np.stack([column + 1, row + 1] * (N_BANDS // 2)) if content is None else content
        options = {"dtype": "float32", "transform": Affine(5, 0, left, 0, -5, 4_796_100)}
        path = make_scene(name, values, **options | {"folder": tmp_path / "product"} | profile)
        return f"raster:{path}"

    return make


def embed(workspace, settings, encoder, **tables):
    chosen = settings(embed={"encoder": encoder}, **tables)
    return run_pipeline(Workspace.at(workspace.root), chosen, until="embeddings")


def test_embeddings__are_the_pixels_under_each_chip(workspace, settings, make_raster):
    run = embed(workspace, settings, make_raster())
    vectors, facts = np.asarray(run.embeddings()), run.chips.facts
    assert vectors.shape == (40, N_BANDS)
    # The mean of columns and rows is nearly the centre of a footprint, in pixels of the raster.
    left = 692_000 + 1000 * (facts["scene"] == "b") + facts["column"] / 2 - 691_900
    top = 4_796_100 - 4_796_000 + facts["row"] / 2
    assert vectors[:, 0] == pytest.approx(left / 5 + 0.5, abs=0.1)
    assert vectors[:, 1] == pytest.approx(top / 5 + 0.5, abs=0.1)
    assert any("8 bands of r.tif" in note for note in run.notes())


def test_scene_footprints__are_those_of_the_remaining_chips(workspace, settings):
    run = run_pipeline(workspace, settings(), until="chips")
    part = run.chips.parts[1]
    complete = scene_footprints(run.view.survey, part)
    assert len(complete) == 20
    rows = [7, 2, 11]
    tables = {name: getattr(part, name).iloc[rows] for name in ("facts", "properties")}
    remaining = replace(part, pixels=part.pixels[rows], mask=part.mask[rows], **tables)
    assert scene_footprints(run.view.survey, remaining).tolist() == complete[rows].tolist()
    x = part.facts["longitude"].to_numpy()
    assert shapely.get_x(shapely.centroid(complete)) == pytest.approx(x, abs=1e-7)


def test_embeddings__chips_outside_get_the_mean_and_are_named(workspace, settings, make_raster):
    # The raster ends in the middle of the second scene.
    run = embed(workspace, settings, make_raster(width=232))
    vectors, facts = np.asarray(run.embeddings()), run.chips.facts
    assert np.isfinite(vectors).all()
    in_b = (facts["scene"] == "b").to_numpy()
    outside = in_b & (facts["column"] > 128).to_numpy()
    (note,) = [note for note in run.notes() if "outside the raster" in note]
    n_outside, names = int(note.split()[0]), note.split(": ")[1]
    assert n_outside == outside.sum() > 3
    assert all(
        chip_id in set(facts["chip_id"][outside]) for chip_id in names.split(" and ")[0].split(", ")
    )
    assert names.endswith(f" and {n_outside - 3} more")
    assert vectors[outside] == pytest.approx(
        np.tile(vectors[in_b & ~outside].mean(axis=0), (n_outside, 1)), rel=1e-6
    )


def test_embeddings__a_joined_encoder_keeps_its_other_numbers(workspace, settings, make_raster):
    name = make_raster(width=232)
    texture = embed(workspace, settings, "texture").embeddings()
    joined = embed(workspace, settings, f"texture+{name}").embeddings()
    np.testing.assert_allclose(joined[:, : texture.shape[1]], texture, atol=1e-6)
    assert np.isfinite(joined).all()


def test_embeddings__no_chip_inside_is_an_error(workspace, settings, make_raster):
    with pytest.raises(TooFewError, match=r"none of its 20 footprints lies on valid pixels"):
        embed(workspace, settings, make_raster(left=692_900, width=100))


def test_embeddings__a_scene_without_crs_is_an_error(workspace, settings, add_scene, make_raster):
    for file in workspace.raw.iterdir():
        file.unlink()
    raster = add_scene("plain", crs=None)
    raster.with_suffix(".geojson").unlink()
    name, grid = make_raster(), {"scenes": {"grid": {"size": 64}}}
    with pytest.raises(SceneError, match="has no CRS, so its footprints cannot be placed"):
        embed(workspace, settings, name, **grid)
    run = run_pipeline(workspace, settings(**grid), until="chips")
    cost = measure_encoder_cost(
        workspace, run.chips, run.view.settings.embed, name, run.view.survey
    )
    assert "has no CRS" in cost.needs


def test_embeddings__other_encoders_do_not_read_footprints(workspace, settings, monkeypatch):
    from core.pipeline import embedding_stages

    monkeypatch.setattr(embedding_stages, "scene_footprints", lambda *_: pytest.fail("read"))
    embed(workspace, settings, "texture")


def test_key__a_changed_raster_is_read_again(workspace, settings, make_raster):
    name = make_raster()
    first = embed(workspace, settings, name).embeddings()
    again = embed(workspace, settings, name)
    assert all(artifact.cached for artifact in again.view.artifacts["embeddings"])
    path = name.removeprefix("raster:")
    with rasterio.open(path, "r+") as target:
        target.write(np.full(target.shape, 5, np.float32), 1)
    os.utime(path, ns=(1, 1))
    changed = embed(workspace, settings, name)
    assert not any(artifact.cached for artifact in changed.view.artifacts["embeddings"])
    assert not np.array_equal(changed.embeddings(), first)


def test_key__the_raster_is_hashed_once(workspace, settings, make_raster, monkeypatch):
    name = make_raster()
    embed(workspace, settings, name)
    ledger = json.loads((workspace.artifacts / "checksums.json").read_text())
    assert name.removeprefix("raster:") in ledger
    monkeypatch.setattr(
        "core.artifacts.keys.file_checksum", lambda path: pytest.fail(f"{path} is read again")
    )
    embed(workspace, settings, name)


def test_interrupted__a_finished_matrix_is_used_again(
    workspace, settings, make_raster, monkeypatch
):
    name = make_raster(width=232)
    expected = embed(workspace, settings, name).embeddings()
    for folder in (workspace.artifacts / "embeddings").iterdir():
        (folder / "manifest.json").unlink()
    assert np.array_equal(embed(workspace, settings, name).embeddings(), expected)


def test_compare__with_and_without_the_raster(workspace, settings, make_raster):
    name = make_raster()
    run = run_pipeline(workspace, settings(), until="chips")
    scored = compare_encoders(run.view, ["texture", name, f"texture+{name}"], "class")
    dims = {scores.encoder: scores.scores.dim for scores in scored}
    assert dims == {"texture": 323, name: N_BANDS, f"texture+{name}": 323 + N_BANDS, "colour": 30}


def test_estimate__reads_the_footprints_of_a_sample(workspace, settings, make_raster):
    name = make_raster()
    run = run_pipeline(workspace, settings(), until="chips")
    embed_settings = run.view.settings.embed
    cost = measure_encoder_cost(workspace, run.chips, embed_settings, name, run.view.survey)
    assert cost.needs == ""
    assert cost.estimate.dim == N_BANDS
    assert 0 < cost.estimate.rate < 1e6


def test_raster_in_degrees__gives_nearly_the_same(workspace, settings, make_raster, tmp_path):
    name = make_raster()
    path = name.removeprefix("raster:")
    with rasterio.open(path) as source:
        bounds = transform_bounds(source.crs, "EPSG:4326", *source.bounds)
    degrees = tmp_path / "degrees.tif"
    from rasterio.warp import reproject

    width, height = 900, 400
    transform = rasterio.transform.from_bounds(*bounds, width, height)
    profile = {"crs": "EPSG:4326", "transform": transform, "width": width, "height": height}
    with (
        rasterio.open(path) as source,
        rasterio.open(
            degrees, "w", driver="GTiff", count=N_BANDS, dtype="float32", **profile
        ) as to,
    ):
        for band in source.indexes:
            reproject(rasterio.band(source, band), rasterio.band(to, band), resampling=1)
    expected = embed(workspace, settings, name).embeddings()
    vectors = embed(workspace, settings, f"raster:{degrees}").embeddings()
    assert np.abs(vectors - expected).max() < 0.3


def test_encoder__reads_each_scene_once(workspace, settings, make_raster, monkeypatch):
    measured = []
    measure = RasterEncoder._measure
    monkeypatch.setattr(
        RasterEncoder, "_measure", lambda self, g: measured.append(len(g)) or measure(self, g)
    )
    embed(workspace, settings, make_raster())
    assert measured == [20, 20]


def test_embeddings__of_a_raster_that_changes_are_not_kept(
    workspace, settings, make_raster, monkeypatch
):
    name = make_raster()
    raster, encode = Path(name.removeprefix("raster:")), RasterEncoder.encode

    def encode_changed(*arguments):
        with rasterio.open(raster, "r+") as target:
            target.write(target.read() + 1)
        return encode(*arguments)

    monkeypatch.setattr(RasterEncoder, "encode", encode_changed)
    with pytest.raises(ChangedInputError, match="was changed"):
        embed(workspace, settings, name)
    assert workspace.store.all("embeddings") == []
