"""A search of whole scenes finds annotated trees of other real scenes."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import shapely

from core import api
from core.pipeline.scene_search.candidates import find_candidates, scan_scenes
from core.pipeline.scene_search.examples import chips_like, make_query
from core.raster.annotations.added_footprints import find_annotated
from core.settings import RunSettings

VARIABLE = "CHIPSCAPE_TEST_DATA"
DATA = os.environ.get(VARIABLE, "")
pytestmark = [
    pytest.mark.real,
    pytest.mark.long,
    pytest.mark.skipif(not DATA, reason=f"{VARIABLE} names no folder of real data"),
]
N_BEST = 30


def test_search__best_places_are_annotated_trees_more_often_than_others(tmp_path):
    source = Path(DATA) / "neon_trees_sjer_osbs" / "raw"
    if not source.is_dir():
        pytest.skip(f"neon_trees_sjer_osbs is not in {DATA}")
    shutil.copytree(source, tmp_path / "raw")
    run = api.run(api.open_workspace(tmp_path), RunSettings(), until="embeddings")
    facts = run.chips.facts
    searched = sorted(facts["scene"].unique())[1::2]
    others = facts["chip_id"][~facts["scene"].isin(searched)]
    ids = np.random.default_rng(0).choice(others.to_numpy(), 20, replace=False).tolist()
    query = make_query(run.view, run.view.survey, chips_like(run.view, ids), scenes=searched)
    scan_scenes(query)
    result = find_candidates(query)
    best = (result.table["state"].head(N_BEST) == "annotated").mean()
    width, height = result.table[["width", "height"]].iloc[0] / 2
    shares = []
    for score_map in result.maps:
        x, y = score_map.scan.grid.centres().T
        squares = shapely.box(x - width, y - height, x + width, y + height)
        shares.append(find_annotated(squares, score_map.scene.footprints().pixels).mean())
    assert best > 1.5 * np.mean(shares)
