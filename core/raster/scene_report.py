"""The report on a scene and its annotations, as facts and as sentences for the user."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from core.errors import AnnotationError, ChipscapeError, SceneError, convert_errors
from core.input_settings import SceneSettings
from core.raster.annotations.added_footprints import join_footprints
from core.raster.annotations.footprint_grid import grid_footprints
from core.raster.annotations.footprints import Footprints, guess_class_attribute, place_annotations
from core.raster.annotations.scene_match import footprint_notes, match_annotations
from core.raster.annotations.vector_files import (
    find_annotations,
    read_annotations,
    unread_vector_files,
)
from core.raster.pixel_reader import check_blocks
from core.raster.rendering import guess_display_bands
from core.raster.scene import Scene, read_scene

NO_CRS = "The scene has no CRS, so sizes are in pixels, not metres."


@dataclass(frozen=True)
class SceneReport:
    """The facts about one scene and its annotations.

    Attributes
    ----------
    path : str
        File name within raw/.
    ok : bool
        True if the raster opens and its pixels can be read, even if its annotations cannot be used.
    error : str
        Sentence on why the raster cannot be used; empty if it can.
    crs : str
        Short name of the CRS; empty if there is none.
    gsd : float or None
        Metres on the ground per pixel.
    valid_fraction : float
        Fraction of valid pixels in the sampled blocks, 0..1.
    annotations, repaired, cut_by_edge : int
        Number of usable annotations on the scene, of repaired footprints, and of footprints that
        cross the scene's edge.
    classes, skipped : dict
        Number of annotations of each class, and number skipped for each reason.
    class_property : str
        The class attribute, chosen or guessed; empty if there is none.
    warnings : tuple of str
        Sentences on assumptions, changes and omissions.
    rgb : tuple of str
        Bands guessed for display as red, green and blue, or one band for display as grey.
    grid : bool
        True if the footprints are squares of a grid, because there are no annotations.
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
        """The report as values for JSON; a nodata value that is not finite becomes text."""
        table = asdict(self)
        if self.nodata is not None and not math.isfinite(self.nodata):
            table["nodata"] = str(self.nodata)
        return table

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "SceneReport":
        """Rebuild a report from `as_table`, also after a round trip through JSON."""
        nodata = table["nodata"]
        changes = {name: tuple(table[name]) for name in ("bands", "warnings", "rgb")}
        return cls(**table | changes | {"nodata": None if nodata is None else float(nodata)})


def inspect_scene(
    raster: Path,
    settings: SceneSettings | None = None,
    shared_files: Sequence[Path] = (),
    *,
    is_only_scene: bool = False,
    added_file: Path | None = None,
) -> tuple[SceneReport, Scene | None, Footprints | None]:
    """Open a scene and its annotations, and report on them; invalid input raises no error.

    `shared_files` are vector files that belong to no single raster; they are used if no vector file
    has the raster's stem. With `is_only_scene`, their pixel coordinates refer to this scene.
    `added_file` holds annotations that the user made in the app, which are added to the others.
    """
    settings = settings or SceneSettings()
    blank = SceneReport(path=raster.name, name=raster.stem)
    try:
        with convert_errors(SceneError, raster.name, "the file cannot be inspected"):
            scene = read_scene(raster)
            report = _describe_scene(blank, scene)
    except ChipscapeError as error:
        return replace(blank, error=str(error)), None, None
    warnings = list(report.warnings)
    try:
        with convert_errors(AnnotationError, raster.name, "its annotations cannot be inspected"):
            warnings += unread_vector_files(raster)
            match = match_annotations(
                scene, find_annotations(raster), shared_files, warnings, is_only_scene=is_only_scene
            )
            footprints, file_name = match or (None, "")
            if added_file is not None:
                footprints = _add_footprints(scene, footprints, added_file, warnings)
                file_name = file_name or f"{added_file.parent.name}/{added_file.name}"
            if footprints is None and settings.grid.size:
                footprints = grid_footprints(scene, settings.grid)
                n_squares = len(footprints) + sum(footprints.skipped.values())
                warnings += footprint_notes(footprints, n_squares, "squares")
            report = replace(report, warnings=tuple(warnings))
            if footprints is None:
                return report, scene, None
            report = _count_footprints(report, footprints, file_name)
            report = count_by_attribute(report, footprints.properties, settings.class_property)
            return report, scene, footprints
    except ChipscapeError as error:
        return replace(report, warnings=(*warnings, str(error))), scene, None


def _add_footprints(
    scene: Scene, footprints: Footprints | None, file: Path, warnings: list[str]
) -> Footprints | None:
    """Return footprints with those of a file added; a note on them is appended to `warnings`."""
    try:
        added = place_annotations(scene, read_annotations(file))
    except ChipscapeError as error:
        warnings.append(str(error))
        return footprints
    joined = join_footprints(footprints, added)
    n_added = len(joined) - len(footprints or ())
    noun = "annotation was" if n_added == 1 else "annotations were"
    warnings.append(f"{n_added} {noun} confirmed in the app ({file.name}).")
    return joined


def _count_footprints(report: SceneReport, footprints: Footprints, file_name: str) -> SceneReport:
    """Return the report with the counts of footprints, which are a grid without a file name."""
    return replace(
        report,
        annotation_file=file_name,
        annotations=len(footprints),
        repaired=footprints.repaired,
        cut_by_edge=int(footprints.cut_by_edge.sum()),
        skipped=footprints.skipped,
        grid=not file_name,
    )


def _describe_scene(blank: SceneReport, scene: Scene) -> SceneReport:
    """Return the report on a scene without its annotations; raises SceneError if it is damaged."""
    check = check_blocks(scene)
    header = ("gsd", "width", "height", "bands", "dtype", "nodata")
    return replace(
        blank,
        ok=True,
        crs=scene.crs_label,
        valid_fraction=check.valid_fraction,
        overviews=scene.has_overviews,
        warnings=(*([] if scene.crs else [NO_CRS]), *scene.notes, *check.notes),
        rgb=tuple(scene.bands[i] for i in guess_display_bands(scene.bands)),
        **{name: getattr(scene, name) for name in header},
    )


def count_by_attribute(
    report: SceneReport, properties: pd.DataFrame, attribute: str, *, guessed: bool = False
) -> SceneReport:
    """Return the report with annotations counted by an attribute, which is guessed if empty.

    If the annotations lack the attribute, the report warns of it, unless it was `guessed` from the
    annotations of other scenes.
    """
    if attribute and attribute not in properties:
        if guessed:
            return replace(report, class_property="", classes={})
        warnings = (*report.warnings, f"No annotation has an attribute {attribute!r}.")
        return replace(report, class_property="", classes={}, warnings=warnings)
    classes: dict[str, int] = {}
    if name := attribute or guess_class_attribute(properties):
        counts = properties[name].dropna().astype(str).value_counts().sort_index()
        classes = {str(value): int(n) for value, n in counts.items()}
    return replace(report, class_property=name, classes=classes)
