"""`chipscape changes`: ranked footprints as JSON, as lines and as files."""

import json

import pandas as pd
import pytest

from core import cli
from tests.two_dates import GONE, NAMES, NEW, N, write_two_dates


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run the command in a workspace with two dates; return its exit code, output and messages."""
    write_two_dates(tmp_path / "raw")
    settings = tmp_path / "quick.toml"
    settings.write_text("[chips]\nsize = 32\n")

    def run(*options):
        shared = ["--workspace", tmp_path, "--settings", settings]
        monkeypatch.setattr("sys.argv", ["chipscape", "changes", *map(str, [*shared, *options])])
        with pytest.raises(SystemExit) as end:
            cli.main()
        printed = capsys.readouterr()
        return end.value.code or 0, printed.out, printed.err

    return run


def test_changes__json_and_files(call, tmp_path):
    files = [tmp_path / "out" / name for name in ("c.geojson", "c.csv")]
    outputs = [option for file in files for option in ("--out", file)]
    code, out, error = call("--json", *outputs)
    assert code == 0, error
    document = json.loads(out)
    assert document["scenes"] == list(NAMES)
    assert document["compared"] == N == len(document["footprints"])
    assert document["changed"] == sum(row["kind"] != "unchanged" for row in document["footprints"])
    kinds = {kind: document["kinds"][kind] for kind in ("gone", "new")}
    assert kinds == {"gone": len(GONE), "new": len(NEW)}
    assert document["written"] == [str(file) for file in files]
    only_one = [row["annotated"] != "both" for row in document["footprints"]]
    assert all(only_one[: len(GONE + NEW)])
    ids = [row["chip_id"] for row in document["footprints"]]
    assert pd.read_csv(files[1])["chip_id"].tolist() == ids
    features = json.loads(files[0].read_text())["features"]
    assert [feature["properties"]["chip_id"] for feature in features] == ids


def test_changes__lines(call):
    code, out, error = call("--scenes", ", ".join(NAMES[::-1]))
    assert code == 0, error
    text = " ".join(out.split())
    assert f"and {N - 20} more" in text
    # The dates are exchanged, so what was gone is new.
    counts = f"{len(NEW)} gone, {len(GONE)} new"
    assert f"of {N} footprints changed, with a score of at least 3: {counts}" in text


def test_changes__threshold(call):
    code, out, error = call("--threshold", "1000", "--json")
    assert code == 0, error
    document = json.loads(out)
    assert (document["changed"], document["threshold"]) == (0, 1000)
    assert document["kinds"]["unchanged"] == N


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--scenes", "port_2024,elsewhere"), "Choose two of: port_2024, port_2026"),
        (("--out", "c.shp"), "neither GeoJSON nor CSV"),
    ],
)
def test_changes__errors(call, options, text):
    code, _, error = call(*options)
    assert code == 1
    assert text in " ".join(error.split())
