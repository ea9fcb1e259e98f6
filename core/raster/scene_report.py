"""What was found in each scene and beside it, in facts and in words."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import ChipscapeError
from core.input_settings import GridSettings, SceneSettings
from core.raster.annotations.footprint_grid import grid
from core.raster.annotations.footprints import Footprints, guess_class
from core.raster.annotations.scene_match import in_words, match
from core.raster.annotations.vector_files import find_annotations, passed_over
from core.raster.pixel_reader import look_at_blocks
from core.raster.rendering import display_bands
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
    raster: Path,
    settings: SceneSettings | None = None,
    shared: Sequence[Path] = (),
    *,
    only: bool = False,
) -> tuple[SceneReport, Scene | None, Footprints | None]:
    """Open a scene and its annotations, and say what was found; never raises for bad input.

    Parameters
    ----------
    raster : Path
    settings : SceneSettings, optional
    shared : sequence of Path
        Vector files that belong to no one raster: looked into where none has the raster's stem.
    only : bool
        True for the only scene of its folder, which pixels of a shared file must mean.
    """
    settings = settings or SceneSettings()
    blank = SceneReport(path=raster.name, name=raster.stem)
    try:
        scene = read_scene(raster)
        tested = look_at_blocks(scene)
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
        "valid_fraction": tested.valid,
        "overviews": scene.overviews,
        "rgb": tuple(scene.bands[i] for i in display_bands(scene.bands)),
    }
    warnings = [*([] if scene.crs else [NO_CRS]), *scene.notes, *tested.notes]
    warnings += passed_over(raster)
    found = match(scene, find_annotations(raster), shared, warnings, only=only)
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


def _gridded(
    scene: Scene, settings: GridSettings, warnings: list[str]
) -> tuple[Footprints, str] | None:
    try:
        footprints = grid(scene, settings)
    except ChipscapeError as error:
        warnings.append(str(error))
        return None
    warnings += in_words(footprints, len(footprints) + sum(footprints.skipped.values()), "squares")
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
