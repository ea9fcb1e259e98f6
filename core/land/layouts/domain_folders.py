"""FLAIR #1 and #2 with one folder for each domain, and the unpacking of archives by domain."""

import re
import zipfile
from pathlib import Path, PurePosixPath

from core.errors import ChipscapeError
from core.land.data.archive import unpack_archive
from core.land.data.dataset import Problem
from core.land.data.download import FetchSettings
from core.progress import Progress, report_step, silent

# Source: the data set IGNF/FLAIR-1-2 on Hugging Face, data/<split>/D004_2021.zip, each with the
# folders aerial/Z1_NN, labels/Z1_NN and sentinel/Z1_NN.
_SPLITS = {"train-val": "train", "flair#2-test": "test", "flair#1-test": "test"}
DOMAIN_ROLES = {"aerial": "aerial", "labels": "labels", "sentinel": "sen", "sen": "sen"}
"""The folders of a domain, with the roles of their files."""
_DOMAIN = re.compile(r"D\d+_\d{4}")
# What an archive of FLAIR-HUB contains at its top level: D012-2019_AERIAL_RGBI, GLOBAL_ALL_MTD.
_HUB_TREE = re.compile(r"(D\d+-\d{4}|GLOBAL)_.+")


def find_domain_trees(
    root: Path, problems: list[Problem]
) -> tuple[Path, dict[str, list[tuple[str, Path]]]] | None:
    """Return the base folder and, by role, the split and folder of each domain; None without any.

    The splits are train-val, flair#1-test and flair#2-test, in the root, in its folder data, or in
    a folder inside the root that contains these. Both test sets contain the same areas, so only
    that of FLAIR #2 is used if both exist.
    """
    inner = sorted(path for path in root.glob("[!.]*") if path.is_dir())
    for base in (root, *inner):
        for parent in (base / "data", base):
            splits = [name for name in _SPLITS if (parent / name).is_dir()]
            if not splits:
                continue
            if len(splits) == len(_SPLITS) or splits[-2:] == ["flair#2-test", "flair#1-test"]:
                reason = "it is not used, because flair#2-test contains patches of the same areas"
                problems.append(Problem(splits.pop(), reason))
            trees: dict[str, list[tuple[str, Path]]] = {"aerial": [], "labels": [], "sen": []}
            for name in splits:
                for domain in sorted(parent.joinpath(name).iterdir()):
                    if not domain.is_dir() or not _DOMAIN.fullmatch(domain.name):
                        continue
                    for folder, role in DOMAIN_ROLES.items():
                        if (domain / folder).is_dir():
                            trees[role].append((_SPLITS[name], domain / folder))
            if trees["aerial"]:
                return base, trees
    return None


def unpack_domains(
    root: Path, settings: FetchSettings, report: Progress = silent
) -> dict[Path, list[Path]]:
    """Unpack the archives D*.zip and GLOBAL_*.zip in a folder and its subfolders, one by one.

    An archive of FLAIR-HUB is unpacked next to it; another one into a folder of its name, such as
    D004_2021. An archive whose contents exist is left out, so that the command can be repeated.
    Returns the new folders by archive; archives are not deleted. Raises ChipscapeError if an
    archive is refused, and WorkspaceError if a folder cannot be written; see `unpack_archive`.
    """
    archives = sorted(p for p in root.rglob("*.zip") if re.match(r"D\d+[_-]\d{4}|GLOBAL_", p.name))
    unpacked: dict[Path, list[Path]] = {}
    for number, archive in enumerate(archives, start=1):
        names = _top_level_names(archive)
        is_hub = bool(names) and all(_HUB_TREE.fullmatch(name) for name in names)
        folder = archive.parent if is_hub or names == {archive.stem} else archive.with_suffix("")
        if not any((folder / name).exists() for name in names):
            unpacked[archive] = unpack_archive(archive, folder, settings)
        report_step(report, number, len(archives), archive.name)
    return unpacked


def _top_level_names(archive: Path) -> set[str]:
    try:
        with zipfile.ZipFile(archive) as source:
            return {PurePosixPath(name).parts[0] for name in source.namelist() if name.strip("/")}
    except (OSError, zipfile.BadZipFile) as error:
        raise ChipscapeError(
            "the file is not a complete zip archive",
            where=str(archive),
            remedy=f"Download it again ({error}).",
        ) from error
