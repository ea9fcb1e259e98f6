import numpy as np
import pytest

from core.errors import ArtifactError, TooFewError
from core.labels.near_duplicates import find_near_duplicates

NO_PIXELS = np.full(202, -1)


def make_points():
    """Return 200 random points, and two more: a near copy of row 7, and a copy of row 50."""
    random = np.random.default_rng(0)
    points = random.normal(size=(200, 15)).astype(np.float32)
    return np.vstack([points, points[7] + 0.05, points[50]])


def test_similar_chips__finds_copies_by_embedding():
    table = find_near_duplicates(make_points(), NO_PIXELS)
    assert table[["row", "other_row"]].to_numpy().tolist() == [[201, 50], [200, 7]]
    assert table["relative_distance"].tolist()[0] == 0
    assert set(table["by"]) == {"embedding"}


def test_similar_chips__joins_both_ways():
    first = NO_PIXELS.copy()
    first[201], first[120] = 50, 3
    table = find_near_duplicates(make_points(), first).set_index("row")
    assert table["by"].to_dict() == {201: "pixels and embedding", 200: "embedding", 120: "pixels"}
    assert table.loc[120, "other_row"] == 3


def test_similar_chips__without_pairs_is_empty():
    points = 10 * np.eye(20, dtype=np.float32)
    assert len(find_near_duplicates(points, np.full(20, -1))) == 0


def test_similar_chips__of_equal_chips_lists_pairs_at_distance_zero():
    table = find_near_duplicates(np.zeros((4, 2), np.float32), np.full(4, -1))
    assert (table["relative_distance"] == 0).all()
    assert set(table["row"]) == {1, 2, 3}


def test_similar_chips__rejects_unequal_lengths_and_single_chips():
    with pytest.raises(ArtifactError, match="differ in length"):
        find_near_duplicates(make_points(), np.full(3, -1))
    with pytest.raises(TooFewError):
        find_near_duplicates(np.zeros((1, 2), np.float32), np.full(1, -1))
