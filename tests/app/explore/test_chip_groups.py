"""The rows of example chips on the Explore page."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from app.explore import chip_groups
from app.widgets.colouring import CLUSTER, colour_by_category, colour_by_cluster
from app.widgets.palette import Look

IDS = np.array([0, 0, 3, 3, 3, -1], np.int32)


@pytest.fixture
def drawn(monkeypatch):
    """The rows of the gallery that is drawn."""
    entries: list = []
    monkeypatch.setattr(chip_groups, "gallery_rows", lambda chips, rows, name: entries.extend(rows))
    typical = {0: [1, 0], 3: [4, 2]}
    monkeypatch.setattr(chip_groups.cluster_results, "typical_rows", lambda clusters, n: typical)
    return entries


def test_group_overview__two_clusters_with_one_name_show_their_own_chips(drawn):
    look = Look({0: "boats", 3: "boats"})
    colouring = colour_by_cluster(IDS, look)
    clusters = SimpleNamespace(ids=IDS, look=look)
    chip_groups.group_overview(None, colouring, clusters)
    assert colouring.title == CLUSTER
    assert [(entry.name, entry.rows) for entry in drawn] == [("boats", [1, 0]), ("boats", [4, 2])]


def test_group_overview__categories_without_clusters(drawn):
    values = pd.Series(["quay", "boat", "boat", None])
    chip_groups.group_overview(None, colour_by_category(values, "class"), None)
    assert [(entry.name, entry.rows) for entry in drawn][:2] == [("boat", [1, 2]), ("quay", [0])]
