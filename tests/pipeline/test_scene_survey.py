"""Odd input: each a clear error or a named, counted skip."""

import json
import warnings

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import Point, box

from core.errors import Cancelled, ChipscapeError, WorkspaceError
from core.pipeline.run import run
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import Workspace
from core.settings import RunSettings


def features(raster):
    return json.loads(raster.with_suffix(".geojson").read_text())


def rewrite(raster, document):
    raster.with_suffix(".geojson").write_text(json.dumps(document))


def test_survey__looked_at_once(workspace):
    first, second = survey(workspace), survey(Workspace.at(workspace.root))
    assert (first.cached, second.cached) == (False, True)
    assert [r.name for r in second.reports] == ["a", "b"]
    assert second.reports == first.reports


def test_survey__footprints_round_trip(workspace):
    found = survey(workspace).scenes[0]
    footprints = found.footprints()
    assert len(footprints) == found.report.annotations == 20
    assert footprints.properties["class"].tolist()[:3] == ["striped", "checked", "plain"]
    assert np.isfinite(footprints.ground.width).all()
    assert footprints.pixels[0].bounds == pytest.approx((8, 8, 29, 29), abs=14)


def test_survey__annotations_without_properties(make_scene, make_annotations, to_ground, tmp_path):
    squares = [to_ground(box(x, 10, x + 20, 30)) for x in (10, 50)]
    make_annotations(make_scene("a.tif"), squares)
    footprints = survey(Workspace.at(tmp_path)).scenes[0].footprints()
    assert footprints.properties.shape == (2, 0)


def test_survey__only_the_changed_scene_is_looked_at_again(workspace, add_scene):
    before = survey(workspace)
    add_scene("b", seed=5)
    after = survey(Workspace.at(workspace.root))
    assert [s.artifact.cached for s in after.scenes] == [True, False]
    assert after.scenes[0].artifact.key == before.scenes[0].artifact.key


@pytest.mark.parametrize("suffix", [".tif", ".geojson"])
def test_survey__either_file_counts(workspace, suffix):
    survey(workspace)
    file = workspace.raw / f"b{suffix}"
    file.write_bytes(file.read_bytes() + b" ")
    after = survey(Workspace.at(workspace.root))
    assert [s.artifact.cached for s in after.scenes] == [True, False]


def test_survey__a_scene_elsewhere_with_the_same_name_is_the_same(workspace, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "raw").rename(moved / "raw")
    keys = [s.artifact.key for s in survey(Workspace.at(moved)).scenes]
    (moved / "raw").rename(tmp_path / "raw")
    assert [s.artifact.key for s in survey(workspace).scenes] == keys


def test_survey__another_class_property_makes_nothing_anew(workspace, settings):
    plain = run(workspace, settings(), until="chips")
    chosen = run(workspace, settings(scenes={"class_property": "number"}), until="chips")
    assert set(chosen.stages.values()) == {"cached"}
    assert chosen.chips.keys == plain.chips.keys
    assert [len(r.classes) for r in chosen.survey.reports] == [20, 20]
    wrong = survey(workspace, settings=settings(scenes={"class_property": "no"}).scenes).reports[0]
    assert (wrong.class_property, wrong.classes) == ("", {})
    assert any("no annotation has the property 'no'" in words for words in wrong.warnings)


def test_survey__no_scenes(tmp_path):
    workspace = Workspace.at(tmp_path)
    for _ in range(2):
        assert survey(workspace).scenes == ()
        with pytest.raises(WorkspaceError, match=r"no scenes .*chipscape demo"):
            run(workspace, RunSettings())
        workspace.raw.mkdir(exist_ok=True)
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_survey__no_annotations(workspace, settings):
    for file in workspace.raw.glob("*.geojson"):
        file.unlink()
    with pytest.raises(WorkspaceError, match=r"a\.tif: no annotations.*b\.tif: no annotations"):
        run(workspace, settings())


def test_survey__null_and_outside_are_counted(workspace, settings):
    raster = workspace.raw / "a.tif"
    document = features(raster)
    document["features"][0]["geometry"] = None
    document["features"][1]["geometry"] = {"type": "Point", "coordinates": [0.0, 0.0]}
    document["features"][2]["geometry"] = {"type": "Polygon", "coordinates": []}
    rewrite(raster, document)
    done = run(workspace, settings(), until="chips")
    skipped = done.survey.reports[0].skipped
    assert skipped == {"null geometry": 1, "outside the scene": 1, "empty geometry": 1}
    assert len(done.chips) == 37
    assert "a.tif: 1 annotations skipped, outside the scene" in done.notes()


def test_survey__every_annotation_outside(workspace, settings):
    for name in "ab":
        document = features(workspace.raw / f"{name}.tif")
        for feature in document["features"]:
            feature["geometry"] = {"type": "Point", "coordinates": [0.0, 0.0]}
        rewrite(workspace.raw / f"{name}.tif", document)
    with pytest.raises(WorkspaceError, match="20 of 20 annotations skipped: outside the scene"):
        run(workspace, settings())


def test_survey__one_stem_twice(workspace, settings):
    (workspace.raw / "a.tiff").write_bytes((workspace.raw / "a.tif").read_bytes())
    done = run(workspace, settings(), until="chips")
    assert [r.ok for r in done.survey.reports] == [False, False, True]
    assert sum("another scene has the same stem" in note for note in done.notes()) == 2
    assert len(done.chips) == 20


def test_survey__truncated_is_left_out_by_name(workspace, settings):
    raster = workspace.raw / "b.tif"
    raster.write_bytes(raster.read_bytes()[: raster.stat().st_size * 2 // 3])
    done = run(workspace, settings())
    assert done.summary()["scenes"] == 1
    assert any(note.startswith("b.tif: opens but cannot be read") for note in done.notes())


def test_survey__only_truncated(workspace, settings):
    for raster in workspace.raw.glob("*.tif"):
        raster.write_bytes(raster.read_bytes()[: raster.stat().st_size // 2])
    with pytest.raises(WorkspaceError, match=r"a\.tif: opens but cannot be read"):
        run(workspace, settings())


def break_block(raster, block):
    """Overwrite one tile, so that the file opens, passes the read test and fails there."""
    with rasterio.open(raster) as source:
        at = int(source.get_tag_item(f"BLOCK_OFFSET_{block}", "TIFF", bidx=1))
        size = int(source.get_tag_item(f"BLOCK_SIZE_{block}", "TIFF", bidx=1))
    content = bytearray(raster.read_bytes())
    content[at : at + size] = b"\xff" * size
    raster.write_bytes(content)


TILED = {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}


def test_chips__a_scene_that_fails_while_cutting(workspace, add_scene, settings):
    break_block(add_scene("b", seed=1, **TILED), "2_0")
    for state in ("computed", "cached"):
        done = run(workspace, settings())
        assert set(done.stages.values()) == {state}
        assert done.survey.reports[1].ok
        assert {part.scene for part in done.chips.parts} == {"a"}
        assert any("left out: b.tif: opens but cannot be read" in n for n in done.notes())
    failed = done.artifacts["chips"][1]
    assert [p.name for p in failed.folder.iterdir()] == ["manifest.json"]


def test_chips__every_scene_fails_while_cutting(tmp_path, add_scene, settings):
    break_block(add_scene("a", **TILED), "2_0")
    for _ in range(2):
        with pytest.raises(ChipscapeError, match=r"no scene gave any chip\. a\.tif: opens but"):
            run(Workspace.at(tmp_path), settings())


def test_run__scene_without_crs(make_scene, make_annotations, tmp_path, settings):
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        raster = make_scene("a.tif", rng.integers(1, 255, (3, 120, 160)), crs=None, transform=None)
    squares = [box(x, y, x + 15, y + 15) for x in range(0, 140, 20) for y in (5, 40, 80)]
    make_annotations(raster, squares, crs=None)
    done = run(Workspace.at(tmp_path), settings())
    assert len(done.chips) == 21
    assert done.chips.facts["longitude"].isna().all()
    assert any("no CRS" in warning for warning in done.survey.reports[0].warnings)


@pytest.mark.parametrize(
    ("n", "method", "words"),
    [
        (1, "gmm", "1 chip has no variation"),
        (1, "hdbscan", "1 chip has no variation"),
        (2, "gmm", "3 Gaussians need 3 chips, there are 2"),
        (5, "hdbscan", "5 neighbours of each chip need 6 chips, there are 5"),
        (5, "gmm", "t-SNE needs 7 chips, there are 5"),
    ],
)
def test_run__too_few_chips(tmp_path, add_scene, settings, n, method, words):
    add_scene("a", n=n)
    with pytest.raises(ChipscapeError, match=words):
        run(Workspace.at(tmp_path), settings(method=method))
    part = tmp_path / "artifacts" / ".partial"
    assert [p for p in part.rglob("*") if p.suffix != ".lock"] == []


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_run__constant_chips(tmp_path, add_scene, settings, method):
    add_scene("a", content=np.full((3, 256, 256), 77))
    with pytest.raises(ChipscapeError, match="all 20 chips have the same embedding"):
        run(Workspace.at(tmp_path), settings(method=method))


def test_survey__each_part_of_a_shared_shapefile_counts(make_scene, tmp_path, to_ground):
    make_scene("a.tif")
    shape = to_ground(box(10, 10, 40, 40))
    frame = gpd.GeoDataFrame({"kind": ["boat"]}, geometry=[shape], crs="EPSG:32631")
    frame.to_file(tmp_path / "raw" / "all.shp")
    crs = tmp_path / "raw" / "all.prj"
    crs.rename(tmp_path / "kept")
    (before,) = survey(Workspace.at(tmp_path)).reports
    assert before.annotations == 0
    assert any("give the file its CRS" in words for words in before.warnings)
    (tmp_path / "kept").rename(crs)
    (after,) = survey(Workspace.at(tmp_path)).reports
    assert after.annotations == 1
    for part in ("dbf", "shx", "cpg"):
        assert survey(Workspace.at(tmp_path)).cached
        file = tmp_path / "raw" / f"all.{part}"
        file.write_bytes(file.read_bytes() + b" ")
        assert not survey(Workspace.at(tmp_path)).cached, part


def test_survey__pixels_for_the_only_scene_are_refused_once_there_are_two(make_scene, tmp_path):
    make_scene("a.tif")
    table = tmp_path / "raw" / "all.csv"
    table.write_text("xmin,ymin,xmax,ymax\n10,20,30,60\n")
    assert [r.annotations for r in survey(Workspace.at(tmp_path)).reports] == [1]
    make_scene("b.tif")
    reports = survey(Workspace.at(tmp_path)).reports
    assert [r.annotations for r in reports] == [0, 0]
    assert all("give it a column 'scene'" in " ".join(r.warnings) for r in reports)
    table.write_text("scene,xmin,ymin,xmax,ymax\nb.tif,10,20,30,60\n")
    assert [r.annotations for r in survey(Workspace.at(tmp_path)).reports] == [0, 1]


def test_survey__a_broken_character_stops_no_other_scene(workspace):
    document = features(workspace.raw / "b.tif")
    document["features"][0]["properties"] |= {"class": "\ud800 lone", "\udc00": ["\ud801"]}
    document["features"][0]["id"] = "\ud802"
    rewrite(workspace.raw / "b.tif", document)
    first, second = survey(workspace).reports
    assert (first.annotations, second.annotations) == (20, 20)
    assert second.classes["\ufffd lone"] == 1
    assert "4 texts held broken characters: replaced" in second.warnings
    json.dumps(second.as_table(), ensure_ascii=False).encode()


def test_survey__cancel_remembers_what_was_done(workspace):
    with pytest.raises(Cancelled):
        survey(workspace, lambda done, _total, _note: done == 1)
    assert len(workspace.store.all("scenes")) == 1


def test_survey__points_become_chips(make_scene, make_annotations, to_ground, tmp_path, settings):
    rng = np.random.default_rng(0)
    raster = make_scene("a.tif", rng.integers(1, 255, (3, 120, 160)))
    make_annotations(raster, [to_ground(Point(x, 60)) for x in range(20, 140, 10)])
    done = run(Workspace.at(tmp_path), settings(), until="chips")
    assert done.chips.facts["side"].to_numpy() == pytest.approx(20, rel=0.01)


def test_survey__a_value_that_means_nothing_is_told(make_scene, tmp_path):
    content = np.ones((1, 64, 64), np.float32)
    content[:, :, :16] = np.finfo(np.float32).min
    make_scene("a.tif", content, dtype="float32")
    (scene,) = survey(Workspace.at(tmp_path)).reports
    assert scene.valid_fraction == 0.75
    assert "25.0% of its pixels are about -3.4e38" in " ".join(scene.warnings)


def test_survey__what_gdal_reads_beside_a_scene_is_in_its_key(make_scene, tmp_path):
    raster = make_scene("a.tif")
    (first,) = survey(Workspace.at(tmp_path)).scenes
    raster.with_name("a_RPC.TXT").write_text("LINE_OFF: 1\n")
    (second,) = survey(Workspace.at(tmp_path)).scenes
    assert first.artifact.key != second.artifact.key
