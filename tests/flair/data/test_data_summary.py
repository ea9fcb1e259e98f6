from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.errors import Cancelled
from core.flair.data.data_summary import describe

from ..conftest import write_tif

Make = Callable[..., Any]


def test_describe__counts_by_hand(make_tree: Make) -> None:
    labels = np.full((512, 512), 4, np.uint8)
    labels[:128] = 14
    labels[128:256] = 16
    tree = make_tree()
    tree.patch("000001", labels=labels)
    tree.patch("000002", labels=4)
    tree.area()
    tree.patch("000003", "D002_2020/Z1_AA", split="test", labels=12)
    found = describe(tree.found())
    train, test = found["splits"]["train"], found["splits"]["test"]
    assert (train["patches"], train["fused"], train["areas"]) == (2, 2, 1)
    assert (test["patches"], test["fused"], test["domains"]) == (1, 0, ["D002_2020"])
    assert train["pixels"] == 2 * 512 * 512
    shares = {kind["name"]: kind["share"] for kind in train["classes"]}
    assert shares["bare soil"] == 0.75
    assert shares["other"] == 0.25
    assert sum(shares.values()) == pytest.approx(1)
    assert train["classes_per_patch"] == {"min": 1, "max": 2, "mean": 1.5}
    assert train["classes"][3]["patches"] == 2
    full = describe(tree.found(), "full")["splits"]["train"]
    assert full["classes_per_patch"] == {"min": 1, "max": 3, "mean": 2.0}
    assert full["classes"][13]["share"] == 0.125
    assert "2310.13336" in found["citation"]
    assert "Etalab" in found["licence"]
    assert "half a Sentinel pixel" in found["matching"]


def test_describe__each_problem_named_and_the_rest_counted(make_tree: Make) -> None:
    tree = make_tree()
    odd = np.full((512, 512), 1, np.uint8)
    odd[0, 0] = 77
    tree.patch("000001", labels=odd)
    tree.patch("000002")
    tree.patch("000003", "D001_2020/Z2_AA")
    tree.patch("000004", "D001_2020/Z3_FF")
    tree.patch("000005", "D001_2020/Z4_NN", centroid=(3, 3))
    tree.area()
    tree.area("D001_2020/Z2_AA", masks=99)
    stem = tree.area("D001_2020/Z3_FF")
    stem.with_name(f"{stem.name}_products.txt").write_text("S2B_MSIL2A_20210103T\n")
    tree.area("D001_2020/Z4_NN")
    write_tif(tree.found().patches[1].mask, np.ones((100, 100), np.uint8))
    found = describe(tree.found())
    problems = found["problems"]
    assert len(problems) == 5
    for name, words in (
        ("MSK_000001.tif", "no class (77)"),
        ("IMG_000002", "100 x 100"),
        ("IMG_000003", "no Sentinel date passes"),
        ("IMG_000004", "names 1 dates, but"),
        ("IMG_000005", "edge of its super area"),
    ):
        assert any(line.startswith(name) and words in line for line in problems), name
    train = found["splits"]["train"]
    assert (train["patches"], train["unlabelled"]) == (5, 1)
    assert train["pixels"] == 4 * 512 * 512 - 1
    # The patch that could not be read does not hold "0 classes".
    assert train["unreadable"] == 1
    assert train["classes_per_patch"] == {"min": 1, "max": 1, "mean": 1.0}


def test_describe__look_alike_is_sound(land: Any) -> None:
    found = describe(land)
    assert found["problems"] == []
    for split in ("train", "test"):
        assert all(kind["pixels"] for kind in found["splits"][split]["classes"])


def test_describe__stops_when_asked(land: Any) -> None:
    with pytest.raises(Cancelled):
        describe(land, report=lambda *_: True)
