"""`chipscape runs`, `replay` and `clean`: commands for the runs of a workspace."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any

import typer

from core.cli.console import counted, reporter, show_result
from core.cli.run_texts import run_lines
from core.cli.shared_options import (
    ExchangeOption,
    JsonOption,
    SchedulerOption,
    Session,
    WorkspaceOption,
    connect_workspace,
    option,
    with_options,
)
from core.clusters.labelling import EXCLUDED, NOISE
from core.clusters.labelling_comparison import ABSENT
from core.errors import SettingsError
from core.pipeline.results.cleaning import (
    Cleaning,
    clean_workspace,
    measure_runs,
    plan_cleaning,
    select_deletable,
)
from core.pipeline.results.current_file import find_damage, load_readable, set_aside_current
from core.pipeline.results.replay import copy_scenes, replay_run
from core.pipeline.results.run_comparison import StoredRun, compare_runs, open_run
from core.pipeline.results.run_records import (
    RunRecord,
    change_record,
    find_run_record,
    list_complete_runs,
    list_unreadable_records,
)
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


def read_workspace_session(
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
    scheduler: SchedulerOption = "",
    exchange: ExchangeOption = "",
    verify: Annotated[bool, option("Recompute all checksums.", "--verify")] = False,
) -> Session:
    """Assemble the session of a command whose settings are those of a run."""
    opened = connect_workspace(workspace, scheduler, exchange, verify=verify)
    return Session(opened, RunSettings(), as_json)


with_workspace = with_options(read_workspace_session)


@with_workspace
def replay_command(
    session: Session,
    run: Annotated[str, typer.Argument(help="Name, id or record (results/runs/*.toml) of a run.")],
) -> None:
    """Repeat a run, in its workspace or in another: the same settings, labels and edits."""
    workspace = session.workspace
    record = _find_record(run, workspace)
    copied = copy_scenes(record, workspace)
    with reporter() as listen:
        replayed = replay_run(record, workspace, listen)
    result = replayed.run.summary() | {
        "replayed": record.run_id,
        "identical": replayed.identical,
        "copied": copied,
    }
    result["notes"] = [*result["notes"], *replayed.notes]
    note = "identical labels" if replayed.identical else "the labels may differ"
    lines = [
        *([f"{counted(len(copied), 'file')} copied to {workspace.raw}"] if copied else []),
        *run_lines(replayed.run),
        *(f"note: {text}" for text in replayed.notes),
        f"Replayed {record.name!r}: {note}.",
    ]
    show_result(session.as_json, result, lines)


def _find_record(text: str, workspace: Workspace) -> RunRecord:
    """Return a run of a workspace; a run of the default workspace if that workspace has none."""
    try:
        return find_run_record(text, workspace)
    except SettingsError as error:
        default = Workspace.at()
        if default.root != workspace.root:
            with suppress(SettingsError):
                return find_run_record(text, default)
        remedy = (
            f"{error.remedy} To replay a run of another workspace, give the path of its record "
            "(results/runs/*.toml), or set CHIPSCAPE_WORKSPACE to that workspace."
        )
        raise SettingsError(error.problem, where=error.where, remedy=remedy) from error


@with_workspace
def runs_command(
    session: Session,
    run: Annotated[str, typer.Argument(help="Name or id of the run to change.")] = "",
    rename: Annotated[str | None, option("New name of the run.")] = None,
    note: Annotated[str | None, option("Note on the run; an empty text removes it.")] = None,
    pin: Annotated[
        bool | None, option("Protect the run from deletion, or no longer.", "--pin/--unpin")
    ] = None,
    compare: Annotated[
        tuple[str, str], option("Compare the clusters of two runs.", "--compare")
    ] = ("", ""),
    set_aside: Annotated[
        bool, option("Rename a damaged current.json; edits of no run are lost.", "--set-aside")
    ] = False,
) -> None:
    """List the runs; with a RUN, rename, annotate or pin it; with --compare, compare two."""
    workspace = session.workspace
    if any(compare):
        first, second = (open_run(workspace, find_run_record(text, workspace)) for text in compare)
        result = _compare_table(first, second)
        show_result(session.as_json, result, _compare_lines(result))
        return
    values = {"name": rename and rename.strip(), "note": note, "pinned": pin}
    changes = {name: value for name, value in values.items() if value is not None}
    if bool(changes) != bool(run) or changes.get("name") == "":
        raise SettingsError(
            "a change needs a RUN and at least one option, and a name must not be empty",
            where="chipscape runs",
            remedy="For example: chipscape runs 'first try' --rename boats --pin",
        )
    if run:
        change_record(find_run_record(run, workspace), **changes)
    renamed = str(set_aside_current(workspace)) if set_aside else ""
    damage = find_damage(workspace)
    unreadable = [*([damage] if damage else []), *list_unreadable_records(workspace)]
    tables = _run_tables(workspace, list_complete_runs(workspace))
    result = {"runs": tables, "unreadable": [str(error) for error in unreadable]}
    if renamed:
        result["set_aside"] = renamed
    lines = [
        *([f"The damaged file was renamed to {renamed}."] if renamed else []),
        *(_run_line(table) for table in tables),
        *([] if tables else ["There are no runs yet."]),
        *(f"not readable: {error}" for error in unreadable),
    ]
    show_result(session.as_json, result, lines)


def _run_tables(workspace: Workspace, records: list[RunRecord]) -> list[dict[str, Any]]:
    storage, current = measure_runs(workspace, records), load_readable(workspace).run
    return [
        {
            "name": record.name,
            "id": record.run_id,
            "finished": record.finished,
            "encoder": record.settings.embed.encoder,
            "method": record.settings.method,
            "chips": record.n_chips,
            "n_clusters": record.n_clusters,
            "noise_fraction": record.noise_fraction,
            "current": record.run_id == current,
            "pinned": record.pinned,
            "note": record.note,
            "bytes": storage[record.run_id].n_bytes,
            "missing_artifacts": storage[record.run_id].n_missing,
        }
        for record in records
    ]


def _run_line(table: dict[str, Any]) -> str:
    facts = [
        table["id"],
        table["finished"][:16].replace("T", " "),
        table["encoder"],
        table["method"],
        counted(table["chips"], "chip"),
        counted(table["n_clusters"], "cluster"),
        f"{table['noise_fraction']:.0%} noise",
        f"{table['bytes'] / 1e6:.1f} MB",
    ]
    if table["missing_artifacts"]:
        facts.append("results deleted, see `chipscape replay`")
    marks = ", ".join(mark for mark in ("current", "pinned") if table[mark])
    name = f"{table['name']} ({marks})" if marks else table["name"]
    return f"{name}: {' · '.join([*facts, table['note']] if table['note'] else facts)}"


def _compare_table(first: StoredRun, second: StoredRun) -> dict[str, Any]:
    comparison = compare_runs(first, second)
    flows = comparison.flows()
    names = (_cluster_name(first, i) for i in flows["first"])
    other_names = (_cluster_name(second, i) for i in flows["second"])
    rows = flows.assign(first_name=list(names), second_name=list(other_names))
    return {
        "first": first.record.name,
        "second": second.record.name,
        "ari": comparison.ari,
        "ami": comparison.ami,
        "shared": comparison.n_shared,
        "moved": comparison.n_moved,
        "only_first": int((comparison.second == ABSENT).sum()),
        "only_second": int((comparison.first == ABSENT).sum()),
        "flow": rows.to_dict("records"),
        "notes": [*first.problems, *second.problems],
    }


def _cluster_name(run: StoredRun, cluster: int) -> str:
    """Return the name of a cluster of a run, or words for the other ids."""
    special = {NOISE: "noise", EXCLUDED: "excluded", ABSENT: "not in this run"}
    return run.edited.names.get(cluster, special.get(cluster, f"cluster {cluster}"))


def _compare_lines(result: dict[str, Any]) -> Iterator[str]:
    ari, ami = ("-" if result[n] is None else f"{result[n]:.3f}" for n in ("ari", "ami"))
    yield f"{result['first']} -> {result['second']}"
    yield f"ARI {ari} · AMI {ami} · {counted(result['shared'], 'chip')} in both runs"
    yield f"{counted(result['moved'], 'chip')} moved to another cluster"
    for only, name in (("only_first", "first"), ("only_second", "second")):
        if result[only]:
            yield f"{counted(result[only], 'chip')} only in {result[name]}"
    for row in result["flow"]:
        moved = " (moved)" if row["moved"] else ""
        yield f"{row['chips']:>8} {row['first_name']} -> {row['second_name']}{moved}"
    yield from (f"note: {note}" for note in result["notes"])


@with_workspace
def clean_command(
    session: Session,
    runs: Annotated[list[str] | None, typer.Argument(help="Names or ids of runs.")] = None,
    older_than: Annotated[
        float | None, option("Also delete unpinned runs older than this number of days.")
    ] = None,
    unpinned: Annotated[
        bool, option("Also delete all runs except pinned ones and the current one.", "--unpinned")
    ] = False,
    dry_run: Annotated[bool, option("Only print what would be deleted.", "--dry-run")] = False,
) -> None:
    """Delete runs, and all results that no remaining run needs; pinned runs are kept."""
    workspace = session.workspace
    records = {
        record.run_id: record for record in (find_run_record(r, workspace) for r in runs or ())
    }
    if unpinned or older_than is not None:
        selection = select_deletable(workspace, 0.0 if unpinned else older_than or 0.0)
        records |= {record.run_id: record for record in selection}
    act = plan_cleaning if dry_run else clean_workspace
    cleaning = act(workspace, list(records.values()))
    result = {
        "dry_run": dry_run,
        "runs": [record.name for record in cleaning.runs],
        "artifacts": cleaning.n_by_stage,
        "leftovers": len(cleaning.leftovers),
        "bytes": cleaning.n_bytes,
    }
    show_result(session.as_json, result, _cleaning_lines(cleaning, dry_run))


def _cleaning_lines(cleaning: Cleaning, dry_run: bool) -> Iterator[str]:
    yield from (f"run {record.name!r} ({record.run_id})" for record in cleaning.runs)
    yield from (f"{stage}: {counted(n, 'result')}" for stage, n in cleaning.n_by_stage.items())
    if cleaning.leftovers:
        yield counted(len(cleaning.leftovers), "unfinished result")
    size = f"{cleaning.n_bytes / 1e6:.1f} MB"
    yield f"This would free {size}; nothing was deleted." if dry_run else f"Freed {size}."


COMMANDS = {"replay": replay_command, "runs": runs_command, "clean": clean_command}
