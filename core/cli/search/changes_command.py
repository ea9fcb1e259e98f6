"""`chipscape changes`: compare two scenes that cover the same ground, footprint by footprint."""

from pathlib import Path
from typing import Annotated, Any

from core.change.change_scores import LIKELY_CHANGE
from core.cli.console import counted, reporter, show_result
from core.cli.quality_commands import run_displayed
from core.cli.shared_options import Session, option, split_names, with_session

# Footprints listed on the terminal.
_LISTED = 20


@with_session
def changes_command(
    session: Session,
    scenes: Annotated[
        str, option("Names of the two scenes, comma-separated, the earlier one first.")
    ] = "",
    threshold: Annotated[
        float, option("Score from which on a footprint counts as changed.")
    ] = LIKELY_CHANGE,
    out: Annotated[
        list[Path] | None, option("File to write: .geojson or .csv; may be repeated.", "--out")
    ] = None,
) -> None:
    """Rank the footprints that two scenes cover by how much they have changed."""
    from core.pipeline.change.change_export import change_table, require_writable, write_changes
    from core.pipeline.change.scene_comparison import choose_pair, compare_scenes, find_changes

    for path in out or ():
        require_writable(session.workspace, path)
    with reporter() as listen:
        run = run_displayed(session, listen, "embeddings")
        pair = choose_pair(run.view, split_names(scenes))
        compare_scenes(pair, listen("changes"))
    changes = find_changes(pair)
    assert changes is not None
    changes = changes.with_threshold(threshold)
    for path in out or ():
        write_changes(changes, path)
    table = change_table(changes)
    result: dict[str, Any] = {
        "scenes": list(pair.names),
        **changes.counts,
        "kinds": changes.kind_counts,
        "threshold": threshold,
        "written": [str(path) for path in out or ()],
        "footprints": table.to_dict("records"),
    }
    show_result(session.as_json, result, _change_lines(result))


def _change_lines(result: dict[str, Any]) -> list[str]:
    listed = result["footprints"][:_LISTED]
    lines = [f"{row['score']:6.1f}  {row['kind']:9}  {row['chip_id']}" for row in listed]
    n = len(result["footprints"])
    if n > len(listed):
        lines.append(f"and {n - len(listed)} more")
    if result["left_out"]:
        lines.append(f"{counted(result['left_out'], 'footprint')} without enough valid pixels")
    kinds = {"gone": "gone", "new": "new", "changed": "changed in place"}
    counts = ", ".join(f"{result['kinds'][kind]} {text}" for kind, text in kinds.items())
    lines.append(
        f"{result['changed']} of {counted(n, 'footprint')} changed, with a score of at least "
        f"{result['threshold']:g}: {counts}"
    )
    return [*lines, *(f"written: {path}" for path in result["written"])]


COMMANDS = {"changes": changes_command}
