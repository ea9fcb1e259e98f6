"""Files of labels in a folder of images: which rasters are labels, and of which image."""

import re
from collections.abc import Sequence
from pathlib import Path

from core.raster.annotations.vector_files import SUFFIXES
from core.raster.sidecars import RASTER_SUFFIXES

LABEL_FOLDERS = ("labels", "label", "masks", "mask", "msk")
"""Names of folders whose rasters are labels, not images."""
_LABEL_STEM = re.compile(r"(.+?)[ _-](?:labels?|masks?|lc|gt)$", re.I)


def is_label_file(
    path: Path, folder: Path, label_path: Path | None, rasters: Sequence[Path]
) -> bool:
    """Return True if a raster of a folder of images is a file of labels, not an image."""
    if label_path == folder:
        return False
    if label_path is not None:
        return path == label_path or label_path in path.parents
    if any(part.lower() in LABEL_FOLDERS for part in path.relative_to(folder).parts[:-1]):
        return True
    match = _LABEL_STEM.fullmatch(path.stem)
    stems = {raster.stem for raster in rasters if raster.parent == path.parent}
    return match is not None and match[1] in stems


def find_labels(image: Path, label_path: Path | None) -> Path | None:
    """Return the labels of an image: the named file, a file of the same name, or None."""
    if label_path is not None and label_path.is_file():
        return label_path
    folders = [label_path] if label_path else [image.parent]
    if label_path is None:
        folders += [image.parent / name for name in LABEL_FOLDERS]
        folders += [image.parent.parent / name for name in LABEL_FOLDERS]
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = _LABEL_STEM.fullmatch(path.stem)
            is_named = path.stem == image.stem or (match is not None and match[1] == image.stem)
            is_label = path.suffix.lower() in (*RASTER_SUFFIXES, *SUFFIXES)
            if is_named and is_label and path != image and path.is_file():
                return path
    return None
