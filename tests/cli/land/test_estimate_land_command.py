"""`chipscape flair estimate`: the estimate of land-cover jobs, without computing anything."""

import json
import shutil

import pytest


@pytest.fixture(scope="module")
def empty_land(land, tmp_path_factory):
    """The same data in a workspace of its own, without results of other tests."""
    workspace = tmp_path_factory.mktemp("estimates")
    shutil.copytree(land / "flair", workspace / "flair")
    return workspace


@pytest.fixture
def estimate(run, empty_land):
    return lambda *words: run("estimate", *words, "--workspace", empty_land)


def test_estimate__run_covers_all_protocols_and_the_stability(estimate, empty_land):
    table = json.loads(estimate("--json").output)
    titles = [step["title"] for step in table["steps"]]
    assert len(titles) == 4
    assert titles[-1].startswith("Stability")
    assert (table["job"], table["patches"], table["complete"]) == ("run", 3, True)
    assert 0 < table["low"] < table["seconds"] < table["high"]
    assert not (empty_land / "artifacts" / "flair-economies").exists()


@pytest.mark.parametrize("job", ["maps", "predict", "bench", "recut", "economy", "grid"])
def test_estimate__of_each_job(estimate, job):
    result = estimate("--job", job, "--protocol", "domains")
    assert result.exit_code == 0
    assert result.output.splitlines()[-1].startswith(("About ", "The results take "))


def test_estimate__method_and_features_change_it(estimate):
    options = ("--protocol", "patches", "--json")
    plain, context, boosting = (
        json.loads(estimate(*options, *words).output)["seconds"]
        for words in ((), ("--features", "context"), ("--method", "boosting"))
    )
    assert plain < context < boosting


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--job", "fly"), "'fly' is not one of"),
        (("--protocol", "some"), "'some' is not one of"),
        (("--method", "svm"), "svm"),
    ],
)
def test_estimate__clear_errors(estimate, words, message):
    assert message in str(estimate(*words).exception)
