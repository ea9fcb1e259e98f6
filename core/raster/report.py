"""What was found in each scene and beside it, in facts and in words."""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ChipscapeError
from core.raster.annotations import find_annotations, read_annotations
from core.raster.footprints import Footprints, guess_class, place
from core.raster.reading import read_test
from core.raster.scene import Scene, read_scene

NO_CRS = "the scene has no CRS to measure by: sizes are in pixels, not metres"


@dataclass(frozen=True)
class SceneReport:
    """One scene as Chipscape found it.

    Attributes
    ----------
    path : str
        File name within raw/.
    name : str
    ok : bool
        The raster opens and its pixels can be read; annotations are judged in `skipped`.
    error : str
        Why it is not, in a sentence.
    crs : str
        Short name of the CRS; empty where there is none.
    gsd : float or None
        Metres on the ground a pixel.
    width, height : int
    bands : tuple of str
    dtype : str
    nodata : float or None
    valid_fraction : float
        Share of valid pixels in the blocks that the read test looked at.
    overviews : bool
    annotation_file : str
        File name; empty where there is none.
    annotations : int
        Those that lie on the scene and can be used.
    classes : dict
        Count by value of `class_property`.
    class_property : str
        The property that most likely holds the class; empty where none does.
    repaired, cut_by_edge : int
    skipped : dict
        Reason to count.
    warnings : tuple of str
    """

    path: str
    name: str
    ok: bool = False
    error: str = ""
    crs: str = ""
    gsd: float | None = None
    width: int = 0
    height: int = 0
    bands: tuple[str, ...] = ()
    dtype: str = ""
    nodata: float | None = None
    valid_fraction: float = 0.0
    overviews: bool = False
    annotation_file: str = ""
    annotations: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    class_property: str = ""
    repaired: int = 0
    cut_by_edge: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def as_table(self) -> dict[str, Any]:
        """The report as plain values that JSON can hold: a nodata of NaN becomes "nan"."""
        table = asdict(self)
        if self.nodata is not None and not math.isfinite(self.nodata):
            table["nodata"] = str(self.nodata)
        return table

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "SceneReport":
        """The inverse of `as_table`, also after a round trip through JSON."""
        nodata = table["nodata"]
        changed = {
            "bands": tuple(table["bands"]),
            "warnings": tuple(table["warnings"]),
            "nodata": None if nodata is None else float(nodata),
        }
        return cls(**{**table, **changed})


def inspect(raster: Path) -> tuple[SceneReport, Scene | None, Footprints | None]:
    """Open a scene and its annotations, and say what was found; never raises for bad input."""
    blank = SceneReport(path=raster.name, name=raster.stem)
    try:
        scene = read_scene(raster)
        valid = read_test(scene)
    except ChipscapeError as error:
        return SceneReport(path=raster.name, name=raster.stem, error=str(error)), None, None
    facts = asdict(blank) | {
        "ok": True,
        "crs": scene.crs_label,
        "gsd": scene.gsd,
        "width": scene.width,
        "height": scene.height,
        "bands": scene.bands,
        "dtype": scene.dtype,
        "nodata": scene.nodata,
        "valid_fraction": valid,
        "overviews": scene.overviews,
    }
    warnings = [] if scene.crs else [NO_CRS]
    vector = find_annotations(raster)
    if vector is None:
        warnings.append(f"no annotations: no vector file named {raster.stem}.geojson beside it")
        return SceneReport(**facts | {"warnings": tuple(warnings)}), scene, None
    facts["annotation_file"] = vector.name
    try:
        annotations = read_annotations(vector)
    except ChipscapeError as error:
        warnings.append(str(error))
        return SceneReport(**facts | {"warnings": tuple(warnings)}), scene, None
    footprints = place(scene, annotations)
    warnings += _in_words(footprints, len(annotations))
    return SceneReport(**facts | _counts(footprints, tuple(warnings))), scene, footprints


def _counts(footprints: Footprints, warnings: tuple[str, ...]) -> dict[str, Any]:
    name = guess_class(footprints.properties)
    values = footprints.properties[name].dropna().astype(str) if name else None
    return {
        "annotations": len(footprints),
        "class_property": name,
        "classes": {}
        if values is None
        else {str(k): int(n) for k, n in values.value_counts().sort_index().items()},
        "repaired": footprints.repaired,
        "cut_by_edge": int(footprints.cut.sum()),
        "skipped": footprints.skipped,
        "warnings": warnings,
    }


def _in_words(footprints: Footprints, total: int) -> list[str]:
    words = list(footprints.notes)
    if footprints.repaired:
        words.append(f"{footprints.repaired} footprints crossed themselves: repaired")
    words += [f"{n} of {total} annotations skipped: {why}" for why, n in footprints.skipped.items()]
    if cut := int(footprints.cut.sum()):
        words.append(f"{cut / len(footprints):.1%} of footprints cross the scene's edge")
    if total == 0:
        words.append("the annotation file holds no features")
    return words
