import numpy as np
import pytest
import rasterio

from core.errors import SettingsError, TooFewError
from core.pipeline import plan
from core.pipeline.run import landscape_of, run
from core.pipeline.screening_stage import find_screening, left_out, screening


@pytest.fixture
def blank_ones(workspace):
    """Three squares of scene b painted over: blank chips."""
    with rasterio.open(workspace.raw / "b.tif", "r+") as target:
        values = target.read()
        for column in range(3):
            values[:, 0:44, 40 * column : 40 * column + 44] = 99
        target.write(values)
    return workspace


def test_leave_out__a_setting_in_the_key_and_never_a_deletion(
    blank_ones, settings, raw_files, data_files
):
    plain = run(blank_ones, settings(), until="chips")
    table = screening(blank_ones, plain.chips)
    assert len(plain.chips) == len(table) == 40
    assert table["blank"].sum() == 3
    before, raw = data_files(blank_ones.root), raw_files(blank_ones.root)
    wanted = settings(screen={"leave_out": ["blank"]})
    fewer = run(blank_ones, wanted)
    assert len(fewer.chips) == 37
    assert set(fewer.chips.facts["chip_id"]) == set(table["chip_id"][~table["blank"]])
    assert "3 of 40 chips left out: blank" in fewer.notes()
    assert fewer.chips.keys != plain.chips.keys
    after = data_files(blank_ones.root)
    assert {name: after[name] for name in before} == before
    assert raw_files(blank_ones.root) == raw
    landscape = landscape_of(fewer)
    assert len(landscape.footprints) == len(landscape.embeddings) == 37
    centres = [shape.centroid.x for shape in landscape.footprints]
    assert centres == pytest.approx(fewer.chips.facts["longitude"].tolist())
    assert np.array_equal(
        fewer.chips.properties["number"], np.delete(plain.chips.properties["number"], [20, 21, 22])
    )
    again = run(blank_ones, wanted)
    assert set(again.stages.values()) == {"cached"}


def test_find_screening__what_was_screened_and_nothing_else(blank_ones, settings):
    plain = run(blank_ones, settings(), until="chips")
    assert find_screening(blank_ones, plain.chips.keys) is None
    table = screening(blank_ones, plain.chips)
    found = find_screening(blank_ones, plain.chips.keys)
    assert found["reason"].tolist() == table["reason"].tolist()
    assert left_out(plain.artifacts["chips"]) == 0
    fewer = run(blank_ones, settings(screen={"leave_out": ["blank"]}), until="chips")
    assert left_out(fewer.artifacts["chips"]) == 3
    assert find_screening(blank_ones, fewer.chips.keys) is None


def test_leave_out__the_page_finds_what_the_run_made(blank_ones, settings):
    wanted = settings(screen={"leave_out": ["blank", "cut off"]})
    run(blank_ones, settings())
    assert "embeddings" not in plan.plan(blank_ones, wanted).artifacts
    made = run(blank_ones, wanted)
    found = plan.plan(blank_ones, wanted)
    assert found.keys["projection"] == made.artifacts["projection"][0].key
    assert len(plan.chips(found)) == 37


def test_leave_out__wrong_flag_or_nothing_left(blank_ones, settings):
    with pytest.raises(SettingsError, match="'ugly' is not a flag"):
        run(blank_ones, settings(screen={"leave_out": ["ugly"]}), until="chips")
    with rasterio.open(blank_ones.raw / "a.tif", "r+") as target:
        target.write(np.full((3, 256, 256), 9, np.uint8))
    (blank_ones.raw / "b.tif").unlink()
    with pytest.raises(TooFewError, match="all 20 chips are left out as blank"):
        run(blank_ones, settings(screen={"leave_out": ["blank"]}), until="chips")
