import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import WorkspaceError
from core.flair.data.file_discovery import discover

Make = Callable[..., Any]


def told(dataset: Any) -> list[str]:
    return [str(problem) for problem in dataset.problems]


@pytest.mark.parametrize("names", ["full", "toy"])
def test_discover__full_and_toy_names(make_tree: Make, names: str) -> None:
    tree = make_tree(names)
    tree.patch("000002", "D001_2020/Z1_UA", centroid=(31, 29))
    tree.area("D001_2020/Z1_UA")
    tree.patch("000001", "D002_2021/Z3_NF", split="test")
    tree.area("D002_2021/Z3_NF", split="test")
    dataset = tree.found()
    assert told(dataset) == []
    first, second = dataset.patches
    assert (first.name, first.split, first.place) == ("IMG_000002", "train", "D001_2020/Z1_UA")
    assert (second.name, second.split, second.domain) == ("IMG_000001", "test", "D002_2021")
    assert first.mask.name == "MSK_000002.tif"
    assert first.centroid == (31, 29)
    assert first.super_area is not None
    assert first.super_area.data.name == "SEN2_sp_D001_2020-Z1_UA_data.npy"
    assert first.acquired is not None
    assert (first.acquired.x, first.acquired.z, first.acquired.camera) == (1.5, 3.5, "box")
    assert first.fused
    assert dataset.of("train") == (0,)
    assert dataset.of("test") == (1,)


def test_discover__pairs_by_number_not_by_position(make_tree: Make) -> None:
    tree = make_tree()
    for number in ("000001", "000002", "000003"):
        tree.patch(number)
    tree.area()
    mask = tree.folder(1, "train", "D001_2020/Z1_UA") / "msk"
    (mask / "MSK_000001.tif").unlink()
    (mask / "MSK_000003.tif").rename(mask / "MSK_000009.tif")
    dataset = tree.found()
    assert [(p.name, p.mask.name) for p in dataset.patches] == [("IMG_000002", "MSK_000002.tif")]
    assert told(dataset) == [
        "flair_aerial_train/D001_2020/Z1_UA/img/IMG_000001.tif: no MSK_000001: left out",
        "flair_aerial_train/D001_2020/Z1_UA/img/IMG_000003.tif: no MSK_000003: left out",
        "flair_labels_train/D001_2020/Z1_UA/msk/MSK_000009.tif: no IMG_000009: surplus, not used",
    ]


def test_discover__mask_of_another_area_is_told(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    here = tree.folder(1, "train", "D001_2020/Z1_UA")
    shutil.move(here, tree.folder(1, "train", "D001_2020/Z9_XX"))
    dataset = tree.found()
    assert len(dataset.patches) == 1
    assert "under D001_2020/Z9_XX, its image under D001_2020/Z1_UA" in told(dataset)[0]


@pytest.mark.parametrize("part", ["data.npy", "masks.npy", "products.txt"])
def test_discover__incomplete_sentinel_leaves_aerial(make_tree: Make, part: str) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    stem.with_name(f"{stem.name}_{part}").unlink()
    dataset = tree.found()
    assert not dataset.patches[0].fused
    assert told(dataset) == [
        f"SEN2_sp_D001_2020-Z1_UA_{part}: missing: its area goes on without Sentinel",
        "IMG_000001: no complete Sentinel files of D001_2020-Z1_UA: aerial only",
    ]


def test_discover__surplus_and_strange_files_by_name(make_tree: Make) -> None:
    tree = make_tree()
    image = tree.patch("000001")
    tree.area()
    tree.area("D007_2020/Z2_AA")
    shutil.copy(image, image.with_name("copy of IMG.tif"))
    shutil.copy(image, image.parents[3] / "IMG_000077.tif")
    other = image.parents[1].with_name("Z5_FF") / "img"
    other.mkdir(parents=True)
    shutil.copy(image, other / image.name)
    problems = told(tree.found())
    assert [line for line in problems if "Z2_AA" in line and "surplus" in line]
    assert [line for line in problems if "copy of IMG.tif: not named" in line]
    assert [line for line in problems if "IMG_000077.tif: not named" in line]
    assert [line for line in problems if "Z5_FF/img/IMG_000001.tif: stands twice" in line]
    assert len(problems) == 4


def test_discover__centroid_missing_or_wrong(make_tree: Make) -> None:
    tree = make_tree()
    tree.area()
    for number, centroid in (("000001", (1, 2)), ("000002", (1.5, 2)), ("000003", (3,))):
        tree.patch(number, centroid=centroid)
    del tree.centroids["IMG_000001.tif"]
    tree.tables()
    dataset = tree.found()
    assert [patch.fused for patch in dataset.patches] == [False, False, False]
    problems = told(dataset)
    assert "IMG_000001: no centroid: aerial only" in problems
    assert any("[1.5, 2] is not [row, column]" in line for line in problems)
    assert any("[3] is not [row, column]" in line for line in problems)


@pytest.mark.parametrize("text", [None, "{", "[1]"])
def test_discover__tables_missing_or_damaged(make_tree: Make, text: str | None) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    for path in tree.root.glob("*.json"):
        path.unlink()
        if text is not None:
            path.write_text(text)
    dataset = tree.found()
    assert len(dataset.patches) == 1
    assert dataset.patches[0].acquired is None
    assert sum("goes on without" in line for line in told(dataset)) == 2
    assert "IMG_000001: no centroid: aerial only" in told(dataset)


def test_discover__metadata_lacks_a_patch(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.patch("000002")
    tree.area()
    tree.metadata["IMG_000001"] = "?"
    tree.metadata["IMG_000002"] = {"patch_centroid_x": "far", "date": "2020-01-01"}
    tree.tables()
    dataset = tree.found()
    assert dataset.patches[0].acquired is None
    assert dataset.patches[1].acquired is not None
    assert dataset.patches[1].acquired.x is None
    assert dataset.patches[1].acquired.date == "2020-01-01"
    assert len(told(dataset)) == 2


def test_discover__folder_around_the_trees(make_tree: Make, tmp_path: Path) -> None:
    tree = make_tree("toy", "outer/flair_2_toy_dataset")
    tree.patch("000001")
    tree.area()
    dataset = discover(tmp_path / "outer")
    assert dataset.root == tree.root
    assert len(dataset.patches) == 1


def test_discover__older_metadata_name(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    path = tree.root / "flair-2_aerial_metadata.json"
    path.rename(tree.root / "flair-one_TOY_metadata.json")
    assert tree.found().patches[0].acquired is not None


@pytest.mark.parametrize("made", [False, True])
def test_discover__nothing_there(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "flair" / "img").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="flair demo"):
        discover(tmp_path / "flair")


def test_discover__sentinel_named_for_another_area(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    data = stem.with_name(f"{stem.name}_data.npy")
    data.rename(data.with_name("SEN2_sp_D009_2020-Z1_UA_data.npy"))
    dataset = tree.found()
    assert not dataset.patches[0].fused
    assert any("named for D009_2020-Z1_UA, but under D001_2020/Z1_UA" in s for s in told(dataset))
    assert json.loads((tree.root / "flair-2_aerial_metadata.json").read_text())
