import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from core.errors import BandError, ChipscapeError, SettingsError, TooFewError
from core.pipeline.chip_stages import find_flags, open_chips, screen_chips
from core.pipeline.run import run_pipeline
from core.pipeline.run_results import collect_results
from core.pipeline.workspace import Workspace
from core.tables import read_toml


def cut_chips(workspace, settings):
    return run_pipeline(workspace, settings, until="chips")


def test_chips__band_missing_in_other_scenes_is_named(workspace, settings, add_scene):
    names = ("red", "green", "blue")
    four = np.random.default_rng(0).integers(1, 254, (4, 256, 256))
    # Without an explicit interpretation, GDAL takes a fourth band of 8 bits for alpha.
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.gray)
    add_scene("c", seed=2, content=four, descriptions=(*names, "nir"), colours=colours)
    add_scene("a", seed=0, descriptions=names)
    add_scene("b", seed=1, descriptions=names)
    run = cut_chips(workspace, settings())
    assert "band nir of c is not used: other scenes lack it" in run.chips.notes
    chosen = cut_chips(workspace, settings(chips={"bands": ["red", "green"]}))
    assert not [note for note in chosen.chips.notes if "not used" in note]


def test_chips__bands_that_scenes_share(workspace, add_scene, settings):
    names = ("blue", "green", "infrared")
    add_scene("c", seed=2, descriptions=names)
    chips = cut_chips(workspace, settings()).chips
    assert chips.bands == ("green", "blue")
    assert chips.parts[0].pixels.shape[1] == 2


def test_chips__scenes_without_a_shared_band(workspace, add_scene, settings):
    add_scene("c", seed=2, descriptions=("x", "y", "z"))
    with pytest.raises(BandError, match=r"share no band.*c\.tif has x, y, z"):
        run_pipeline(workspace, settings())
    with pytest.raises(BandError, match=r"c\.tif: band 'red' is missing"):
        run_pipeline(workspace, settings(chips={"bands": ["red"]}))


def test_chips__only_the_new_scene_is_cut(workspace, add_scene, settings):
    cut_chips(workspace, settings())
    add_scene("c", seed=2)
    artifacts = cut_chips(workspace, settings()).view.artifacts["chips"]
    assert [artifact.cached for artifact in artifacts] == [True, True, False]


def test_chips__open_read_only(workspace, settings):
    run = run_pipeline(workspace, settings(), until="embeddings")
    for array in (run.chips.parts[0].pixels, run.chips.parts[0].mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_run__a_grid_on_a_scene_without_annotations(make_scene, tmp_path, settings):
    make_scene("bare.tif", height=256, width=256)
    grid = settings(scenes={"grid": {"size": 32, "stride": 32}})
    run = run_pipeline(Workspace.at(tmp_path), grid)
    assert len(run.chips) == 64
    assert run.chips.facts["side"].to_numpy() == pytest.approx(np.full(64, 16), rel=1e-3)
    # Chips of 32 x 32 from squares of 32 x 32 pixels are the scene itself, whatever the margin.
    chips = run.chips.read(range(64))[0]
    rows = [np.concatenate(list(chips[i : i + 8]), axis=2) for i in range(0, 64, 8)]
    with rasterio.open(tmp_path / "raw" / "bare.tif") as source:
        # Sides are measured on the ground: a UTM pixel is 0.5002 m there.
        difference = np.abs(np.concatenate(rows, axis=1).astype(int) - source.read())
    assert difference.max() <= 2
    record = read_toml(next((tmp_path / "results" / "runs").glob("*.toml")))
    assert record["ingest"][0]["grid"] is True
    assert record["ingest"][0]["crs"] == "EPSG:32631"


def break_block(raster, block):
    """Overwrite one tile, so that the file opens, passes the read test and fails there."""
    with rasterio.open(raster) as source:
        offset = int(source.get_tag_item(f"BLOCK_OFFSET_{block}", "TIFF", bidx=1))
        size = int(source.get_tag_item(f"BLOCK_SIZE_{block}", "TIFF", bidx=1))
    content = bytearray(raster.read_bytes())
    content[offset : offset + size] = b"\xff" * size
    raster.write_bytes(content)


TILED = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}


def test_chips__a_scene_that_fails_while_cutting(workspace, add_scene, settings):
    break_block(add_scene("b", seed=1, **TILED), "2_0")
    for state in ("computed", "cached"):
        run = run_pipeline(workspace, settings())
        assert set(run.stages.values()) == {state}
        assert run.view.survey.reports[1].ok
        assert {part.scene for part in run.chips.parts} == {"a"}
        assert any("left out: b.tif: the file opens but cannot be read" in n for n in run.notes())
    failed = run.view.artifacts["chips"][1]
    assert [p.name for p in failed.folder.iterdir()] == ["manifest.json"]


def test_chips__every_scene_fails_while_cutting(tmp_path, add_scene, settings):
    break_block(add_scene("a", **TILED), "2_0")
    for _ in range(2):
        with pytest.raises(
            ChipscapeError, match=r"could be cut from any scene\. a\.tif: the file opens but"
        ):
            run_pipeline(Workspace.at(tmp_path), settings())


@pytest.fixture
def with_blanks(workspace):
    """The workspace with three squares of scene b painted over: three blank chips."""
    with rasterio.open(workspace.raw / "b.tif", "r+") as target:
        values = target.read()
        for column in range(3):
            values[:, 0:44, 40 * column : 40 * column + 44] = 99
        target.write(values)
    return workspace


def test_leave_out__is_in_the_key_and_deletes_nothing(with_blanks, settings, raw_files, data_files):
    every_chip = cut_chips(with_blanks, settings())
    flags = screen_chips(every_chip.view)
    assert len(every_chip.chips) == len(flags) == 40
    assert flags["blank"].sum() == 3
    before, raw = data_files(with_blanks.root), raw_files(with_blanks.root)
    leave_out = settings(screen={"leave_out": ["blank"]})
    fewer = run_pipeline(with_blanks, leave_out)
    assert len(fewer.chips) == 37
    assert set(fewer.chips.facts["chip_id"]) == set(flags["chip_id"][~flags["blank"]])
    assert "3 of 40 chips left out: blank" in fewer.notes()
    assert fewer.chips.keys != every_chip.chips.keys
    after = data_files(with_blanks.root)
    assert {name: after[name] for name in before} == before
    assert raw_files(with_blanks.root) == raw
    results = collect_results(fewer)
    assert len(results.footprints) == len(results.embeddings) == 37
    centres = [footprint.centroid.x for footprint in results.footprints]
    assert centres == pytest.approx(fewer.chips.facts["longitude"].tolist())
    numbers = every_chip.chips.properties["number"]
    assert np.array_equal(fewer.chips.properties["number"], np.delete(numbers, [20, 21, 22]))
    second = run_pipeline(with_blanks, leave_out)
    assert set(second.stages.values()) == {"cached"}


def n_left_out(run):
    return sum(artifact.counts.get("left_out", 0) for artifact in run.view.artifacts["chips"])


def test_find_flags__of_the_chips_that_were_screened(with_blanks, settings):
    every_chip = cut_chips(with_blanks, settings())
    assert find_flags(every_chip.view) is None
    computed = screen_chips(every_chip.view)
    stored = find_flags(every_chip.view)
    assert stored["reason"].tolist() == computed["reason"].tolist()
    assert n_left_out(every_chip) == 0
    fewer = cut_chips(with_blanks, settings(screen={"leave_out": ["blank"]}))
    assert n_left_out(fewer) == 3
    assert find_flags(fewer.view) is None


def test_leave_out__look_up_finds_the_run(with_blanks, settings, look_up):
    leave_out = settings(screen={"leave_out": ["blank", "cut off"]})
    run_pipeline(with_blanks, settings())
    assert not look_up(with_blanks, leave_out).has("embeddings")
    run = run_pipeline(with_blanks, leave_out)
    view = look_up(with_blanks, leave_out)
    (projection,) = view.artifacts["projection"]
    assert projection.key == run.view.artifacts["projection"][0].key
    assert len(open_chips(view)) == 37


def test_leave_out__unknown_flag_or_no_chip_left(with_blanks, settings):
    with pytest.raises(SettingsError, match="'ugly' is not a flag"):
        cut_chips(with_blanks, settings(screen={"leave_out": ["ugly"]}))
    with rasterio.open(with_blanks.raw / "a.tif", "r+") as target:
        target.write(np.full((3, 256, 256), 9, np.uint8))
    (with_blanks.raw / "b.tif").unlink()
    with pytest.raises(TooFewError, match="because they are flagged as blank"):
        cut_chips(with_blanks, settings(screen={"leave_out": ["blank"]}))
