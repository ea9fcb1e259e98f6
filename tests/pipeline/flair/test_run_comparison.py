"""Runs of a study compared with each other, without running them."""

from pathlib import Path
from types import SimpleNamespace

from core.flair.data.dataset import Dataset, Patch
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair.run_comparison import (
    find_run,
    group_by_protocol,
    pair_by_other,
    unjudged_patches,
)
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.flair.study_cells import StudyRun
from core.pipeline.workspace import Workspace

PATCHES = [
    Patch(f"{i:06d}", split, domain, "Z1", Path("i"), Path("m"), None, None, None)
    for i, (split, domain) in enumerate([("train", "A"), ("train", "B"), ("test", "C")])
]
DATASET = Dataset(Path(), tuple(PATCHES), ())


def make_run(tmp_path, protocol="domains", method="knn", *, other=False, fusion=False):
    settings = StudySettings(protocol, sample=SampleSettings(other=other))
    study = Study(Workspace(tmp_path), settings, DATASET)
    return StudyRun(study, MethodSettings(method), FeatureSpec(fusion=fusion))


def test_group__by_everything_but_the_protocol_and_chance_last(tmp_path):
    chance = make_run(tmp_path, method="uniform")
    runs = [make_run(tmp_path, protocol) for protocol in ("domains", "patches", "test")]
    fused, other = make_run(tmp_path, fusion=True), make_run(tmp_path, other=True)
    groups = group_by_protocol([chance, *runs, fused, other])
    assert [list(group) for group in groups] == [
        ["domains", "patches", "test"],
        ["domains"],
        ["domains"],
        ["domains"],
    ]
    assert groups[0]["patches"] is runs[1]
    assert groups[-1]["domains"] is chance


def test_pair__without_and_with_other_by_the_same_protocol(tmp_path):
    without, included = make_run(tmp_path), make_run(tmp_path, other=True)
    alone = make_run(tmp_path, "test", other=True)
    chance = [make_run(tmp_path, method="uniform", other=other) for other in (False, True)]
    assert pair_by_other([included, alone, *chance, without]) == [(without, included)]


def test_unjudged__reasons_from_the_notes(tmp_path):
    study = make_run(tmp_path).study
    complete = SimpleNamespace(patches=("IMG_000000", "IMG_000001"), notes=[])
    noted = SimpleNamespace(patches=("IMG_000000",), notes=["IMG_000001: its mask is damaged"])
    silent = SimpleNamespace(patches=("IMG_000000",), notes=["IMG_000000: dark"])
    assert unjudged_patches(study, [complete, noted, silent]) == {
        "IMG_000001": ["its mask is damaged", "not predicted"]
    }


def test_find_run__equal_but_for_the_key(tmp_path, monkeypatch):
    monkeypatch.setattr(StudyRun, "key", property(lambda run: run.settings.protocol))
    finished = [make_run(tmp_path, "patches"), make_run(tmp_path), make_run(tmp_path, fusion=True)]
    assert find_run(finished, make_run(tmp_path)) is finished[1]
    assert find_run(finished, make_run(tmp_path, "test")) is None
    assert find_run(finished, make_run(tmp_path, method="gmm")) is None
