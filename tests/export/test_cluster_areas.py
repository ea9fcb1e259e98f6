import dataclasses

import numpy as np
import pandas as pd

from core.chips.chip_set import ChipSet
from core.clusters.cluster_colours import NOISE_COLOUR, cluster_colour
from core.export.cluster_areas import cluster_areas
from core.export.export_formats import write_results

from .conftest import N, with_edits


def test_hectares__sum_of_the_footprints(clustered_chips, tmp_path):
    chips = with_edits(clustered_chips, names={1: "ferries"}, excluded=np.arange(N) == 0)
    table = pd.read_csv(write_results(chips, tmp_path, "hectares"))
    assert table["cluster"].tolist() == [0, 1, -1]
    assert table["cluster_name"].tolist() == ["Cluster 0", "ferries", "Noise"]
    colours = [cluster_colour(0), cluster_colour(1), NOISE_COLOUR]
    assert table["cluster_colour"].tolist() == colours
    assert table["chips"].tolist() == [3, 3, 2]
    areas = clustered_chips.chips.facts["area"].to_numpy()
    expected = [areas[1:4].sum(), areas[4:7].sum(), areas[7:].sum()]
    assert np.allclose(table["hectares"], np.array(expected) / 10_000)
    assert table["chips_without_area"].tolist() == [0, 0, 0]


def test_hectares__scenes_without_a_crs(clustered_chips):
    first, second = clustered_chips.chips.parts
    parts = (first, dataclasses.replace(second, facts=second.facts.assign(area=np.nan)))
    chips = dataclasses.replace(clustered_chips, chips=ChipSet(parts, ("red", "green", "blue")))
    table = cluster_areas(chips)
    assert table["chips_without_area"].tolist() == [0, 2, 2]
    assert table["hectares"].isna().tolist() == [False, False, True]
