"""`chipscape find`: ranked chips, kept examples, and results saved as a cluster."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import box

from core import cli
from core.embeddings.networks.siglip2 import CARD
from core.pipeline.results.current_file import load_current
from core.pipeline.search.chip_examples import ExampleSet, load_examples
from core.pipeline.workspace import Workspace
from tests.siglip_hub import write_siglip_hub

QUICK = """
[chips]
size = 32
[gmm]
n_components = 2
n_init = 1
[projection]
n_iter = 50
"""


@pytest.fixture
def call(make_scene, make_annotations, to_ground, tmp_path, monkeypatch, capsys):
    """Run a command on forty squares of two kinds; return its JSON, its text or its error."""
    rng = np.random.default_rng(0)
    rough = rng.normal(128, 60, (3, 160, 256)).clip(1, 254)
    raster = make_scene("a.tif", np.where(np.arange(256) < 128, rough, rough / 4 + 90))
    corners = [(x, y) for x in range(2, 250, 32) for y in range(2, 150, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    kinds = [{"class": "rough" if x < 120 else "smooth"} for x, _ in corners]
    make_annotations(raster, squares, kinds)
    settings = tmp_path / "quick.toml"
    settings.write_text(QUICK)

    def run(command, *options, as_json=True, quick=True):
        shared = ["--workspace", str(tmp_path)]
        shared += ["--settings", str(settings)] if quick else []
        shared += ["--json"] if as_json else []
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *shared, *options])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        if caught.value.code:
            return printed.err
        return json.loads(printed.out) if as_json else printed.out

    return run


@pytest.fixture
def ids(call, tmp_path):
    """The ids of the chips by class."""
    call("run")
    call("export", "--format", "csv", "--out", str(tmp_path / "out"))
    table = pd.read_csv(tmp_path / "out" / "chips.csv")
    return table.groupby("class")["chip_id"].apply(list).to_dict()


def test_find__lists_the_class_of_the_examples_first(call, ids):
    result = call("find", "--like", ids["rough"][0], "--like", ids["rough"][7], "--top", "10")
    assert [chip["class"] for chip in result["chips"]] == ["rough"] * 10
    assert not {chip["chip_id"] for chip in result["chips"]} & set(ids["rough"][:1])
    scores = [chip["score"] for chip in result["chips"]]
    assert scores == sorted(scores, reverse=True)
    assert result["examples"] == 2
    text = call("find", "--like", ids["rough"][0], "--top", "3", as_json=False)
    assert "3 chips found from 1 example;" in text


def test_find__writes_a_table_with_positions(call, ids, tmp_path):
    file = tmp_path / "similar.csv"
    like = ",".join(ids["rough"][:2])
    result = call(
        "find", "--like", like, "--unlike", ids["smooth"][0], "--top", "5", "--out", str(file)
    )
    assert result["written"] == str(file)
    table = pd.read_csv(file)
    assert table["mark"].fillna("").tolist() == ["for", "for", "against", *[""] * 5]
    assert table["rank"].dropna().tolist() == [1, 2, 3, 4, 5]
    assert table["chip_id"].tolist()[3:] == [chip["chip_id"] for chip in result["chips"]]
    assert np.allclose(table["score"][3:], [chip["score"] for chip in result["chips"]])
    exported = pd.read_csv(tmp_path / "out" / "chips.csv").set_index("chip_id")
    places = exported.loc[table["chip_id"], ["longitude", "latitude", "column", "row"]]
    assert np.allclose(table[places.columns], places)
    assert set(table["class"]) <= {"rough", "smooth"}
    error = call("find", "--like", like, "--out", str(tmp_path / "raw" / "x.csv"))
    assert "raw/ is never written to" in error


def test_find__threshold_and_counterexamples(call, ids):
    marks = ("--like", ids["rough"][0], "--unlike", ids["smooth"][0])
    everything = call("find", *marks, "--top", "100")
    assert len(everything["chips"]) == 38
    limit = everything["chips"][11]["score"] - 1e-4
    result = call("find", *marks, "--threshold", str(limit), "--rank-method", "classifier")
    assert len(result["chips"]) == 12
    assert call("find", *marks, "--rank-method", "mean")["rank_method"] == "mean"


def test_find__kept_examples_are_used_next_time(call, ids, tmp_path):
    marks = ("--like", ids["rough"][0], "--unlike", ids["smooth"][0])
    first = call("find", *marks, "--keep")
    workspace = Workspace(tmp_path)
    assert load_examples(workspace) == ExampleSet((ids["rough"][0],), (ids["smooth"][0],))
    assert call("find")["chips"] == first["chips"]
    call("find", "--like", ids["smooth"][3])
    assert load_examples(workspace).examples == (ids["rough"][0],)


def test_find__saves_a_cluster_that_is_exported(call, ids, tmp_path):
    marks = ("--like", ids["rough"][0], "--like", ids["rough"][1])
    result = call("find", *marks, "--top", "6", "--save", "quay")
    assert result["saved"] == "quay"
    assert [edit.text for edit in load_current(Workspace(tmp_path)).curation.history.edits] == [
        "quay"
    ]
    call("export", "--format", "csv", "--out", str(tmp_path / "out"), quick=False)
    table = pd.read_csv(tmp_path / "out" / "chips.csv")
    members = set(table["chip_id"][table["cluster_name"] == "quay"])
    assert members == {*ids["rough"][:2], *(chip["chip_id"] for chip in result["chips"])}
    found = call("find", "--cluster", "quay", "--top", "5", quick=False)
    assert found["examples"] == 8
    assert not {chip["chip_id"] for chip in found["chips"]} & members


def test_find__a_cluster_by_its_number(call, ids):
    assert call("find", "--cluster", "0", "--top", "4")["examples"] > 1
    assert "there is no cluster 'boats'" in call("find", "--cluster", "boats")


def test_find__bad_input(call, ids):
    assert "there is no chip with this id" in call("find", "--like", "nonsense")
    assert "or give --like, --cluster or --words" in call("find")
    assert "or give --like, --cluster or --words" in call("find", "--unlike", ids["rough"][0])
    assert "'best' is not one of" in call("find", "--rank-method", "best")


def test_find__words_need_siglip2_and_no_examples(call, ids, tmp_path):
    assert "texture cannot be compared with words" in call("find", "--words", "boat")
    assert "cannot be combined" in call("find", "--words", "boat", "--like", ids["rough"][0])
    write_siglip_hub(tmp_path / "weights" / "siglip2", CARD.dim, 32)
    options = ("--encoder", "siglip2", "--words", "a boat", "--top", "4")
    result = call("find", *options)
    scores = [chip["score"] for chip in result["chips"]]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert result["words"] == "a boat"
    text = call("find", *options, "--save", "boats", as_json=False)
    assert "4 chips found from the words 'a boat'." in text
    assert "The chips found are now the cluster boats." in text
