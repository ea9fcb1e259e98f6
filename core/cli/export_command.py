"""The command that writes results for other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from core.cli.console import reporter, show_result
from core.cli.quality_commands import run_displayed
from core.cli.shared_options import Session, option, require_choice, split_names, with_session
from core.errors import SettingsError
from core.pipeline.chip_images import read_display
from core.pipeline.results.current_result import link_run
from core.pipeline.run_results import collect_results
from core.pipeline.run_stages import STAGE_NAMES

DEFAULT_FORMAT = "geojson"
FORMAT_HELP = (
    "One or more, comma-separated: csv, geojson, geoparquet, gpkg, fgb, hectares, coco, yolo, voc, "
    "chips-png, chips-geotiff, plot-svg, plot-png, report. [default: geojson]"
)


@with_session
def export_command(
    session: Session,
    kind: Annotated[str, option(FORMAT_HELP, "--format")] = "",
    layout: Annotated[str, option("seed: the files of the seed pipeline.")] = "",
    out: Annotated[Path | None, option("Folder to write to. [default: results/]")] = None,
    zipped: Annotated[bool, option("Write each folder as one zip file.", "--zip")] = False,
) -> None:
    """Write the results for other programs."""
    from core.export.export_formats import FORMATS, write_results
    from core.export.seed_layout import write_seed_layout

    if layout not in ("", "seed"):
        raise SettingsError(f"{layout!r} is not a layout; the only one is seed", where="--layout")
    names = split_names(kind) or ([] if layout else [DEFAULT_FORMAT])
    for name in names:
        require_choice(name, FORMATS, "--format")
    workspace = session.workspace
    workspace.refuse_raw(out)
    display = read_display(workspace)
    with reporter() as listen:
        run = run_displayed(session, listen, STAGE_NAMES[-1])
        if run.record is not None:
            # A result that was set by a slider gets a record, by which it can be replayed.
            link_run(run.view, run.record.run_id)
        results = collect_results(run, display)
        paths: list[Path] = []
        if layout:
            folders = (workspace.extracted, workspace.results)
            paths += write_seed_layout(results, *(out / f.name if out else f for f in folders))
        for name in names:
            folder = out or workspace.results
            paths.append(write_results(results, folder, name, listen("export"), zipped=zipped))
    listed = [path for path in paths if path.suffix != ".npy" or path.name == "X_pca.npy"]
    result = {
        "chips": len(results.chips),
        "files": len(paths),
        "written": [str(path) for path in listed],
        "run_id": results.provenance.run_id,
        "notes": results.notes(),
    }
    show_result(session.as_json, result, _export_lines(paths, listed, results.notes()))


def _export_lines(paths: Sequence[Path], listed: Sequence[Path], notes: Sequence[str]) -> list[str]:
    lines = [f"written: {path}" for path in listed]
    if len(paths) > len(listed):
        lines.append(f"written: {len(paths) - len(listed)} chips as .npy")
    return [*lines, *(f"note: {note}" for note in notes)]


COMMANDS = {"export": export_command}
