"""Decisions on the candidates of a search, and candidates as GeoJSON."""

from collections.abc import Sequence
from typing import Any

from core.pipeline.scene_search.candidates import SearchResult, squares_of
from core.pipeline.scene_search.decisions import Decision, candidate_features, decide
from core.raster.scene import read_scene


def decide_rows(result: SearchResult, ids: Sequence[str], decision: Decision) -> None:
    """Store a decision on candidates of a search, given by their ids.

    Ids that are not candidates are ignored. Raises the errors of `decide`.
    """
    table = result.table[result.table["id"].isin(ids)]
    for score_map in result.maps:
        rows = table[table["scene"] == score_map.scene.report.name]
        if len(rows):
            query = result.query
            scene, workspace = read_scene(score_map.scene.path), query.view.workspace
            decide(workspace, scene, squares_of(rows), query.attributes, decision)


def candidate_collection(result: SearchResult, threshold: float) -> dict[str, Any]:
    """Return the candidates at or above a score as a GeoJSON FeatureCollection, EPSG:4326.

    Each has the attributes of the search, its scene, score and state. Candidates of scenes without
    a CRS are in the coordinates of their scene.
    """
    table, features = result.above(threshold), []
    for score_map in result.maps:
        rows = table[table["scene"] == score_map.scene.report.name]
        properties = [
            {**result.query.attributes, "scene": row.scene, "score": row.score, "state": row.state}
            for row in rows.itertuples()
        ]
        scene = read_scene(score_map.scene.path)
        features += candidate_features(scene, squares_of(rows), properties)
    return {"type": "FeatureCollection", "features": features}
