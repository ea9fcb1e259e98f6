"""`chipscape label`: next, set, suggest, doubts, duplicates and export."""

import json

import pytest
import tomli_w

from tests.cli.conftest import QUICK


@pytest.fixture
def label(call, tmp_path, make_scene, make_annotations, to_ground):
    """Run a label command on a small result; return its JSON."""
    from shapely.geometry import box

    raster = make_scene("a.tif")
    squares = [
        box(8 + i % 6 * 24, 8 + i // 6 * 24, 26 + i % 6 * 24, 26 + i // 6 * 24) for i in range(20)
    ]
    properties = [{"class": "ab"[i % 2]} for i in range(20)]
    make_annotations(raster, [to_ground(square) for square in squares], properties)
    settings = tmp_path / "quick.toml"
    settings.write_text(tomli_w.dumps(QUICK))
    code, _, error = call("run", "--workspace", tmp_path, "--settings", settings)
    assert code == 0, error

    def run(*arguments):
        code, out, error = call("label", *arguments, "--workspace", tmp_path, "--json")
        assert code == 0, error
        return json.loads(out)

    return run


def test_label__next_set_suggest_and_export(label, tmp_path):
    chips = [row["chip_id"] for row in label("next", "--count", 6)["next"]]
    assert len(set(chips)) == 6
    label("set", *chips[:3], "--label", "boat")
    result = label("set", *chips[3:5], "--label", "quay")
    assert result == {"chips": 20, "labelled": 5, "labels": {"boat": 3, "quay": 2}}
    assert label("set", chips[5], "--skip")["labelled"] == 5
    assert chips[5] not in [row["chip_id"] for row in label("next", "--count", 20)["next"]]
    suggested = label("suggest")
    assert len(suggested["suggestions"]) == 15
    confidence = [row["confidence"] for row in suggested["suggestions"]]
    assert confidence == sorted(confidence, reverse=True)
    assert suggested["curve"]["n_labels"][-1] == 5
    label("suggest", "--above", confidence[3], "--accept")
    accepted = label("next")["labelled"]
    assert accepted >= 9
    assert label("set", "--undo")["labelled"] < accepted
    assert label("set", "--redo")["labelled"] == accepted
    written = label("export", "--format", "csv", "--suggested", "--out", tmp_path / "out")
    text = (tmp_path / "out" / "labels.csv").read_text().splitlines()
    assert written["written"].endswith("labels.csv")
    assert len(text) == 21
    assert label("set", chips[0], "--clear")["labelled"] == accepted - 1


def test_label__doubts_and_duplicates(label):
    doubts = label("doubts", "--property", "class", "--count", 3)
    assert doubts["chips"] == 20
    assert len(doubts["doubts"]) == 3
    assert {"chip_id", "label", "suggested", "doubt"} <= set(doubts["doubts"][0])
    assert label("duplicates")["chips"] == 20


def test_label__errors_are_sentences(label, call, tmp_path):
    for arguments, message in (
        (("set",), "one action is needed"),
        (("set", "x", "--label", "a", "--skip"), "one action is needed"),
        (("set", "x", "--undo"), "one action is needed"),
        (("set", "x", "--label", "a"), "there is no chip"),
        (("suggest",), "two different labels"),
        (("doubts",), "nothing to compare"),
        (("export",), "no chip has a label"),
        (("export", "--format", "docx"), "is not one of"),
    ):
        code, out, error = call("label", *arguments, "--workspace", tmp_path)
        assert code == 1, arguments
        assert message in error.replace("\n", " "), arguments
        assert not out


def test_label__text_output(label, call, tmp_path):
    chip = label("next")["next"][0]["chip_id"]
    code, out, _ = call("label", "set", chip, "--label", "boat", "-w", tmp_path)
    assert (code, out.strip()) == (0, "1 of 20 chips labelled: boat 1")
    code, out, _ = call("label", "next", "--count", 1, "-w", tmp_path)
    assert "like" in out
