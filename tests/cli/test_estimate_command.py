"""`chipscape estimate`: the estimate of a run, without computing anything."""

import json

import numpy as np
import pytest
import tomli_w
from shapely.geometry import box

from tests.cli.conftest import QUICK


@pytest.fixture
def estimate(call, make_scene, make_annotations, to_ground, tmp_path):
    """Return the result of `chipscape estimate` in a workspace with one scene of 20 squares."""
    pixels = np.random.default_rng(0).integers(1, 255, (3, 120, 160))
    corners = [(x, y) for x in range(2, 150, 32) for y in range(2, 110, 30)]
    squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
    make_annotations(make_scene("a.tif", pixels), squares)
    (tmp_path / "quick.toml").write_text(tomli_w.dumps(QUICK))

    def run(*options, command="estimate"):
        shared = ("--workspace", tmp_path, "--settings", tmp_path / "quick.toml")
        return call(command, *shared, *options)

    return run


def test_estimate__json_has_steps_and_the_sum(estimate, tmp_path):
    code, out, _ = estimate("--json")
    table = json.loads(out)
    assert (code, table["chips"], table["encoders"], table["until"]) == (0, 20, [], "projection")
    titles = ["Chips", "Embeddings", "Reduction", "Clusters", "Projection"]
    assert [step["title"] for step in table["steps"]] == titles
    assert 0 < table["low"] < table["seconds"] < table["high"]
    assert table["bytes"] > 1e8
    assert not (tmp_path / "artifacts" / "chips").exists()


@pytest.mark.parametrize(
    ("job", "last", "n_steps"),
    [
        ("screen", "Screening", 2),
        ("quality", "Report card", 5),
        ("corrections", "Stability", 11),
        ("landscape", "Mixtures", 4),
    ],
)
def test_estimate__of_another_job_includes_the_stages_before(estimate, job, last, n_steps):
    code, out, _ = estimate("--job", job, "--json")
    table = json.loads(out)
    assert (code, table["job"]) == (0, job)
    titles = [step["title"] for step in table["steps"]]
    assert (titles[0], titles[-1], len(titles)) == ("Chips", last, n_steps)
    _, out, _ = estimate("--job", job)
    assert out.startswith(f"20 chips, {job}\n")


def test_estimate__text_names_what_exists(estimate):
    assert estimate("--until", "reduction", command="run")[0] == 0
    code, out, _ = estimate("--until", "clusters")
    rows = out.splitlines()
    assert code == 0
    assert rows[0] == "20 chips, until clusters"
    assert sum("already computed" in row for row in rows) == 3
    assert rows[-1].startswith("About ")
    assert estimate("--until", "reduction")[1].splitlines()[-1] == "Already computed."


def test_estimate__options_of_a_run_change_it(estimate):
    small, large = (
        json.loads(estimate("--chip-size", size, "--json")[1])["disk"] for size in (16, 64)
    )
    assert small < large


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--until", "cluster"), "'cluster' is not one of"),
        (("--encoder", "textur"), "Did you mean 'texture'?"),
        (("--method", "dbscan"), "'dbscan' is not one of"),
    ],
)
def test_estimate__clear_errors(estimate, options, message):
    code, out, err = estimate(*options, "--json")
    assert (code, out) == (1, "")
    assert message in err


def test_estimate__without_scenes(call, tmp_path):
    code, out, err = call("estimate", "--workspace", tmp_path)
    assert (code, out) == (1, "")
    assert "no scenes" in err


def test_estimate__encoders_that_are_tried_are_listed(estimate):
    table = json.loads(estimate("--encoders", "colour", "--json")[1])
    assert [cost["encoder"] for cost in table["encoders"]] == ["colour"]
    assert table["steps"][0]["state"] == "computed"
