"""`chipscape verify`: find damaged results, and compute them again on request."""

import sys
from collections.abc import Iterator
from typing import Annotated, Any

from core.cli.console import counted, reporter, show_result
from core.cli.result_commands import with_workspace
from core.cli.shared_options import Session, option
from core.pipeline.results.verification import Verification, recompute_damaged, verify_workspace


@with_workspace
def verify_command(
    session: Session,
    recompute: Annotated[
        bool, option("Delete damaged results and compute them again.", "--recompute")
    ] = False,
) -> None:
    """Read all stored results and edits, and name those that are damaged."""
    workspace = session.workspace
    with reporter() as listen:
        verification = verify_workspace(workspace, listen("verify"))
        if recompute:
            recompute_damaged(workspace, verification, listen)
    damaged = [
        {"stage": d.stage, "key": d.key, "folder": str(d.folder), "files": d.files}
        for d in verification.damaged
    ]
    result: dict[str, Any] = {
        "intact": verification.n_intact,
        "without_checksums": verification.n_unchecked,
        "damaged": damaged,
        "unreadable": list(verification.unreadable),
        "recomputed": recompute and bool(damaged),
    }
    show_result(session.as_json, result, _verification_lines(verification, recompute))
    if verification.unreadable or (damaged and not recompute):
        sys.exit(1)


def _verification_lines(verification: Verification, recompute: bool) -> Iterator[str]:
    for damaged in verification.damaged:
        for name, problem in damaged.files.items():
            yield f"damaged: {damaged.folder / name}: {problem}"
    yield from (f"not readable: {text}" for text in verification.unreadable)
    yield f"{counted(verification.n_intact, 'result')} intact"
    if verification.n_unchecked:
        yield (
            f"{counted(verification.n_unchecked, 'result')} of an earlier version without "
            "checksums; the files can be read, but changed values would not be noticed"
        )
    if verification.damaged and recompute:
        yield (
            f"{counted(len(verification.damaged), 'damaged result')} deleted. Those of the current "
            "result have been computed again; others follow when they are needed."
        )
    elif verification.damaged:
        yield (
            f"{counted(len(verification.damaged), 'result')} damaged. To compute them again: "
            "chipscape verify --recompute"
        )


COMMANDS = {"verify": verify_command}
