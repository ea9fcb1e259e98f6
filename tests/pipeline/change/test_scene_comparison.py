import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
import rasterio

from core.change.change_scores import LIKELY_CHANGE
from core.errors import SettingsError, TooFewError
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.change import counterparts
from core.pipeline.change.change_export import change_collection, require_writable, write_changes
from core.pipeline.change.scene_comparison import (
    choose_pair,
    compare_scenes,
    find_changes,
    find_pairs,
)
from core.pipeline.chip_stages import open_chips
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import ChipSettings, RunSettings
from tests.two_dates import GONE, NAMES, NEW, N, write_two_dates

SETTINGS = RunSettings(chips=ChipSettings(size=32))


@pytest.fixture(scope="module")
def changes(tmp_path_factory):
    """The changes between two scenes of the same ground."""
    root = tmp_path_factory.mktemp("dates")
    write_two_dates(root / "raw")
    pair = choose_pair(view_of(root))
    assert find_changes(pair) is None
    compare_scenes(pair)
    return find_changes(pair)


@pytest.fixture
def copy(changes, tmp_path):
    """A copy of the workspace with the two scenes."""
    return shutil.copytree(changes.pair.view.workspace.root, tmp_path / "copy")


def view_of(root):
    return run_pipeline(Workspace.at(root), SETTINGS, until="embeddings").view


def numbers(view, table):
    """Return the numbers of the squares in the rows of a table of changes."""
    chips = open_chips(view)
    of_chip = dict(zip(chips.facts["chip_id"], chips.properties["number"], strict=True))
    return [int(of_chip[chip_id]) for chip_id in table["chip_id"]]


def test_find_changes__squares_that_are_gone_or_new_come_first(changes):
    assert changes.pair.names == NAMES
    table = changes.table
    assert len(table) == N
    found = numbers(changes.pair.view, table)
    assert set(found[:5]) == {*GONE, *NEW}
    assert (table["score"].diff().dropna() <= 0).all()
    assert table["changed"].tolist() == (table["score"] >= LIKELY_CHANGE).tolist()
    annotated = dict(zip(found, table["annotated"], strict=True))
    assert {annotated[n] for n in GONE} == {"first"}
    assert {annotated[n] for n in NEW} == {"second"}
    assert {annotated[n] for n in range(N) if n not in GONE + NEW} == {"both"}
    assert (table["partner"] != "").sum() == N - len(GONE + NEW)


def test_find_changes__kinds_of_the_footprints_above_the_threshold(changes):
    lower, higher = changes.with_threshold(-100), changes.with_threshold(100)
    kind = dict(zip(numbers(changes.pair.view, changes.table), lower.table["kind"], strict=True))
    assert {kind[n] for n in GONE} == {"gone"}
    assert {kind[n] for n in NEW} == {"new"}
    n_both = N - len(GONE + NEW)
    expected = {"gone": len(GONE), "new": len(NEW), "changed": n_both, "unchanged": 0}
    assert lower.kind_counts == expected
    assert lower.counts["changed"] == N
    assert higher.kind_counts == {"gone": 0, "new": 0, "changed": 0, "unchanged": N}
    assert higher.counts["changed"] == 0
    assert changes.threshold == LIKELY_CHANGE


def test_find_changes__squares_of_a_grid_are_neither_gone_nor_new(copy):
    for file in (copy / "raw").glob("*.geojson"):
        file.unlink()
    settings = RunSettings(
        chips=ChipSettings(size=32), scenes=SceneSettings(grid=GridSettings(size=18))
    )
    view = run_pipeline(Workspace.at(copy), settings, until="embeddings").view
    pair = choose_pair(view)
    compare_scenes(pair)
    table = find_changes(pair).with_threshold(-100).table
    assert set(table["annotated"]) == {"grid"}
    assert set(table["kind"]) == {"changed"}
    assert len(table) == len(open_chips(view)) / 2


def test_find_pairs__scenes_that_were_moved_away_are_left_out(copy):
    view = view_of(copy)
    (copy / "raw" / f"{NAMES[1]}.tif").rename(copy / "away.tif")
    assert find_pairs(view) == []


def test_find_changes__both_chips_show_the_same_ground(changes):
    """The chip of the other date is what is cut there for an annotation at the same place."""
    both = changes.table.index[changes.table["annotated"] == "both"]
    second = changes.sides[1].chips
    for row in both[:6]:
        _, (part, number) = changes.chips_of(row)
        own = second.facts["chip_id"].tolist().index(changes.table["partner"].iloc[row])
        assert np.array_equal(part.pixels[number], second.pixels[own])
        assert part.scene == NAMES[1]
    (first, _), (other, _) = changes.chips_of(int(changes.table.index[-1]))
    assert (first.scene, other.scene) == NAMES


def test_find_changes__a_counterpart_has_the_embedding_of_the_chip_at_its_place(changes):
    first, second = changes.sides
    row = int(changes.table.index[changes.table["annotated"] == "both"][0])
    item = changes.table.iloc[row]
    own = second.chips.facts["chip_id"].tolist().index(item["partner"])
    counterpart = first.counterparts.embeddings[item["counterpart"]]
    assert counterpart == pytest.approx(np.asarray(second.embeddings[own]), abs=1e-5)


def test_choose_pair__in_either_order(changes):
    view = changes.pair.view
    turned = choose_pair(view, NAMES[::-1])
    assert turned.names == NAMES[::-1]
    # What was cut and embedded is used for both orders.
    table = find_changes(turned).table
    assert len(table) == N
    found = dict(zip(numbers(view, table), table["score"], strict=True))
    for number, score in zip(numbers(view, changes.table), changes.table["score"], strict=True):
        assert found[number] == pytest.approx(score, abs=0.5)


def test_compare_scenes__is_stored(changes, monkeypatch):
    monkeypatch.setattr(counterparts, "load_encoder", None)
    compare_scenes(changes.pair)
    assert find_changes(changes.pair).table.equals(changes.table)


def test_choose_pair__errors(copy, changes):
    view = changes.pair.view
    with pytest.raises(SettingsError, match="Choose two of: port_2024, port_2026"):
        choose_pair(view, ("port_2024", "port_2024"))
    with pytest.raises(SettingsError, match="there is no usable scene 'port_2025'"):
        choose_pair(view, ("port_2024", "port_2025"))
    with pytest.raises(SettingsError, match="two names are needed, as in A,B, not 1"):
        choose_pair(view, ("port_2024",))
    for file in (copy / "raw").glob("port_2026*"):
        file.unlink()
    with pytest.raises(TooFewError, match="no two scenes"):
        choose_pair(view_of(copy))


def test_choose_pair__several_pairs(copy):
    raw = copy / "raw"
    for file in list(raw.glob("port_2026*")):
        shutil.copy(file, raw / file.name.replace("2026", "2027"))
    view = view_of(copy)
    assert len(find_pairs(view)) == 3
    with pytest.raises(SettingsError, match="several pairs"):
        choose_pair(view)
    assert choose_pair(view, ("port_2026", "port_2027")).names == ("port_2026", "port_2027")


def test_compare_scenes__not_with_embeddings_from_a_raster(changes):
    view = changes.pair.view
    embed = dataclasses.replace(view.settings.embed, encoder="raster:x.tif")
    other = dataclasses.replace(view, settings=dataclasses.replace(view.settings, embed=embed))
    with pytest.raises(SettingsError, match="rasters of embeddings"):
        compare_scenes(dataclasses.replace(changes.pair, view=other))


def test_find_changes__ground_without_valid_pixels_is_left_out(copy):
    path = copy / "raw" / f"{NAMES[1]}.tif"
    with rasterio.open(path, "r+") as scene:
        pixels = scene.read()
        pixels[:, :50] = 0
        scene.write(pixels)
        scene.nodata = 0
    pair = choose_pair(view_of(copy))
    compare_scenes(pair)
    found = find_changes(pair)
    assert found.left_out > 0
    assert len(found.table) == N - 6
    assert found.counts["compared"] == N - 6


def test_exports__geojson_and_csv_agree(changes, tmp_path):
    collection = change_collection(changes)
    assert len(collection["features"]) == N
    first = collection["features"][0]
    longitude, latitude = first["geometry"]["coordinates"][0][0]
    assert longitude == pytest.approx(first["properties"]["longitude"], abs=1e-3)
    assert latitude == pytest.approx(first["properties"]["latitude"], abs=1e-3)
    for name in ("c.geojson", "c.csv"):
        write_changes(changes, tmp_path / name)
    written = json.loads((tmp_path / "c.geojson").read_text())
    table = pd.read_csv(tmp_path / "c.csv")
    assert [f["properties"]["chip_id"] for f in written["features"]] == table["chip_id"].tolist()
    assert set(table["first"]) == {NAMES[0]}
    assert table["kind"].tolist() == changes.table["kind"].tolist()


def test_exports__errors(changes, tmp_path):
    workspace = changes.pair.view.workspace
    with pytest.raises(SettingsError, match="neither GeoJSON nor CSV"):
        require_writable(workspace, tmp_path / "c.shp")
    with pytest.raises(SettingsError, match="never written to"):
        require_writable(workspace, workspace.raw / "c.csv")
