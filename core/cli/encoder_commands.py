"""`chipscape compare`: several encoders on the same chips."""

from typing import Annotated

from core.cli.console import reporter, show_result
from core.cli.shared_options import Session, option, split_names, with_session
from core.errors import SettingsError
from core.pipeline.encoders.encoder_comparison import (
    CONTROL,
    ScoredEncoder,
    compare_encoders,
    ready_encoders,
    scoring_notes,
    with_weights_owner,
)
from core.pipeline.encoders.encoder_costs import EncoderCost
from core.pipeline.encoders.encoder_differences import as_tables, compare_best
from core.pipeline.encoders.encoder_scores import HELD_OUT, EncoderScores
from core.pipeline.run import Run, run_pipeline
from core.pipeline.run_stages import with_settings

EncodersOption = Annotated[
    str,
    option("Names, comma-separated; a+b joins two. [default: all ready encoders]", "--encoders"),
]


@with_session
def compare_command(
    session: Session,
    encoders: EncodersOption = "",
    property_name: Annotated[
        str, option("Attribute to compare on. [default: guessed]", "--property")
    ] = "",
) -> None:
    """Score several encoders against an attribute of the annotations."""
    workspace, settings = session.workspace, session.settings
    with reporter() as listen:
        run = run_pipeline(workspace, settings, listen, "chips")
        attribute = property_name or agreed_class_attribute(run)
        ready = [name for name in ready_encoders(workspace, settings.embed) if name != CONTROL]
        names = split_names(encoders) or ready
        view = with_settings(run.view, embed=with_weights_owner(settings.embed, names))
        scored = compare_encoders(view, names, attribute, listen)
    differences = compare_best(scored)
    tables = {encoder.encoder: encoder.as_table() for encoder in scored}
    result = {
        "property": attribute,
        "chips": len(run.chips),
        "encoders": [tables[name] for name in names],
        "control": tables[CONTROL],
        "differences": as_tables(differences),
    }
    notes = [f"note: {note}" for note in scoring_notes(scored)]
    sentences = [difference.describe() for difference in differences]
    lines = [*_score_lines(scored), "", *_input_lines(scored), "", *sentences, *notes]
    show_result(session.as_json, result, lines)


COMMANDS = {"compare": compare_command}


def agreed_class_attribute(run: Run) -> str:
    """Return the class attribute of all scenes; raises SettingsError if there is none."""
    attribute = run.view.survey.class_attribute
    if not attribute:
        raise SettingsError(
            "no attribute of the annotations looks like a class",
            where="score",
            remedy="Choose one with --property.",
        )
    return attribute


def cost_line(cost: EncoderCost, n: int) -> str:
    """Return the cost of an encoder for n chips as a line of text."""
    estimate = cost.estimate
    if estimate is None:
        return f"{cost.encoder:<28} {cost.needs}"
    return (
        f"{cost.encoder:<28} {estimate.seconds:8.1f} s and {estimate.bytes / 1e6:6.0f} MB for {n} "
        f"chips, {estimate.rate:.0f} chips/s, {estimate.dim} numbers each"
    )


def _score_lines(scored: list[ScoredEncoder]) -> list[str]:
    """Return the scores of each encoder; the intervals of the accuracies follow in brackets."""
    heads = " ".join(f"{name:<19}" for name in ("5-NN", "across blocks", "across scenes"))
    lines = [f"{'encoder':<28} {heads} {'GMM':>6} {'tree':>6} {'silh.':>6}"]
    for encoder in scored:
        scores = encoder.scores
        accuracies = " ".join(f"{_accuracy_text(scores, held_out):<19}" for held_out in HELD_OUT)
        values = (scores.nmi_gmm, scores.nmi_hdbscan, scores.silhouette)
        columns = " ".join(f"{'-':>6}" if value is None else f"{value:6.3f}" for value in values)
        lines.append(f"{_encoder_label(encoder):<28} {accuracies} {columns}")
    return lines


def _accuracy_text(scores: EncoderScores, held_out: str) -> str:
    accuracy, interval = scores.accuracy(held_out)
    if accuracy is None:
        return "-"
    return f"{accuracy:.3f}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _input_lines(scored: list[ScoredEncoder]) -> list[str]:
    """Return what each encoder reads, and how fast it is."""
    heads = f"{'normalised by':<15} {'dim':>6} {'chips/s':>8} {'seconds':>8}"
    lines = [f"{'encoder':<28} {'input':>7} {heads}"]
    for encoder in scored:
        rate = "-" if encoder.chips_per_second is None else f"{encoder.chips_per_second:.0f}"
        side = f"{encoder.input_size} px" if encoder.input_size else "-"
        lines.append(
            f"{_encoder_label(encoder):<28} {side:>7} {encoder.normalisation:<15} "
            f"{encoder.scores.dim:>6} {rate:>8} {encoder.seconds:8.2f}"
            + ("  cached" if encoder.cached else "")
        )
    return lines


def _encoder_label(encoder: ScoredEncoder) -> str:
    return f"{encoder.encoder} (control)" if encoder.encoder == CONTROL else encoder.encoder
