import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import WorkspaceError
from core.land.data.file_discovery import discover_dataset

Make = Callable[..., Any]


def texts(dataset: Any) -> list[str]:
    return [str(problem) for problem in dataset.problems]


@pytest.mark.parametrize("names", ["full", "toy"])
def test_discover__full_and_toy_names(make_tree: Make, names: str) -> None:
    tree = make_tree(names)
    tree.patch("000002", "D001_2020/Z1_UA", centroid=(31, 29))
    tree.area("D001_2020/Z1_UA")
    tree.patch("000001", "D002_2021/Z3_NF", split="test")
    tree.area("D002_2021/Z3_NF", split="test")
    dataset = tree.discover()
    assert texts(dataset) == []
    first, second = dataset.patches
    assert (first.name, first.split, first.area_id) == ("IMG_000002", "train", "D001_2020/Z1_UA")
    assert (second.name, second.split, second.domain) == ("IMG_000001", "test", "D002_2021")
    assert first.mask.name == "MSK_000002.tif"
    assert first.centroid == (31, 29)
    assert first.super_area is not None
    assert first.super_area.data.name == "SEN2_sp_D001_2020-Z1_UA_data.npy"
    assert first.acquisition is not None
    assert (first.acquisition.x, first.acquisition.z, first.acquisition.camera) == (1.5, 3.5, "box")
    assert first.has_sentinel
    assert dataset.split_indexes("train") == (0,)
    assert dataset.split_indexes("test") == (1,)


def test_discover__pairs_by_number(make_tree: Make) -> None:
    tree = make_tree()
    for number in ("000001", "000002", "000003"):
        tree.patch(number)
    tree.area()
    folder = tree.folder(1, "train", "D001_2020/Z1_UA") / "msk"
    (folder / "MSK_000001.tif").unlink()
    (folder / "MSK_000003.tif").rename(folder / "MSK_000009.tif")
    dataset = tree.discover()
    assert [(p.name, p.mask.name) for p in dataset.patches] == [("IMG_000002", "MSK_000002.tif")]
    assert [p.name for p in dataset.unlabelled] == ["IMG_000001", "IMG_000003"]
    area = "D001_2020/Z1_UA"
    image, mask = f"flair_aerial_train/{area}/img/IMG_", f"flair_labels_train/{area}/msk/MSK_"
    assert texts(dataset) == [
        f"{image}000001.tif: there is no mask MSK_000001, so it is neither trained on nor scored",
        f"{image}000003.tif: there is no mask MSK_000003, so it is neither trained on nor scored",
        f"{mask}000009.tif: there is no image IMG_000009, so the mask is not used",
    ]


def test_discover__a_test_set_without_labels(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    tree.patch("000002", "D002_2021/Z3_NF", split="test")
    tree.area("D002_2021/Z3_NF", split="test")
    shutil.rmtree(tree.folder(1, "test", "D002_2021/Z3_NF").parents[1])
    dataset = tree.discover()
    assert texts(dataset) == []
    assert [patch.name for patch in dataset.patches] == ["IMG_000001"]
    (patch,) = dataset.unlabelled
    assert (patch.name, patch.split, patch.mask) == ("IMG_000002", "test", None)
    assert patch.has_sentinel


def test_discover__mask_in_another_area_is_reported(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    folder = tree.folder(1, "train", "D001_2020/Z1_UA")
    shutil.move(folder, tree.folder(1, "train", "D001_2020/Z9_XX"))
    dataset = tree.discover()
    assert len(dataset.patches) == 1
    assert "it is in D001_2020/Z9_XX, but its image is in D001_2020/Z1_UA" in texts(dataset)[0]


@pytest.mark.parametrize("part", ["data.npy", "masks.npy", "products.txt"])
def test_discover__incomplete_sentinel_does_not_affect_aerial_images(
    make_tree: Make, part: str
) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    stem.with_name(f"{stem.name}_{part}").unlink()
    dataset = tree.discover()
    assert not dataset.patches[0].has_sentinel
    reason = "the Sentinel files of D001_2020-Z1_UA are incomplete"
    assert texts(dataset) == [
        f"SEN2_sp_D001_2020-Z1_UA_{part}: it is missing, so its area is used without Sentinel",
        f"IMG_000001: {reason}, so only its aerial bands are used",
    ]


def test_discover__names_superfluous_and_unrelated_files(make_tree: Make) -> None:
    tree = make_tree()
    image = tree.patch("000001")
    tree.area()
    tree.area("D007_2020/Z2_AA")
    shutil.copy(image, image.with_name("copy of IMG.tif"))
    shutil.copy(image, image.parents[3] / "IMG_000077.tif")
    second = image.parents[1].with_name("Z5_FF") / "img"
    second.mkdir(parents=True)
    shutil.copy(image, second / image.name)
    problems = texts(tree.discover())
    assert [
        line for line in problems if "Z2_AA" in line and "no patch lies in this super area" in line
    ]
    assert [line for line in problems if "copy of IMG.tif: its name or folder does not" in line]
    assert [line for line in problems if "IMG_000077.tif: its name or folder does not" in line]
    assert [
        line for line in problems if "Z5_FF/img/IMG_000001.tif: its number occurs twice" in line
    ]
    assert len(problems) == 4


def test_discover__centroid_missing_or_wrong(make_tree: Make) -> None:
    tree = make_tree()
    tree.area()
    for number, centroid in (("000001", (1, 2)), ("000002", (1.5, 2)), ("000003", (3,))):
        tree.patch(number, centroid=centroid)
    del tree.centroids["IMG_000001.tif"]
    tree.write_tables()
    dataset = tree.discover()
    assert [patch.has_sentinel for patch in dataset.patches] == [False, False, False]
    problems = texts(dataset)
    assert "IMG_000001: it has no centroid, so only its aerial bands are used" in problems
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
    dataset = tree.discover()
    assert len(dataset.patches) == 1
    assert dataset.patches[0].acquisition is None
    assert sum("the data are used without it" in line for line in texts(dataset)) == 2
    assert "IMG_000001: it has no centroid, so only its aerial bands are used" in texts(dataset)


def test_discover__metadata_without_a_patch(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.patch("000002")
    tree.area()
    tree.metadata["IMG_000001"] = "?"
    tree.metadata["IMG_000002"] = {"patch_centroid_x": "far", "date": "2020-01-01"}
    tree.write_tables()
    dataset = tree.discover()
    assert dataset.patches[0].acquisition is None
    assert dataset.patches[1].acquisition is not None
    assert dataset.patches[1].acquisition.x is None
    assert dataset.patches[1].acquisition.date == "2020-01-01"
    assert len(texts(dataset)) == 2


def test_discover__folder_above_the_trees(make_tree: Make, tmp_path: Path) -> None:
    tree = make_tree("toy", "outer/flair_2_toy_dataset")
    tree.patch("000001")
    tree.area()
    dataset = discover_dataset(tmp_path / "outer")
    assert dataset.root == tree.root
    assert len(dataset.patches) == 1


def test_discover__older_metadata_name(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    tree.area()
    path = tree.root / "flair-2_aerial_metadata.json"
    path.rename(tree.root / "flair-one_TOY_metadata.json")
    assert tree.discover().patches[0].acquisition is not None


@pytest.mark.parametrize("exists", [False, True])
def test_discover__no_tree(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "flair" / "img").mkdir(parents=True)
    with pytest.raises(WorkspaceError, match="flair demo"):
        discover_dataset(tmp_path / "flair")


def test_discover__sentinel_named_for_another_area(make_tree: Make) -> None:
    tree = make_tree()
    tree.patch("000001")
    stem = tree.area()
    data = stem.with_name(f"{stem.name}_data.npy")
    data.rename(data.with_name("SEN2_sp_D009_2020-Z1_UA_data.npy"))
    dataset = tree.discover()
    assert not dataset.patches[0].has_sentinel
    assert any(
        "it is named for D009_2020-Z1_UA but is in D001_2020/Z1_UA" in text
        for text in texts(dataset)
    )
    assert json.loads((tree.root / "flair-2_aerial_metadata.json").read_text())
