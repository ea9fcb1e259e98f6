"""What an evaluation leaves out together: files, folders or blocks of your own images."""

from collections.abc import Sequence
from typing import Literal

from core.errors import SettingsError
from core.land.data.dataset import Problem
from core.land.images.image_set import LabelledImage

Grouping = Literal["auto", "files", "folders", "blocks"]
# Spatial blocks are chosen so that there are about this many of them.
_N_BLOCKS = 16
_SMALLEST_BLOCK, _LARGEST_BLOCK = 32, 512
# The smallest block that can be requested.
_LEAST_BLOCK = 16
_FEWEST_FILES = 3


def choose_groups(
    shapes: Sequence[tuple[int, int]],
    n_folders: int,
    grouping: Grouping,
    block: int,
    problems: list[Problem],
) -> tuple[Grouping, int | None]:
    """Return how windows are grouped, and the side of blocks in pixels, None without blocks.

    `shapes` are height and width of the images with labels, `n_folders` is the number of their
    folders, and `block` the requested side of blocks, 0 for none. Raises SettingsError for a side
    that would have no effect or is too small; one that is larger than the images is added to
    `problems`.
    """
    if block:
        return _check_block(shapes, grouping, block, problems)
    if grouping == "auto":
        many_files = len(shapes) >= _FEWEST_FILES
        grouping = "folders" if n_folders > 1 else "files" if many_files else "blocks"
    if grouping != "blocks":
        return grouping, None
    side = round((sum(height * width for height, width in shapes) / _N_BLOCKS) ** 0.5)
    return grouping, min(max(side, _SMALLEST_BLOCK), _LARGEST_BLOCK)


def single_group_problem(images: Sequence[LabelledImage], name: str) -> list[Problem]:
    """Return a problem if all labels are in one group."""
    labelled = [window for image in images for window in image.windows if window.n_labelled]
    if len({window.group for window in labelled}) > 1:
        return []
    reason = (
        "all labels are in one group, so models can only be evaluated on the windows they were "
        "trained on; choose smaller groups with --groups blocks and --block"
    )
    return [Problem(name, reason)]


def _check_block(
    shapes: Sequence[tuple[int, int]], grouping: Grouping, block: int, problems: list[Problem]
) -> tuple[Grouping, int | None]:
    """Return the grouping by blocks of the requested side."""
    if grouping not in ("auto", "blocks"):
        raise SettingsError(
            f"the size of blocks has no effect if {grouping} are left out together",
            where="block",
            remedy="Leave out --block, or use --groups blocks.",
        )
    if block < _LEAST_BLOCK:
        n_windows = sum(round(height / block) * round(width / block) for height, width in shapes)
        raise SettingsError(
            f"blocks of {block} x {block} pixels would divide the images into {n_windows:,} "
            "windows",
            where="block",
            remedy=f"Choose blocks of at least {_LEAST_BLOCK} pixels; the pixels of smaller ones "
            "are too similar to those next to them for an independent evaluation.",
        )
    if block >= max(map(max, shapes)):
        reason = (
            f"a block of {block:,} pixels is at least as large as every image, so each image is "
            "one block"
        )
        problems.append(Problem("block", reason))
        return "files", None
    return "blocks", block
