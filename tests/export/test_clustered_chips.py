import numpy as np

from .conftest import RAW_LABELS, N, with_edits


def test_table__cluster_names_and_raw_clusters(clustered_chips):
    displayed = np.where(RAW_LABELS == -1, 1, RAW_LABELS).astype(np.int32)
    table = with_edits(clustered_chips, ids=displayed, names={1: "ferries"}).table()
    assert table["cluster"].tolist() == displayed.tolist()
    assert table["cluster_name"].tolist() == ["Cluster 0"] * 4 + ["ferries"] * 5
    assert table["cluster_raw"].tolist() == RAW_LABELS.tolist()
    assert clustered_chips.table()["cluster_name"].tolist()[-1] == "Noise"


def test_table__confidence_of_the_displayed_clusters(clustered_chips):
    confidence = np.linspace(0, 0.8, N, dtype=np.float32)
    confidence[-1] = np.nan
    displayed = np.where(RAW_LABELS == -1, 1, RAW_LABELS).astype(np.int32)
    table = with_edits(clustered_chips, ids=displayed, confidence=confidence).table()
    np.testing.assert_array_equal(table["confidence"], confidence)
    assert with_edits(clustered_chips).table()["confidence"].tolist()[:7] == [0.5] * 7
