import numpy as np
import pytest

from core.errors import ArtifactError, TooFewError
from core.labels.doubtful_labels import find_doubtful_labels


def make_points(n=400, seed=0):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, n)
    points = random.normal(size=(n, 12)) + 4 * np.eye(4, 12)[codes]
    return points.astype(np.float32), np.array(list("abcd"), object)[codes]


def test_doubtful_labels__lists_planted_flips_first():
    points, values = make_points()
    flipped = np.random.default_rng(1).choice(400, 20, replace=False)
    wrong = values.copy()
    wrong[flipped] = ["b" if value == "a" else "a" for value in values[flipped]]
    table = find_doubtful_labels(points, wrong)
    assert np.isin(flipped, table["row"][:40]).mean() >= 0.9
    top = table.iloc[0]
    assert top["suggested"] == values[top["row"]] != top["label"]
    assert top["doubt"] > 0 > table["doubt"].iloc[-1]
    assert top["neighbour_agreement"] < 0.5


def test_doubtful_labels__leaves_out_chips_without_a_label():
    points, values = make_points()
    values[::2] = None
    table = find_doubtful_labels(points, values)
    assert sorted(table["row"]) == list(range(1, 400, 2))
    assert set(table["label"]) <= set("abcd")


def test_doubtful_labels__does_not_doubt_the_only_chip_of_a_class():
    points, values = make_points()
    values[7] = "only"
    table = find_doubtful_labels(points, values)
    assert table["row"].iloc[-1] == 7
    assert table["doubt"].iloc[-1] == -1


def test_doubtful_labels__need_two_classes_and_one_label_per_chip():
    points, values = make_points()
    with pytest.raises(TooFewError):
        find_doubtful_labels(points, ["a"] * 400)
    with pytest.raises(ArtifactError, match="differ in length"):
        find_doubtful_labels(points, values[:-1])


def test_doubtful_labels__of_two_chips():
    table = find_doubtful_labels(np.eye(2, dtype=np.float32), ["a", "b"])
    assert table["doubt"].tolist() == [-1, -1]
