"""The current result of a workspace: the one that the app displays and that exports contain.

It is the same for all pages, all sessions and the command line, and consists of settings, the keys
of the artifacts, and the curation (edits and cluster numbers).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from core.artifacts.keys import make_key
from core.clusters.editing.edit_history import History, unpack_chip_ids
from core.clusters.labelling import Labelling
from core.errors import SettingsError
from core.pipeline.cluster_stages import labelling_inputs, reduction_key
from core.pipeline.results.curation import Curation, last_ids, with_labelling
from core.pipeline.results.current_file import (
    CurrentResult,
    load_current,
    results_lock,
    write_current,
)
from core.pipeline.results.former_edits import read_former_edits
from core.pipeline.results.run_records import (
    RunRecord,
    create_record,
    find_matching_record,
    find_run_record,
    read_record,
    record_path,
    write_curation,
)
from core.pipeline.results.run_settings import without_refit
from core.pipeline.results.stored_view import have_same_artifacts, list_keys, open_view
from core.pipeline.view import View
from core.pipeline.workspace import Workspace


def keep_result(
    view: View, labelling: Labelling, chip_ids: Sequence[str], run: str = ""
) -> CurrentResult:
    """Make a complete view the current result, with the edits so far, and return it.

    If the result has a record whose edits are not the first of the edits so far, it gets back the
    edits of its record, and the result that it replaces is kept as a run.
    """
    keys, key, former = list_keys(view), numbers_key(view), load_current(view.workspace)
    settings = without_refit(view.settings)
    is_same = former.settings == settings and have_same_artifacts(former.keys, keys)
    run = run or (former.run if is_same else "")
    run = run or find_matching_record(view.workspace, settings, keys, former)
    if is_same and key in former.curation.numbering.by_labelling and run == former.run:
        return former

    own_curation = _diverged_curation(former, view.workspace, run)
    if own_curation is not None:
        save_current_run(view.workspace)

    def change(current: CurrentResult) -> CurrentResult:
        curation = own_curation or current.curation
        if current.settings is None and not curation.history.edits:
            curation = find_curation(view, chip_ids)
        numbering = with_labelling(curation.numbering, labelling, key, chip_ids)
        return CurrentResult(settings, keys, replace(curation, numbering=numbering), run)

    return update_current(view.workspace, change)


def _diverged_curation(current: CurrentResult, workspace: Workspace, run: str) -> Curation | None:
    """Return the curation in the record of a run, unless the current edits continue its edits."""
    if not run or run == current.run:
        return None
    record = find_run_record(run, workspace)
    edits, current_edits = record.curation.history.edits, current.curation.history.edits
    # A pinned run keeps the edits that it has.
    is_continued = current_edits[: len(edits)] == edits and not record.pinned
    return None if is_continued or current_edits == edits else record.curation


def change_edits(
    view: View,
    labelling: Labelling,
    chip_ids: Sequence[str],
    change: Callable[[History], History],
    expected: History | None = None,
) -> CurrentResult:
    """Change the edits of the current result, of which a labelling is displayed, and return it.

    Raises SettingsError if the edits are no longer the `expected` ones.
    """

    def apply(current: CurrentResult) -> CurrentResult:
        curation = current.curation
        if current.settings is None:
            curation = find_curation(view, chip_ids)
        if expected is not None and curation.history != expected:
            raise SettingsError(
                "the edits have been changed in another window",
                where="edits",
                remedy="The page now shows them; try again.",
            )
        numbering = with_labelling(curation.numbering, labelling, numbers_key(view), chip_ids)
        curation = Curation(change(curation.history), numbering)
        return replace(current, curation=curation)

    return update_current(view.workspace, apply)


def update_current(
    workspace: Workspace, change: Callable[[CurrentResult], CurrentResult]
) -> CurrentResult:
    """Replace the current result; only one process at a time changes it.

    If the result belongs to a run, its edits are also written into the record of the run.
    """
    former = load_current(workspace)
    if change(former) == former:
        # A finished workspace may be read-only.
        return former
    with results_lock(workspace.results):
        former = load_current(workspace)
        current = change(former)
        if current == former:
            return current
        write_current(workspace, current)
        if current.run:
            write_curation(workspace, current.run, current.curation)
    return current


def save_current_run(workspace: Workspace, name: str = "") -> RunRecord | None:
    """Return the record of the current result, which is written if there is none yet.

    With a name, a new record is always written, to which later edits belong; an earlier record
    keeps the edits that it has. Without a name, only a result with edits is worth a record;
    otherwise None is returned.
    """
    current = load_current(workspace)
    numbering = current.curation.numbering
    if current.settings is None:
        return None
    if not name and current.run and record_path(workspace, current.run).is_file():
        return find_run_record(current.run, workspace)
    if not name and not current.curation.history.edits:
        return None
    chips = unpack_chip_ids(numbering.chips)
    ids = last_ids(numbering, chips)
    counts: dict[str, float] = {"chips": len(chips)}
    if ids is not None and len(ids):
        counts["clusters"] = len(np.unique(ids[ids >= 0]))
        counts["noise_fraction"] = float((ids < 0).mean())
    reports = open_view(workspace, current.settings, current.keys).survey.reports
    facts = {"scenes": {report.path: report.annotations for report in reports}}
    result = current.settings, current.keys
    record = create_record(workspace, *result, counts, facts, name, current.curation)
    update_current(workspace, lambda latest: replace(latest, run=record.run_id))
    return record


def link_run(view: View, run: str) -> None:
    """State that the current result belongs to a run, if it is the result of the view."""
    keys = list_keys(view)

    def change(current: CurrentResult) -> CurrentResult:
        settings = without_refit(view.settings)
        is_same = current.settings == settings and have_same_artifacts(current.keys, keys)
        return replace(current, run=run) if is_same and not current.run else current

    update_current(view.workspace, change)


def restore_run(workspace: Workspace, record: RunRecord) -> CurrentResult:
    """Make a recorded run the current result, with its edits and cluster numbers.

    An edited result that it replaces is kept as a run.
    """
    save_current_run(workspace)
    record = read_record(record.path)
    result = CurrentResult(record.settings, record.keys, record.curation, record.run_id)
    return update_current(workspace, lambda _: result)


def replace_result(
    view: View, labelling: Labelling, chip_ids: Sequence[str], run: str, curation: Curation
) -> CurrentResult:
    """Make a view the current result with another curation, and return the result.

    An edited result that it replaces is kept as a run.
    """
    save_current_run(view.workspace)
    numbering = with_labelling(curation.numbering, labelling, numbers_key(view), chip_ids)
    curation = replace(curation, numbering=numbering)
    result = CurrentResult(without_refit(view.settings), list_keys(view), curation, run)
    return update_current(view.workspace, lambda _: result)


def find_curation(view: View, chip_ids: Sequence[str]) -> Curation:
    """Return the curation of a view's workspace.

    Workspaces of earlier versions have a file of edits for each reduction and method instead.
    """
    current = load_current(view.workspace)
    if current.settings is not None or current.curation.history.edits:
        return current.curation
    return read_former_edits(view, chip_ids) or current.curation


def numbers_key(view: View) -> str:
    """Return the key under which the numbers of the clusters of a view's labelling are stored."""
    return make_key("numbers", 1, {"reduction": reduction_key(view), **labelling_inputs(view)})
