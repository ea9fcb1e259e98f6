"""`chipscape scan`: candidates as JSON, as lines and as GeoJSON, from three kinds of examples."""

import json

import pytest
import tomli_w

from core.cli.shared_options import list_names
from core.pipeline.assignment.assigned_scenes import open_reference
from core.pipeline.scene_search.candidates import find_candidates
from core.pipeline.scene_search.decided_candidates import decide_rows
from core.pipeline.scene_search.decisions import confirmed_ids
from core.pipeline.scene_search.examples import chips_of_class, make_query
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.workspace import Workspace
from tests.cli.conftest import QUICK


@pytest.fixture
def workspace(tmp_path, call, make_scene, make_annotations, to_ground):
    """A workspace with a result of the scene a, and the scene b without annotations."""
    from shapely.geometry import box

    raster = make_scene("a.tif")
    squares = [
        box(8 + i % 6 * 24, 8 + i // 6 * 24, 26 + i % 6 * 24, 26 + i // 6 * 24) for i in range(20)
    ]
    kinds = [{"class": "even" if i % 2 == 0 else "odd"} for i in range(20)]
    make_annotations(raster, [to_ground(square) for square in squares], kinds)
    settings = tmp_path / "quick.toml"
    settings.write_text(tomli_w.dumps(QUICK))
    code, _, error = call("run", "--workspace", tmp_path, "--settings", settings)
    assert code == 0, error
    make_scene("b.tif")
    return tmp_path


def test_scan__json_agrees_with_the_app(workspace, call):
    code, out, error = call(
        "scan", "-w", workspace, "--class", "even", "--step", 12, "--threshold", 0.1, "--json"
    )
    assert code == 0, error
    document = json.loads(out)
    assert document["examples"] == 10
    assert document["attributes"] == {"class": "even"}
    assert document["step"] == {"a": 12, "b": 12}
    assert document["threshold"] == 0.1
    target = Workspace.at(workspace)
    reference = open_reference(target)
    query = make_query(
        reference.view, survey_scenes(target), chips_of_class(reference.view, "even"), step=12
    )
    result = find_candidates(query)
    assert result.counts(0.1).items() <= document.items()
    assert [row["id"] for row in document["best"]] == result.above(0.1)["id"].head(20).tolist()


def test_scan__writes_geojson_and_lines(workspace, call):
    file = workspace / "candidates.geojson"
    options = ("--class", "even", "--scene", "b", "--step", 12, "--threshold", 0, "--out", file)
    code, out, error = call("scan", "-w", workspace, *options)
    assert code == 0, error
    features = json.loads(file.read_text())["features"]
    assert features
    assert f"{len(features)} candidates" in " ".join(out.split())
    assert f"written: {file}" in out


def test_scan__confirmed_candidates_are_annotations(workspace, call):
    options = ("--class", "even", "--scene", "b", "--step", 12, "--threshold", 0, "--confirm")
    code, out, error = call("scan", "-w", workspace, *options, "--json")
    assert code == 0, error
    n_confirmed = json.loads(out)["confirmed_now"]
    assert n_confirmed > 0
    code, out, _ = call("scenes", "-w", workspace, "--json")
    counts = {row["name"]: row["annotations"] for row in json.loads(out)["scenes"]}
    assert counts == {"a": 20, "b": n_confirmed}


def test_scan__without_examples_uses_the_marked_chips(workspace, call):
    from core.pipeline.chip_stages import open_chips

    view = open_reference(Workspace.at(workspace)).view
    ids = open_chips(view).facts["chip_id"].tolist()
    code, _, error = call(
        "find", "-w", workspace, "--like", f"{ids[0]},{ids[2]}", "--unlike", ids[1], "--keep"
    )
    assert code == 0, error
    options = ("scan", "-w", workspace, "--scene", "a", "--step", 24, "--json")
    documents = []
    for more in ((), ("--like", ids[0], "--like", ids[2], "--unlike", ids[1])):
        code, out, error = call(*options, *more)
        assert code == 0, error
        documents.append(json.loads(out))
    assert (documents[0]["examples"], documents[0]["counterexamples"]) == (2, 1)
    assert documents[0]["best"] == documents[1]["best"]


def test_scan__confirm_leaves_what_was_rejected(workspace, call):
    options = ("--class", "even", "--scene", "b", "--step", 12, "--threshold", 0)
    target = Workspace.at(workspace)
    _, out, _ = call("scan", "-w", workspace, *options, "--json")
    view = open_reference(target).view
    query = make_query(
        view, survey_scenes(target), chips_of_class(view, "even"), scenes=["b"], step=12
    )
    rejected = json.loads(out)["best"][0]["id"]
    decide_rows(find_candidates(query), [rejected], "rejected")
    code, out, error = call("scan", "-w", workspace, *options, "--confirm", "--json")
    assert code == 0, error
    document = json.loads(out)
    assert document["confirmed"] == document["confirmed_now"] > 0
    assert document["rejected"] == 1
    assert rejected not in confirmed_ids(target, target.raw / "b.tif")


def test_scan__examples_by_chip_and_by_cluster(workspace, call):
    reference = open_reference(Workspace.at(workspace))
    chip = reference.view.survey.usable[0]
    assert chip.report.name == "a"
    from core.pipeline.chip_stages import open_chips

    chip_id = open_chips(reference.view).facts["chip_id"].iloc[0]
    for options in (("--like", chip_id), ("--cluster", "0"), ("--cluster", "Cluster 0")):
        code, out, error = call(
            "scan", "-w", workspace, *options, "--scene", "a", "--step", 24, "--json"
        )
        assert code == 0, error
        assert json.loads(out)["examples"] >= 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ((), "no chip is marked as an example"),
        (("--class", "even", "--cluster", "0"), "only one of --like, --cluster and --class"),
        (("--class", "even", "--unlike", "x"), "--unlike: it needs --like"),
        (("--class", "bridge"), "Values: even, odd"),
        (("--like", "none"), "no chip 'none'"),
        (("--class", "even", "--out", "raw/x.geojson"), "raw/ is never written to"),
    ],
)
def test_scan__errors(workspace, call, options, text):
    options = [str(workspace / o) if o.startswith("raw/") else o for o in options]
    code, _, error = call("scan", "-w", workspace, *options)
    assert code == 1
    assert text in " ".join(error.split())


def test_list_names__a_known_name_may_contain_a_comma():
    known = {"a", "b", "quay, north"}
    assert list_names(["a,b", "quay, north"], known) == ["a", "b", "quay, north"]
    assert list_names(["quay, north"], set()) == ["quay", "north"]
    assert list_names(None, known) == []
