"""What was found in each scene and beside it, in facts and in words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import ChipscapeError
from core.input_settings import GridSettings, SceneSettings
from core.raster.annotated import Annotations
from core.raster.annotations import find_annotations, passed_over, read_annotations
from core.raster.footprints import OUTSIDE, Footprints, guess_class, place
from core.raster.grid import grid
from core.raster.reading import read_test
from core.raster.render import display_bands
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
    rgb : tuple of str
        Bands guessed to show as red, green and blue, or one that shows as grey.
    grid : bool
        True where the footprints are squares of a grid, for want of annotations.
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
    rgb: tuple[str, ...] = ()
    grid: bool = False

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
            "rgb": tuple(table["rgb"]),
            "nodata": None if nodata is None else float(nodata),
        }
        return cls(**{**table, **changed})


def inspect(
    raster: Path, settings: SceneSettings | None = None, shared: Sequence[Path] = ()
) -> tuple[SceneReport, Scene | None, Footprints | None]:
    """Open a scene and its annotations, and say what was found; never raises for bad input.

    Parameters
    ----------
    raster : Path
    settings : SceneSettings, optional
    shared : sequence of Path
        Vector files that belong to no one raster: looked into where none has the raster's stem.
    """
    settings = settings or SceneSettings()
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
        "rgb": tuple(scene.bands[i] for i in display_bands(scene.bands)),
    }
    warnings = [*([] if scene.crs else [NO_CRS]), *scene.notes, *passed_over(raster)]
    found = _annotated(scene, find_annotations(raster), shared, warnings)
    if found is None and settings.grid.size:
        found = _gridded(scene, settings.grid, warnings)
        facts["grid"] = found is not None
    if found is None:
        return SceneReport(**facts | {"warnings": tuple(warnings)}), scene, None
    footprints, name = found
    facts["annotation_file"] = name
    facts |= {
        "annotations": len(footprints),
        "repaired": footprints.repaired,
        "cut_by_edge": int(footprints.cut.sum()),
        "skipped": footprints.skipped,
        "warnings": tuple(warnings),
    }
    counted = by_class(SceneReport(**facts), footprints.properties, settings.class_property)
    return counted, scene, footprints


def _read_shared(path: Path) -> Annotations:
    """A file that scene after scene asks for, read once."""
    return _read_at(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_at(path: Path, _changed: int) -> Annotations:
    return read_annotations(path)


def _annotated(
    scene: Scene, own: Path | None, shared: Sequence[Path], warnings: list[str]
) -> tuple[Footprints, str] | None:
    """The scene's footprints and the file they come from: its own, else the first that has any."""
    for vector in [own] if own else shared:
        try:
            read = read_annotations if own else _read_shared
            annotations = read(vector).of(scene.name)
        except ChipscapeError as error:
            warnings.append(str(error))
            continue
        footprints = place(scene, annotations)
        if not own:
            outside = footprints.skipped.pop(OUTSIDE, 0)
            if not len(footprints):
                continue
            warnings.append(
                f"annotations matched by place: {len(footprints)} of {vector.name} lie on the scene"
                + (f", {outside} elsewhere" if outside else "")
            )
        warnings += _in_words(footprints, len(annotations))
        return footprints, vector.name
    if own is None:
        warnings.append(
            f"no annotations: no vector file named {scene.name}.geojson beside it"
            + (", and none of the others has any on it" if shared else "")
        )
    return None


def _gridded(
    scene: Scene, settings: GridSettings, warnings: list[str]
) -> tuple[Footprints, str] | None:
    try:
        footprints = grid(scene, settings)
    except ChipscapeError as error:
        warnings.append(str(error))
        return None
    warnings += _in_words(footprints, len(footprints) + sum(footprints.skipped.values()), "squares")
    return footprints, ""


def by_class(report: SceneReport, properties: pd.DataFrame, wanted: str) -> SceneReport:
    """The report with its annotations counted by a property, or by the one guessed for ""."""
    name = wanted or guess_class(properties)
    warnings = report.warnings
    if wanted and wanted not in properties:
        warnings = (*warnings, f"no annotation has the property {wanted!r}")
        name = ""
    classes: dict[str, int] = {}
    if name:
        counts = properties[name].dropna().astype(str).value_counts().sort_index()
        classes = {str(value): int(n) for value, n in counts.items()}
    return replace(report, class_property=name, classes=classes, warnings=warnings)


def _in_words(footprints: Footprints, total: int, what: str = "annotations") -> list[str]:
    words = list(footprints.notes)
    if footprints.repaired:
        n = footprints.repaired
        what_crossed = "footprint crossed itself" if n == 1 else "footprints crossed themselves"
        words.append(f"{n} {what_crossed}: repaired")
    words += [f"{n} of {total} {what} skipped: {why}" for why, n in footprints.skipped.items()]
    if cut := int(footprints.cut.sum()):
        words.append(f"{cut / len(footprints):.1%} of footprints cross the scene's edge")
    if total == 0:
        nothing = "the annotation file holds no features"
        words.append(nothing if what == "annotations" else f"the {what} are larger than the scene")
    return words
