from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from core.errors import Cancelled
from core.land.data.data_summary import prior_shift, summarise_dataset

from ..conftest import write_tif

Make = Callable[..., Any]


def test_summarise__worked_example(make_tree: Make) -> None:
    labels = np.full((512, 512), 4, np.uint8)
    labels[:128] = 14
    labels[128:256] = 16
    tree = make_tree()
    tree.patch("000001", labels=labels)
    tree.patch("000002", labels=4)
    tree.area()
    tree.patch("000003", "D002_2020/Z1_AA", split="test", labels=12)
    summary = summarise_dataset(tree.discover())
    train, test = summary["splits"]["train"], summary["splits"]["test"]
    assert (train["patches"], train["fused"], train["areas"]) == (2, 2, 1)
    assert (test["patches"], test["fused"], test["domains"]) == (1, 0, ["D002_2020"])
    assert train["pixels"] == 2 * 512 * 512
    shares = {cover["name"]: cover["share"] for cover in train["classes"]}
    assert shares["bare soil"] == 0.75
    assert shares["other"] == 0.25
    assert sum(shares.values()) == pytest.approx(1)
    assert train["classes_per_patch"] == {"min": 1, "max": 2, "mean": 1.5}
    assert train["classes"][3]["patches"] == 2
    full = summarise_dataset(tree.discover(), "full")["splits"]["train"]
    assert full["classes_per_patch"] == {"min": 1, "max": 3, "mean": 2.0}
    assert full["classes"][13]["share"] == 0.125
    assert "2310.13336" in summary["citation"]
    assert "Etalab" in summary["licence"]
    assert "half a Sentinel pixel" in summary["matching"]


def test_summarise__names_each_problem_and_counts_the_other_patches(make_tree: Make) -> None:
    tree = make_tree()
    invalid = np.full((512, 512), 1, np.uint8)
    invalid[0, 0] = 77
    tree.patch("000001", labels=invalid)
    tree.patch("000002")
    tree.patch("000003", "D001_2020/Z2_AA")
    tree.patch("000004", "D001_2020/Z3_FF")
    tree.patch("000005", "D001_2020/Z4_NN", centroid=(3, 3))
    tree.area()
    tree.area("D001_2020/Z2_AA", masks=99)
    stem = tree.area("D001_2020/Z3_FF")
    stem.with_name(f"{stem.name}_products.txt").write_text("S2B_MSIL2A_20210103T\n")
    tree.area("D001_2020/Z4_NN")
    write_tif(tree.discover().patches[1].mask, np.ones((100, 100), np.uint8))
    summary = summarise_dataset(tree.discover())
    problems = summary["problems"]
    assert len(problems) == 5
    for name, text in (
        ("MSK_000001.tif", "not classes (77)"),
        ("IMG_000002", "100 x 100"),
        ("IMG_000003", "no Sentinel date passes"),
        ("IMG_000004", "lists 1 dates, but"),
        ("IMG_000005", "crosses the edge of its super area"),
    ):
        assert any(line.startswith(name) and text in line for line in problems), name
    train = summary["splits"]["train"]
    assert (train["patches"], train["unlabelled"]) == (5, 1)
    assert train["pixels"] == 4 * 512 * 512 - 1
    # The patch that could not be read does not count as one with 0 classes.
    assert train["unreadable"] == 1
    assert train["classes_per_patch"] == {"min": 1, "max": 1, "mean": 1.0}


def test_summarise__synthetic_data_have_no_problems(land: Any) -> None:
    summary = summarise_dataset(land)
    assert summary["problems"] == []
    for split in ("train", "test"):
        assert all(cover["pixels"] for cover in summary["splits"][split]["classes"])


def test_summarise__cancelled(land: Any) -> None:
    with pytest.raises(Cancelled):
        summarise_dataset(land, report=lambda *_: True)


def test_prior_shift__share_of_pixels_that_would_change_class(make_tree: Make) -> None:
    labels = np.full((512, 512), 4, np.uint8)
    labels[:128] = 12
    tree = make_tree()
    tree.patch("000001", labels=labels)
    tree.patch("000002", "D002_2020/Z1_AA", split="test", labels=12)
    splits = summarise_dataset(tree.discover())["splits"]
    assert prior_shift(splits["train"], splits["test"]) == pytest.approx(0.75)
    assert prior_shift(splits["test"], splits["test"]) == 0
