import numpy as np
import pytest
import rasterio

from core.errors import TooFewError
from core.flair.confusion import count
from core.flair.rasters import by_number, judge_rasters

RANDOM = np.random.default_rng(0)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.asarray(values, np.uint8)
    shape = {"height": values.shape[0], "width": values.shape[1]}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", **shape) as target:
        target.write(values, 1)


@pytest.fixture
def folders(tmp_path):
    truth = {n: RANDOM.integers(1, 20, (8, 8)) for n in (1, 2, 3)}
    for n, values in truth.items():
        write(tmp_path / "msk" / f"MSK_{n:06d}.tif", values)
    return tmp_path, truth


def test_judge_rasters__zero_based_as_flairs_own(folders):
    root, truth = folders
    for n, values in truth.items():
        write(root / "pred" / f"PRED_{n:06d}.tif", np.minimum(values, 13) - 1)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0])
    assert found.first == 0
    assert not found.problems
    assert found.names == ("PRED_000001.tif", "PRED_000002.tif", "PRED_000003.tif")
    assert np.trace(found.counts.sum(axis=0)) == 3 * 64


def test_judge_rasters__one_based(folders):
    root, truth = folders
    said = RANDOM.integers(1, 14, (8, 8))
    write(root / "pred" / "a_2.tif", said)
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "1")
    np.testing.assert_array_equal(found.counts[0], count(np.minimum(truth[2], 13), said))
    assert [p.name for p in found.problems] == ["MSK_000001.tif", "MSK_000003.tif"]


def test_judge_rasters__what_cannot_be_used_is_named(folders):
    root, truth = folders
    pred = root / "pred"
    write(pred / "PRED_000001.tif", truth[1])
    write(pred / "PRED_000002.tif", np.ones((4, 4)))
    write(pred / "PRED_000009.tif", np.ones((8, 8)))
    write(pred / "nameless.tif", np.ones((8, 8)))
    write(pred / "again" / "PRED_1.tif", truth[1])
    (pred / "PRED_000003.tif").write_bytes(b"II*\0")
    found = judge_rasters(pred, by_number(root / "msk")[0], "1")
    assert len(found.counts) == 1
    named = {problem.name: problem.why for problem in found.problems}
    assert "mask" in named["PRED_000009.tif"]
    assert "(4, 4)" in named["PRED_000002.tif"]
    assert "number" in named["nameless.tif"]
    assert {"PRED_000003.tif", "PRED_1.tif"} <= set(named)


def test_judge_rasters__values_above_the_nomenclature(folders):
    root, truth = folders
    write(root / "pred" / "P_1.tif", truth[1])
    write(root / "pred" / "P_2.tif", np.full((8, 8), 200))
    found = judge_rasters(root / "pred", by_number(root / "msk")[0], "1")
    assert found.numbers == ("000001",)
    assert len(found.counts) == 1
    assert any("class 200" in str(problem) for problem in found.problems)


def test_judge_rasters__nothing_pairs(folders):
    root, _ = folders
    write(root / "pred" / "P_77.tif", np.ones((8, 8)))
    with pytest.raises(TooFewError, match="paired"):
        judge_rasters(root / "pred", by_number(root / "msk")[0])
    with pytest.raises(TooFewError, match="no GeoTIFF"):
        by_number(root / "nowhere")
