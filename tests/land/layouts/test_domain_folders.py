"""FLAIR #1, and FLAIR #1 and #2 as one archive for each domain."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ChipscapeError, WorkspaceError
from core.land.data.dataset import Dataset
from core.land.data.download import FetchSettings
from core.land.data.file_discovery import discover_dataset
from core.land.data.patch_reading import RequiredData, read_patch
from core.land.layouts.domain_folders import unpack_domains

Make = Callable[..., Any]


def by_domain(source: Path, target: Path, tree: str, split: str) -> None:
    """Copy a tree of FLAIR #2 to data/<split>/<domain>/<role>/<area>/<file>."""
    role = {"aerial": "aerial", "labels": "labels", "sen": "sentinel"}[tree.split("_")[-2]]
    for path in sorted((source / tree).rglob("*.*")):
        domain, area, _, name = path.relative_to(source / tree).parts
        copy = target / "data" / split / domain / role / area / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


@pytest.fixture
def published(make_tree: Make, tmp_path: Path) -> Path:
    """The Hugging Face form of a training patch with Sentinel and a test patch, unpacked."""
    tree = make_tree(root="source")
    tree.patch("000001", "D004_2021/Z1_NN", labels=7)
    tree.area("D004_2021/Z1_NN")
    tree.patch("000002", "D015_2020/Z2_UA", split="test")
    target = tmp_path / "flair"
    for name in ("flair_aerial_train", "flair_labels_train", "flair_sen_train"):
        by_domain(tree.root, target, name, "train-val")
    for name in ("flair_2_aerial_test", "flair_2_labels_test"):
        by_domain(tree.root, target, name, "flair#2-test")
    (target / "aux-data").mkdir()
    for name, copy in (
        ("flair-2_centroids_sp_to_patch.json", "flair-2_centroids_sp_to_patch.json"),
        ("flair-2_aerial_metadata.json", "flair_aerial_metadata.json"),
    ):
        shutil.copy(tree.root / name, target / "aux-data" / copy)
    return target


def pack(root: Path) -> None:
    """Replace each folder of a domain by an archive with its contents at the top level."""
    for folder in sorted(root.glob("data/*/D*")):
        with zipfile.ZipFile(folder.with_name(f"{folder.name}.zip"), "w") as archive:
            for path in sorted(folder.rglob("*.*")):
                archive.write(path, path.relative_to(folder).as_posix())
        shutil.rmtree(folder)


def check_patches(dataset: Dataset) -> None:
    assert [(p.number, p.split, p.area_id) for p in dataset.patches] == [
        ("000001", "train", "D004_2021/Z1_NN"),
        ("000002", "test", "D015_2020/Z2_UA"),
    ]
    first = dataset.patches[0]
    assert first.has_sentinel
    assert first.acquisition is not None
    table = read_patch(dataset, 0, RequiredData(sentinel=True))
    assert set(table.labels) == {7}


def test_discover__folders_of_domains(published: Path) -> None:
    dataset = discover_dataset(published)
    check_patches(dataset)
    (problem,) = dataset.problems
    assert str(problem).startswith("IMG_000002: the Sentinel files of D015_2020-Z2_UA are incomp")
    # Also with the folders img and msk of FLAIR #2, and in a folder of any name.
    area = published / "data" / "train-val" / "D004_2021" / "aerial" / "Z1_NN"
    (area / "img").mkdir()
    (area / "IMG_000001.tif").rename(area / "img" / "IMG_000001.tif")
    check_patches(discover_dataset(published.parent))


def test_discover__missing_mask_and_foreign_file_by_name(published: Path) -> None:
    domain = published / "data" / "train-val" / "D004_2021"
    (domain / "labels" / "Z1_NN" / "MSK_000001.tif").rename(domain / "labels" / "MSK_000001.tif")
    dataset = discover_dataset(published)
    problems = {problem.name: problem.reason for problem in dataset.problems}
    assert "does not follow" in problems["data/train-val/D004_2021/labels/MSK_000001.tif"]
    assert [patch.number for patch in dataset.patches + dataset.unlabelled] == ["000002", "000001"]


def test_discover__only_one_test_set_is_used(published: Path) -> None:
    source = published / "data" / "flair#2-test"
    shutil.copytree(source, published / "data" / "flair#1-test")
    dataset = discover_dataset(published)
    assert len(dataset.patches) == 2
    assert "flair#1-test" in [problem.name for problem in dataset.problems]
    shutil.rmtree(source)
    assert [patch.split for patch in discover_dataset(published).patches] == ["train", "test"]


def test_unpack__archives_by_domain(published: Path) -> None:
    pack(published)
    with pytest.raises(WorkspaceError, match="chipscape flair unpack"):
        discover_dataset(published)
    unpacked = unpack_domains(published, FetchSettings())
    assert [path.name for path in unpacked] == ["D015_2020.zip", "D004_2021.zip"]
    check_patches(discover_dataset(published))
    assert unpack_domains(published, FetchSettings()) == {}


def test_unpack__archive_of_flair_hub_contains_its_folder(tmp_path: Path) -> None:
    name = "D012-2019_AERIAL_RGBI"
    member = f"{name}/AF-S1-27/{name}_AF-S1-27_5-10.tif"
    with zipfile.ZipFile(tmp_path / f"{name}_IMS.zip", "w") as archive:
        archive.writestr(member, b"")
    unpack_domains(tmp_path, FetchSettings())
    assert (tmp_path / member).is_file()


def test_unpack__damaged_archive_by_name(tmp_path: Path) -> None:
    (tmp_path / "D004_2021.zip").write_bytes(b"PK\3\4")
    with pytest.raises(ChipscapeError, match=r"D004_2021\.zip"):
        unpack_domains(tmp_path, FetchSettings())


@pytest.mark.parametrize("prefix", ["flair_1", "flair_1_toy"])
def test_discover__flair_1(make_tree: Make, prefix: str) -> None:
    tree = make_tree()
    tree.patch("000001", "D004_2021/Z1_NN")
    tree.patch("000002", "D012_2019/Z2_UA", split="test")
    for role in ("aerial", "labels"):
        (tree.root / f"flair_2_{role}_test").rename(tree.root / f"{prefix}_{role}_test")
    if prefix.endswith("toy"):
        for role in ("aerial", "labels"):
            (tree.root / f"flair_{role}_train").rename(tree.root / f"{prefix}_{role}_train")
    (tree.root / "flair-2_centroids_sp_to_patch.json").unlink()
    metadata = tree.root / "flair-2_aerial_metadata.json"
    metadata.rename(tree.root / "flair-1_metadata_aerial.json")
    dataset = tree.discover()
    assert [(p.name, p.split) for p in dataset.patches] == [
        ("IMG_000001", "train"),
        ("IMG_000002", "test"),
    ]
    assert all(patch.acquisition for patch in dataset.patches)
    assert [problem.reason for problem in dataset.problems] == [
        "there are no Sentinel files, so only its aerial bands are used"
    ]
    assert json.loads((tree.root / "flair-1_metadata_aerial.json").read_text())
