"""Runs repeated on several draws of training pixels: their stability, and the optimism gap.

All models are judged on the same held-out pixels, none of which trains a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.artifacts.formats import read_arrays, write_arrays
from core.artifacts.store import Artifact
from core.land.data.nomenclature import FLAIR
from core.land.data.pixel_sampling import sample_pixels
from core.land.data.pixel_table import PixelTable
from core.land.evaluation.confusion import Interval, bootstrap_miou, count_by_unit, resample_miou
from core.land.evaluation.scorers import Scorer, ScorerName, choose_scorer
from core.land.models.classifier_table import fit_classifier
from core.land.models.features import build_features, fit_scaler
from core.pipeline.land.study_cells import StudyRun
from core.pipeline.stage import Stage
from core.progress import Progress, report_step, silent
from core.types import AnyArray, DoubleArray

N_REPEATS, MOST_REPEATS = 5, 100
"""Default and largest number of draws of the training pixels."""
MOST_PIXELS = 20_000
"""Most training pixels of a model, so that repeating a run does not take much longer than it."""
# Seeds of these draws are far from those that users choose, so that they are other pixels.
# Share of the training pixels in each draw if all labels may be training pixels, so that draws
# differ.
_SHARE_OF_SPARSE = 0.8
_FIRST_SEED = 1_000_003


@dataclass(frozen=True)
class RepeatedRun:
    """A run that is to be repeated with `n` draws of the training pixels."""

    run: StudyRun
    n: int = N_REPEATS


@dataclass(frozen=True)
class Stability:
    """The results of a run that was repeated on several draws of training pixels.

    Attributes
    ----------
    counts : int array, (d, a, n, n)
        Confusion matrix of each draw in each area, on held-out pixels.
    familiar : int array, (d, a, n, n), or None
        The same for models that were trained on as many pixels, drawn from all domains, those of
        the held-out pixels included. Only for the protocol "domains".
    n_clusters : int array, (d, folds)
        Number of clusters; 0 for a method without clusters.
    n_pixels : int
        Number of training pixels of a model: the mean over the folds.
    """

    counts: AnyArray
    familiar: AnyArray | None
    n_clusters: AnyArray
    n_pixels: int
    scorer: Scorer = Scorer("flair", FLAIR.n_scored)

    @property
    def mious(self) -> DoubleArray:
        """The mIoU of each draw, (d,)."""
        return self.scorer.miou(self.counts.sum(axis=1))

    @property
    def interval(self) -> Interval | None:
        """95 % interval of the mIoU over draws and areas; None with too few areas."""
        return bootstrap_miou(self.counts, measure=self.scorer.miou)

    @property
    def gap(self) -> tuple[float, float, float] | None:
        """The optimism gap, and the range of 95 % of its repetitions over draws and areas.

        It is the mIoU of models that know the domains of the held-out pixels, minus that of models
        that do not. None if it was not measured or is undefined.
        """
        if self.familiar is None:
            return None
        miou = self.scorer.miou
        gap = float(miou(self.familiar.sum(axis=1)).mean() - self.mious.mean())
        # The models of both kinds are independent draws; the areas are the same.
        pairs = [
            resample_miou(counts, 1000, 0, i, measure=miou)
            for i, counts in enumerate((self.counts, self.familiar))
        ]
        if np.isnan(gap) or np.isnan(pairs).any():
            return None
        low, high = np.quantile(pairs[1] - pairs[0], (0.025, 0.975))
        return gap, float(low), float(high)

    @property
    def lines(self) -> list[str]:
        """The stability and the optimism gap in words."""
        low, high, n = self.mious.min(), self.mious.max(), len(self.counts)
        text = f"mIoU {low:.3f} to {high:.3f} ({self.scorer.title})"
        if self.n_clusters.any():
            text += f" and {self.n_clusters.min()} to {self.n_clusters.max()} clusters"
        lines = [f"{text} over {n} draws of {self.n_pixels:,} training pixels"]
        if self.interval is not None:
            low, high = self.interval.low, self.interval.high
            areas = f"{self.interval.n_units} areas"
            lines.append(f"95 % over {n} training draws and {areas}: {low:.3f} to {high:.3f}")
        return lines

    @property
    def gap_text(self) -> str:
        """The optimism gap in words; empty if it was not measured."""
        if self.gap is None:
            return ""
        gap, low, high = self.gap
        text = (
            f"optimism gap {gap:+.3f} ({low:+.3f} to {high:+.3f}): mIoU on the same held-out "
            f"pixels, none of which trained a model, with {self.n_pixels:,} training pixels from "
            "all domains instead of other domains only"
        )
        return f"{text}. {NEGATIVE_GAP}" if gap < 0 else text


NEGATIVE_GAP = (
    "It is negative: with as many training pixels, models that know the held-out domains are not "
    "better than models that do not. Either the draw of the training pixels outweighs the "
    "domains, or pixels of the other domains represent the classes better."
)


def _repeat_inputs(subject: RepeatedRun) -> dict[str, Any]:
    return {"cell": subject.run.key, "repeats": subject.n, "most": MOST_PIXELS}


def _write_repeats(subject: RepeatedRun, folder: Path, report: Progress) -> dict[str, Any]:
    run, folds = subject.run, subject.run.study.folds
    with_gap = run.settings.protocol == "domains"
    counts: list[list[AnyArray]] = [[] for _ in range(subject.n)]
    familiar: list[list[AnyArray]] = [[] for _ in range(subject.n)]
    clusters = np.zeros((subject.n, len(folds)), np.int64)
    n_pixels, step = 0, 0
    every = tuple(sorted({index for fold in folds for index in (*fold.train, *fold.test)}))
    for column, fold in enumerate(folds):
        judges = run.study.judges(fold, run.spec)
        n = min(MOST_PIXELS, len(run.study.sampled(fold.train, run.spec)))
        if run.study.dataset.layout.rule is not None:
            judges, n = _spare_pixels(judges), max(1, round(_SHARE_OF_SPARSE * n))
        n_pixels += n
        for draw in range(subject.n):
            table = _draw_training(run, fold.train, draw, judges, n)
            confusion, clusters[draw, column] = _train_and_judge(run, table, judges)
            counts[draw].append(confusion)
            if with_gap:
                table = _draw_training(run, every, draw, judges, n)
                familiar[draw].append(_train_and_judge(run, table, judges)[0])
            step += 1
            report_step(report, step, len(folds) * subject.n, "training draws")
    arrays = {"counts": _stack(counts), "clusters": clusters}
    write_arrays(folder, arrays | ({"familiar": _stack(familiar)} if with_gap else {}))
    return {"repeats": subject.n, "pixels": n_pixels // len(folds)}


def _stack(by_draw: list[list[AnyArray]]) -> AnyArray:
    """Stack the counts of all draws, with the areas of all folds, (d, a, n, n)."""
    return np.stack([np.concatenate(parts) for parts in by_draw])


def _spare_pixels(judges: PixelTable) -> PixelTable:
    """Return half of the held-out pixels, so that the others can train models.

    Sparse labels of one's own are all drawn, so without this no pixel of a held-out domain would
    be left for the models that know it.
    """
    if len(judges) < 2:
        return judges
    order = np.random.default_rng(_FIRST_SEED).permutation(len(judges))
    return judges.take(np.sort(order[: (len(judges) + 1) // 2]))


def _draw_training(
    run: StudyRun, patches: tuple[int, ...], draw: int, judges: PixelTable, n: int
) -> PixelTable:
    """Draw up to n training pixels of some patches, none of which is a held-out pixel."""
    settings = run.settings.sample
    kind = "stratified" if settings.draw == "stratified" else "random"
    seed = (settings.seed + _FIRST_SEED + draw) % 2**31
    sample = replace(settings, draw=kind, seed=seed)  # type: ignore[arg-type]
    table = sample_pixels(run.study.dataset, patches, sample, run.study.required_data(run.spec))
    free = np.flatnonzero(~np.isin(table.pixel_numbers(), judges.pixel_numbers()))
    chosen = np.random.default_rng([seed, n]).permutation(free)[:n]
    return table.take(np.sort(chosen))


def _train_and_judge(run: StudyRun, table: PixelTable, judges: PixelTable) -> tuple[AnyArray, int]:
    """Train on a table; return the confusion of the held-out pixels by area, and the clusters."""
    scaler = fit_scaler(table, run.spec)
    legend, features = run.study.dataset.layout.legend, build_features(table, run.spec, scaler)
    fitted = fit_classifier(features, table.labels, run.method, legend=legend)
    predicted = fitted.model.predict(build_features(judges, run.spec, scaler), 0).classes
    areas = run.study.area_numbers(judges)
    n_areas, n_classes = int(areas.max()) + 1, run.study.dataset.layout.legend.other
    confusion = count_by_unit(judges.labels, predicted, areas, n_areas, n_classes)
    return confusion, fitted.n_clusters


def _open_repeats(artifact: Artifact) -> Stability:
    arrays: Mapping[str, AnyArray] = read_arrays(artifact.folder)
    n_pixels = int(artifact.counts["pixels"])
    return Stability(arrays["counts"], arrays.get("familiar"), arrays["clusters"], n_pixels)


REPEATS: Stage[RepeatedRun, Stability] = Stage(
    "flair-repeats",
    1,
    _repeat_inputs,
    _write_repeats,
    _open_repeats,
    lambda subject: subject.run.file_states(),
)


def repeat_training(
    run: StudyRun, n: int = N_REPEATS, report: Progress = silent, scorer: ScorerName | None = None
) -> Stability:
    """Find or compute the results of a run on several draws of training pixels."""
    workspace = run.study.workspace
    artifact = REPEATS.make(workspace.store, RepeatedRun(run, n), report)
    workspace.checksums.save()
    chosen = choose_scorer(run.study.dataset.layout.legend, scorer)
    return replace(REPEATS.open(artifact), scorer=chosen)
