"""Class maps of land cover as one zip file."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path


def zip_class_maps(files: Sequence[Path], model: str, credit: str) -> bytes:
    """Return the maps as a zip file with a README.txt that names the model and gives the credit."""
    stream = io.BytesIO()
    # The maps are compressed already.
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("README.txt", f"Class maps by Chipscape: {model}\n{credit}\n")
        for path in files:
            archive.write(path, path.name)
    return stream.getvalue()
