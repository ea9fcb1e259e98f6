"""Overviews on the command line: built once, beside the artifacts, named where there is none."""

import json

import pytest

from core import cli


def run(capsys, monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["chipscape", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    return left.value.code, said.out, said.err


def test_overviews__are_built_once_and_raw_stays_as_it_was(
    make_scene, tmp_path, capsys, monkeypatch
):
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    make_scene("small.tif", height=300, width=200, photometric="RGB")
    before = {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()}
    asked = ("overviews", "--workspace", tmp_path, "--json")
    code, out, _ = run(capsys, monkeypatch, *asked)
    assert code == 0
    assert json.loads(out) == {"overviews": {"large": "built", "small": "not needed"}}
    code, out, _ = run(capsys, monkeypatch, *asked, "--scene", "large")
    assert json.loads(out) == {"overviews": {"large": "there already"}}
    code, out, _ = run(capsys, monkeypatch, *asked, "--shown", "green")
    assert json.loads(out)["overviews"]["large"] == "built"
    assert {path: path.read_bytes() for path in (tmp_path / "raw").iterdir()} == before
    code, out, _ = run(capsys, monkeypatch, "overviews", "--workspace", tmp_path)
    assert "large: there already" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scene", "none"), "there is no scene 'none'"),
        (("--shown", "infrared"), "no scene has the bands infrared"),
        (("--shown", "red,green"), "one band or three"),
    ],
)
def test_overviews__a_sentence_for_what_is_not_there(
    make_scene, tmp_path, capsys, monkeypatch, words, said
):
    make_scene("large.tif", height=2100, width=2300, photometric="RGB")
    code, out, err = run(capsys, monkeypatch, "overviews", "--workspace", tmp_path, *words)
    assert (code, out) == (1, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err


def test_overviews__without_scenes(tmp_path, capsys, monkeypatch):
    code, out, err = run(capsys, monkeypatch, "overviews", "--workspace", tmp_path)
    assert (code, out) == (0, "")
    assert "No scenes" in err
