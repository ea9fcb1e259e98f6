import json

import numpy as np
import pytest
import shapely
from affine import Affine
from shapely.geometry import box

from core.errors import SettingsError, TooFewError
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results, score_chips, score_run
from core.pipeline.workspace import Workspace
from core.raster.geodesy import crs_transformer, reproject_geometries


def test_collect_results__rows_belong_together(workspace, settings):
    results = collect_results(run_pipeline(workspace, settings()))
    table = results.table()
    assert len(table) == len(results.footprints) == 40
    centres = np.array([(f.centroid.x, f.centroid.y) for f in results.footprints])
    assert np.allclose(centres, table[["longitude", "latitude"]], atol=1e-6)
    assert np.array_equal(table["cluster"], results.labelling.labels)
    assert np.array_equal(table["pca_1d"], results.reduction.points[:, 0])


def test_collect_results__needs_the_last_stage(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    with pytest.raises(TooFewError, match="stopped before its last stage"):
        collect_results(run)


def test_score_chips__against_an_attribute(workspace, settings):
    run = run_pipeline(workspace, settings(), until="clusters")
    chips, embeddings, labelling = run.clustered()
    scores = score_chips(chips, embeddings, labelling.labels, "class")
    assert scores["property"] == "class"
    assert scores["n"] == 40
    assert scores["balanced_accuracy"] > 0.9
    assert score_run(run, "class") == scores
    with pytest.raises(SettingsError, match="no annotation has an attribute 'kind'") as caught:
        score_chips(chips, embeddings, labelling.labels, "kind")
    assert "class, number" in str(caught.value)


def test_score_run__noise_is_treated_as_the_settings_say(workspace, settings):
    dense = {
        "method": "hdbscan",
        "tree": {"n_dims": 15, "min_samples": 5},
        "cut": {"min_cluster_size": 4, "selection": "leaf"},
    }
    run = run_pipeline(workspace, settings(**dense), until="clusters")
    assert run.labelling.noise_fraction > 0
    nearest = settings(**dense, noise={"method": "nearest"})
    treated = score_run(run_pipeline(workspace, nearest, until="clusters"), "class")
    assert treated["ami"] != score_run(run, "class")["ami"]
    assert treated["balanced_accuracy"] == score_run(run, "class")["balanced_accuracy"]


def test_collect_results__across_the_antimeridian(tmp_path, add_scene, settings, to_ground):
    crs = "EPSG:32660"
    x, y = crs_transformer("EPSG:4326", crs).transform(180.0, -17.0)
    transform = Affine(0.5, 0, x - 64, 0, -0.5, y + 64)
    raster = add_scene("a", crs=crs, transform=transform)
    corners = [(column, row) for row in (50, 160) for column in range(8, 215, 24)]
    squares = [to_ground(box(c, r, c + 25, r + 20), transform) for c, r in corners]
    # Longitudes jump from 180 to -180 within the footprints in the middle.
    lonlat = reproject_geometries(np.array(squares, object), crs, "EPSG:4326")
    features = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(shape))}
        for shape in lonlat
    ]
    document = {"type": "FeatureCollection", "features": features}
    raster.with_suffix(".geojson").write_text(json.dumps(document))
    results = collect_results(run_pipeline(Workspace.at(tmp_path), settings()))
    table = results.table()
    assert len(table) == len(squares)
    assert table["longitude"].abs().min() > 179.99
    assert (table["longitude"] < 0).any()
    assert (table["longitude"] > 0).any()
    assert table["length"].to_numpy() == pytest.approx(12.5, rel=0.01)
    for shape in results.footprints:
        west, _, east, _ = shape.bounds
        assert -180 <= west <= east <= 180
        assert all(part.bounds[2] - part.bounds[0] < 0.001 for part in shapely.get_parts(shape))
    assert {shape.geom_type for shape in results.footprints} == {"Polygon", "MultiPolygon"}
