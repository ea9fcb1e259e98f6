"""Decisions on candidates: confirmed ones become annotations, rejected ones counterexamples.

The confirmed candidates of a scene are in ``annotations/SCENE.geojson``, in longitude and latitude
(EPSG:4326); in pixels, or in the scene's own coordinates, if the scene has no CRS. The next run
reads them together with the scene's vector file in raw/, which is never changed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from filelock import FileLock

from core.artifacts.integrity import read_sealed_json, write_sealed_json
from core.disk import explained_disk_errors
from core.errors import ArtifactError
from core.pipeline.inputs.scene_files import added_file
from core.pipeline.workspace import Workspace
from core.raster.geodesy import WGS84, reproject_geometries
from core.raster.scene import Scene

Decision = Literal["confirmed", "rejected", "open"]
# 1e-9 degrees are a tenth of a millimetre.
COORDINATE_DIGITS = 9
ORIGIN = "found_by"
_REMEDY = "Repair the file, or move it out of the folder; candidates can be confirmed again."


@dataclass(frozen=True)
class DecidedWindow:
    """A decision on a candidate of a search for a target; the centre is in scene pixels.

    The target is the text that `target_name` returns for the attributes of the search.
    """

    id: str
    target: str
    scene: str
    column: float
    row: float
    decision: Decision


@dataclass(frozen=True)
class CandidateSquare:
    """A candidate to decide on: its id, its centre and its sides in scene pixels."""

    id: str
    column: float
    row: float
    width: float
    height: float


def target_name(attributes: Mapping[str, str]) -> str:
    """Return the attributes of a search as text, which identifies what it looks for."""
    return json.dumps(dict(attributes), sort_keys=True, ensure_ascii=False)


def decide(
    workspace: Workspace,
    scene: Scene,
    squares: Sequence[CandidateSquare],
    attributes: Mapping[str, str],
    decision: Decision,
) -> None:
    """Store a decision on candidates of one scene; a former decision on them is replaced.

    The attributes are those that confirmed candidates get as annotations. "open" takes back a
    decision. Raises WorkspaceError if the files cannot be written, and ArtifactError if an existing
    file is damaged; it is then not changed.
    """
    ids = {square.id for square in squares}
    with _decision_lock(workspace):
        file, target = added_file(workspace, scene.path), target_name(attributes)
        former = _read_features(file)
        features = [f for f in former if f.get("id") not in ids]
        windows = [
            window
            for window in read_decisions(workspace)
            if window.id not in ids or window.target != target
        ]
        if decision == "confirmed":
            features += _features(scene, squares, attributes)
        if decision != "open":
            windows += [
                DecidedWindow(s.id, target, scene.name, s.column, s.row, decision) for s in squares
            ]
        if features != former:
            _write_features(file, features)
        rows = [asdict(window) for window in windows]
        write_sealed_json(_decisions_path(workspace), {"format": 1, "decisions": rows})


def read_decisions(workspace: Workspace) -> list[DecidedWindow]:
    """Return all decisions; raises ArtifactError if their file is damaged.

    Of the confirmed candidates, those count that are still among the annotations; see
    `confirmed_ids`.
    """
    path = _decisions_path(workspace)
    if not path.is_file():
        return []
    try:
        return [DecidedWindow(**row) for row in read_sealed_json(path)["decisions"]]
    except (KeyError, TypeError) as error:
        raise ArtifactError(
            f"the decisions on candidates cannot be read ({error})", where=str(path), remedy=_REMEDY
        ) from error


def decisions_stamp(workspace: Workspace) -> str:
    """Return a text that changes with the decisions; empty if there are none."""
    path = _decisions_path(workspace)
    return f"{path.stat().st_mtime_ns} {path.stat().st_size}" if path.is_file() else ""


def confirmed_ids(workspace: Workspace, scene: Path) -> set[str]:
    """Return the ids of the confirmed candidates of a scene, given the path of its raster.

    Raises ArtifactError if their file is damaged.
    """
    return {str(f.get("id")) for f in _read_features(added_file(workspace, scene))}


def confirmed_collection(workspace: Workspace) -> dict[str, Any]:
    """Return the confirmed candidates of all scenes as one GeoJSON FeatureCollection.

    Candidates of scenes without a CRS are included in the coordinates of their scene.
    """
    files = sorted(workspace.annotations.glob("*.geojson"))
    features = [feature for file in files for feature in _read_features(file)]
    return {"type": "FeatureCollection", "features": features}


def square_outlines(squares: Sequence[CandidateSquare]) -> Any:
    """Return the outlines of candidates as polygons in scene pixels, (n,)."""
    rows = np.array([(s.column, s.row, s.width, s.height) for s in squares], float).reshape(-1, 4)
    half = rows[:, 2:] / 2
    return shapely.box(*(rows[:, :2] - half).T, *(rows[:, :2] + half).T)


def candidate_features(
    scene: Scene, squares: Sequence[CandidateSquare], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return GeoJSON features of candidates, each with a mapping of properties.

    The coordinates are longitude and latitude; those of the scene if it has no CRS.
    """
    outlines = shapely.transform(
        square_outlines(squares), lambda xy: np.column_stack(scene.transform @ tuple(xy.T))
    )
    if scene.crs:
        outlines = reproject_geometries(outlines, scene.crs, WGS84)
    outlines = shapely.transform(outlines, lambda xy: xy.round(COORDINATE_DIGITS))
    return [
        {
            "type": "Feature",
            "id": square.id,
            "properties": dict(row),
            "geometry": json.loads(shapely.to_geojson(outline)),
        }
        for square, row, outline in zip(squares, rows, outlines, strict=True)
    ]


def _features(
    scene: Scene, squares: Sequence[CandidateSquare], attributes: Mapping[str, str]
) -> list[dict[str, Any]]:
    row = {**attributes, ORIGIN: "scene search"}
    return candidate_features(scene, squares, [row] * len(squares))


def _read_features(file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        return []
    document = read_sealed_json(file)
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or not all(isinstance(f, dict) for f in features):
        raise ArtifactError("it is not GeoJSON", where=str(file), remedy=_REMEDY)
    return features


def _write_features(file: Path, features: Sequence[Mapping[str, Any]]) -> None:
    if features:
        write_sealed_json(file, {"type": "FeatureCollection", "features": list(features)})
    else:
        file.unlink(missing_ok=True)


def _decisions_path(workspace: Workspace) -> Path:
    return workspace.annotations / "decisions.json"


@contextmanager
def _decision_lock(workspace: Workspace) -> Iterator[None]:
    folder = workspace.annotations
    with explained_disk_errors(folder, folder):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield
