"""`chipscape assign`: give the chips of new scenes a cluster of an existing result."""

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.console import reporter, show_result
from core.cli.shared_options import JsonOption, WorkspaceOption, option
from core.clusters.assignment import AssignmentSettings, SceneShare
from core.errors import WorkspaceError
from core.pipeline.scene_survey import require_usable, survey_scenes
from core.pipeline.workspace import Workspace

FILE_NAME = "assigned_chips.csv"


def assign_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder with new scenes. \\[default: the scenes in raw/ that were added since]",
            show_default=False,
        ),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
    run: Annotated[
        str, option("Name, id or record of the run to assign to. [default: the current]", "--run")
    ] = "",
    neighbours: Annotated[
        int, option("Number of nearest chips that vote. [default: 10]")
    ] = AssignmentSettings.n_neighbours,
    quantile: Annotated[
        float, option("Share of existing chips that count as known. [default: 0.99]")
    ] = AssignmentSettings.quantile,
    out: Annotated[Path | None, option("Folder for the table. [default: results/]")] = None,
) -> None:
    """Assign the chips of new scenes to existing clusters, or label them as unknown."""
    from core.pipeline.assignment import assigned_scenes, new_chips

    settings = AssignmentSettings(neighbours, quantile)
    target = Workspace.at(workspace)
    reference = assigned_scenes.open_reference(target, run)
    if folder is not None and not folder.expanduser().is_dir():
        raise WorkspaceError("is not a folder", where=str(folder))
    source = new_chips.ScenesFolder(target, folder.expanduser()) if folder else target
    with reporter() as listen:
        survey = survey_scenes(source, listen("scenes"), reference.view.settings.scenes)
        require_usable(source, survey)
        new = assigned_scenes.unassigned_scenes(reference, survey, settings)
        if new is None:
            sentence = "All scenes are part of the result; there is nothing to assign."
            show_result(as_json, {"chips": 0, "scenes": [], "notes": [sentence]}, [sentence])
            return
        assigned = assigned_scenes.assign_scenes(new, listen("assignment"))
    path = (out or target.results) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    names = reference.edited.names
    named = assigned.table.assign(name=assigned.table["cluster"].map(names).fillna(""))
    named.to_csv(path, index=False)
    sentences = [assigned.threshold, assigned.drift]
    result: dict[str, Any] = {
        "chips": len(named),
        "scenes": [_scene_table(share) for share in assigned.shares],
        **assigned.counts,
        "refused": dict(assigned.refused),
        "notes": sentences,
        "written": str(path),
    }
    lines = [_scene_line(share) for share in assigned.shares]
    lines += [f"not used: {reason}" for reason in assigned.refused.values()]
    show_result(as_json, result, [*lines, *sentences, f"written: {path}"])


def _scene_table(share: SceneShare) -> dict[str, Any]:
    return {
        "scene": share.scene,
        "chips": share.n_chips,
        "assigned": share.n_assigned,
        "noise": share.n_noise,
        "unknown": share.n_unknown,
        "unknown_fraction": share.unknown_fraction,
    }


def _scene_line(share: SceneShare) -> str:
    return (
        f"{share.scene:<24} {share.n_chips:>6} chips {share.n_assigned:>6} assigned "
        f"{share.n_noise:>6} noise {share.n_unknown:>6} unknown ({share.unknown_fraction:.0%})"
    )


COMMANDS = {"assign": assign_command}
