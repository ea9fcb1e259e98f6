"""Surveys of ordinary and of unusual scenes: a clear error, or a skip that is counted."""

import json
import warnings

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import Point, box

from core.artifacts.keys import Checksums
from core.errors import Cancelled, ChipscapeError, WorkspaceError
from core.input_settings import GridSettings, SceneSettings
from core.pipeline.run import run_pipeline
from core.pipeline.scene_survey import guess_shared_attribute, survey_scenes
from core.pipeline.workspace import Workspace
from core.raster import scene
from core.raster.annotations import vector_files
from core.settings import RunSettings


def features(raster):
    return json.loads(raster.with_suffix(".geojson").read_text())


def rewrite(raster, document):
    raster.with_suffix(".geojson").write_text(json.dumps(document))


def test_survey__inspects_each_scene_once(workspace):
    first, second = survey_scenes(workspace), survey_scenes(Workspace.at(workspace.root))
    assert (first.cached, second.cached) == (False, True)
    assert [r.name for r in second.reports] == ["a", "b"]
    assert second.reports == first.reports


def test_survey__footprints_round_trip(workspace):
    scene = survey_scenes(workspace).scenes[0]
    footprints = scene.footprints()
    assert len(footprints) == scene.report.annotations == 20
    assert footprints.properties["class"].tolist()[:3] == ["striped", "checked", "plain"]
    assert np.isfinite(footprints.ground.width).all()
    assert footprints.pixels[0].bounds == pytest.approx((8, 8, 29, 29), abs=14)


def test_survey__annotations_without_properties(make_scene, make_annotations, to_ground, tmp_path):
    squares = [to_ground(box(x, 10, x + 20, 30)) for x in (10, 50)]
    make_annotations(make_scene("a.tif"), squares)
    footprints = survey_scenes(Workspace.at(tmp_path)).scenes[0].footprints()
    assert footprints.properties.shape == (2, 0)


def test_survey__only_the_changed_scene_is_inspected_again(workspace, add_scene):
    before = survey_scenes(workspace)
    add_scene("b", seed=5)
    after = survey_scenes(Workspace.at(workspace.root))
    assert [s.artifact.cached for s in after.scenes] == [True, False]
    assert after.scenes[0].artifact.key == before.scenes[0].artifact.key


@pytest.mark.parametrize("suffix", [".tif", ".geojson"])
def test_survey__a_change_of_either_file_is_noticed(workspace, suffix):
    survey_scenes(workspace)
    file = workspace.raw / f"b{suffix}"
    file.write_bytes(file.read_bytes() + b" ")
    after = survey_scenes(Workspace.at(workspace.root))
    assert [s.artifact.cached for s in after.scenes] == [True, False]


def test_survey__keys_do_not_depend_on_the_folder(workspace, tmp_path):
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "raw").rename(moved / "raw")
    keys = [s.artifact.key for s in survey_scenes(Workspace.at(moved)).scenes]
    (moved / "raw").rename(tmp_path / "raw")
    assert [s.artifact.key for s in survey_scenes(workspace).scenes] == keys


def test_survey__another_class_attribute_recomputes_nothing(workspace, settings):
    guessed = run_pipeline(workspace, settings(), until="chips")
    chosen = run_pipeline(workspace, settings(scenes={"class_property": "number"}), until="chips")
    assert set(chosen.stages.values()) == {"cached"}
    assert chosen.chips.keys == guessed.chips.keys
    assert [len(r.classes) for r in chosen.view.survey.reports] == [20, 20]
    unknown = settings(scenes={"class_property": "no"}).scenes
    report = survey_scenes(workspace, settings=unknown).reports[0]
    assert (report.class_property, report.classes) == ("", {})
    assert any("No annotation has an attribute 'no'." in warning for warning in report.warnings)


def test_survey__the_class_attribute_is_a_setting(workspace, settings):
    guessed = survey_scenes(workspace).scenes[0].report
    assert guessed.class_property == "class"
    survey = survey_scenes(workspace, settings=settings(scenes={"class_property": "number"}).scenes)
    assert survey.scenes[0].report.class_property == "number"
    assert len(survey.scenes[0].report.classes) == 20
    unknown = survey_scenes(workspace, settings=settings(scenes={"class_property": "x"}).scenes)
    assert "No annotation has an attribute 'x'." in unknown.scenes[0].report.warnings


def test_survey__no_scenes(tmp_path):
    workspace = Workspace.at(tmp_path)
    for _ in range(2):
        assert survey_scenes(workspace).scenes == ()
        with pytest.raises(WorkspaceError, match=r"no scenes .*chipscape demo"):
            run_pipeline(workspace, RunSettings())
        workspace.raw.mkdir(exist_ok=True)
    assert [p.name for p in tmp_path.iterdir()] == ["raw"]


def test_survey__no_annotations(workspace, settings):
    for file in workspace.raw.glob("*.geojson"):
        file.unlink()
    reason = "The scene has no annotations"
    with pytest.raises(WorkspaceError, match=rf"a\.tif: {reason}.*b\.tif: {reason}"):
        run_pipeline(workspace, settings())


def test_survey__null_and_outside_are_counted(workspace, settings):
    raster = workspace.raw / "a.tif"
    document = features(raster)
    document["features"][0]["geometry"] = None
    document["features"][1]["geometry"] = {"type": "Point", "coordinates": [0.0, 0.0]}
    document["features"][2]["geometry"] = {"type": "Polygon", "coordinates": []}
    rewrite(raster, document)
    run = run_pipeline(workspace, settings(), until="chips")
    skipped = run.view.survey.reports[0].skipped
    assert skipped == {"null geometry": 1, "outside the scene": 1, "empty geometry": 1}
    assert len(run.chips) == 37
    assert "a.tif: 1 annotations skipped, outside the scene" in run.notes()


def test_survey__every_annotation_outside(workspace, settings):
    for name in "ab":
        document = features(workspace.raw / f"{name}.tif")
        for feature in document["features"]:
            feature["geometry"] = {"type": "Point", "coordinates": [0.0, 0.0]}
        rewrite(workspace.raw / f"{name}.tif", document)
    with pytest.raises(WorkspaceError, match="20 of 20 annotations skipped: outside the scene"):
        run_pipeline(workspace, settings())


def test_survey__two_scenes_with_one_stem(workspace, settings):
    (workspace.raw / "a.tiff").write_bytes((workspace.raw / "a.tif").read_bytes())
    run = run_pipeline(workspace, settings(), until="chips")
    assert [r.ok for r in run.view.survey.reports] == [False, False, True]
    assert sum("another scene has the same name" in note for note in run.notes()) == 2
    assert len(run.chips) == 20


def test_survey__a_truncated_scene_is_left_out_by_name(workspace, settings):
    raster = workspace.raw / "b.tif"
    raster.write_bytes(raster.read_bytes()[: raster.stat().st_size * 2 // 3])
    run = run_pipeline(workspace, settings())
    assert run.summary()["scenes"] == 1
    assert any(note.startswith("b.tif: the file opens but cannot be read") for note in run.notes())


def test_survey__every_scene_truncated(workspace, settings):
    for raster in workspace.raw.glob("*.tif"):
        raster.write_bytes(raster.read_bytes()[: raster.stat().st_size // 2])
    with pytest.raises(WorkspaceError, match=r"a\.tif: the file opens but cannot be read"):
        run_pipeline(workspace, settings())


def test_run__scene_without_crs(make_scene, make_annotations, tmp_path, settings):
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        raster = make_scene("a.tif", rng.integers(1, 255, (3, 120, 160)), crs=None, transform=None)
    squares = [box(x, y, x + 15, y + 15) for x in range(0, 140, 20) for y in (5, 40, 80)]
    make_annotations(raster, squares, crs=None)
    run = run_pipeline(Workspace.at(tmp_path), settings())
    assert len(run.chips) == 21
    assert run.chips.facts["longitude"].isna().all()
    assert any("no CRS" in warning for warning in run.view.survey.reports[0].warnings)


@pytest.mark.parametrize(
    ("n", "method", "until", "message"),
    [
        (1, "gmm", "clusters", "1 chip has no variation"),
        (1, "hdbscan", "clusters", "1 chip has no variation"),
        (2, "gmm", "clusters", "3 Gaussians need at least 3 chips, got 2"),
        (5, "hdbscan", "projection", "t-SNE needs at least 7 chips, but there are 5"),
        (5, "gmm", "projection", "t-SNE needs at least 7 chips, but there are 5"),
    ],
)
def test_run__too_few_chips(tmp_path, add_scene, settings, n, method, until, message):
    add_scene("a", n=n)
    with pytest.raises(ChipscapeError, match=message):
        run_pipeline(Workspace.at(tmp_path), settings(method=method), until=until)
    partial = tmp_path / "artifacts" / ".partial"
    assert [p for p in partial.rglob("*") if p.suffix != ".lock"] == []


def test_run__too_few_chips_for_the_projection_are_reported_before_the_embedding(
    tmp_path, add_scene, settings
):
    add_scene("a", n=6)
    with pytest.raises(ChipscapeError, match="t-SNE needs at least 7 chips, but there are 6"):
        run_pipeline(Workspace.at(tmp_path), settings())
    assert (tmp_path / "artifacts" / "chips").is_dir()
    assert not (tmp_path / "artifacts" / "encoders").exists()
    run = run_pipeline(Workspace.at(tmp_path), settings(), until="clusters")
    assert run.labelling.n_clusters == 3


@pytest.mark.parametrize("method", ["gmm", "hdbscan"])
def test_run__constant_chips(tmp_path, add_scene, settings, method):
    add_scene("a", content=np.full((3, 256, 256), 77))
    with pytest.raises(ChipscapeError, match="all 20 chips have the same embedding"):
        run_pipeline(Workspace.at(tmp_path), settings(method=method))


def test_survey__a_change_of_any_shapefile_part_is_noticed(make_scene, tmp_path, to_ground):
    make_scene("a.tif")
    shape = to_ground(box(10, 10, 40, 40))
    frame = gpd.GeoDataFrame({"kind": ["boat"]}, geometry=[shape], crs="EPSG:32631")
    frame.to_file(tmp_path / "raw" / "all.shp")
    crs = tmp_path / "raw" / "all.prj"
    crs.rename(tmp_path / "all.prj")
    (before,) = survey_scenes(Workspace.at(tmp_path)).reports
    assert before.annotations == 0
    assert any("Set the CRS of the file." in warning for warning in before.warnings)
    (tmp_path / "all.prj").rename(crs)
    (after,) = survey_scenes(Workspace.at(tmp_path)).reports
    assert after.annotations == 1
    for part in ("dbf", "shx", "cpg"):
        assert survey_scenes(Workspace.at(tmp_path)).cached
        file = tmp_path / "raw" / f"all.{part}"
        file.write_bytes(file.read_bytes() + b" ")
        assert not survey_scenes(Workspace.at(tmp_path)).cached, part


def test_survey__pixel_coordinates_need_a_scene_name_once_there_are_two_scenes(
    make_scene, tmp_path
):
    make_scene("a.tif")
    table = tmp_path / "raw" / "all.csv"
    table.write_text("xmin,ymin,xmax,ymax\n10,20,30,60\n")
    assert [r.annotations for r in survey_scenes(Workspace.at(tmp_path)).reports] == [1]
    make_scene("b.tif")
    reports = survey_scenes(Workspace.at(tmp_path)).reports
    assert [r.annotations for r in reports] == [0, 0]
    assert all("add a column 'scene'" in " ".join(r.warnings) for r in reports)
    table.write_text("scene,xmin,ymin,xmax,ymax\nb.tif,10,20,30,60\n")
    assert [r.annotations for r in survey_scenes(Workspace.at(tmp_path)).reports] == [0, 1]


def test_survey__an_invalid_character_does_not_affect_other_scenes(workspace):
    document = features(workspace.raw / "b.tif")
    document["features"][0]["properties"] |= {"class": "\ud800 lone", "\udc00": ["\ud801"]}
    document["features"][0]["id"] = "\ud802"
    rewrite(workspace.raw / "b.tif", document)
    first, second = survey_scenes(workspace).reports
    assert (first.annotations, second.annotations) == (20, 20)
    assert second.classes["\ufffd lone"] == 1
    assert "Invalid characters were replaced in 4 text values." in second.warnings
    json.dumps(second.as_table(), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", ["x.tif", "a.geojson"])
def test_survey__a_defect_in_one_file_leaves_the_others_usable(
    workspace, make_scene, monkeypatch, caplog, name
):
    def fail_for_one(function):
        def call(path, *args, **options):
            if path.name == name:
                raise KeyError("a defect")
            return function(path, *args, **options)

        return call

    make_scene("x.tif", folder=workspace.raw)
    monkeypatch.setattr(scene, "_read_header", fail_for_one(scene._read_header))
    monkeypatch.setattr(vector_files, "read_geojson", fail_for_one(vector_files.read_geojson))
    reports = {report.path: report for report in survey_scenes(workspace).reports}
    assert reports["b.tif"].annotations == 20
    odd = reports[name.replace(".geojson", ".tif")]
    assert "(KeyError: 'a defect')" in " ".join([odd.error, *odd.warnings])
    assert odd.ok == (name != "x.tif")
    assert any(record.exc_info for record in caplog.records)


def test_survey__a_file_that_cannot_be_read_leaves_the_others_usable(workspace, monkeypatch):
    def refuse(self, path):
        if path.name == "a.tif":
            raise PermissionError(13, "Permission denied", str(path))
        return "0"

    monkeypatch.setattr(Checksums, "of", refuse)
    assert [report.ok for report in survey_scenes(workspace).reports] == [True, True]


def test_survey__a_broken_link_next_to_a_scene(workspace):
    (workspace.raw / "a.tif.aux.xml").symlink_to("nothing")
    first, second = survey_scenes(workspace).reports
    assert (first.annotations, second.annotations) == (20, 20)


def test_survey__a_cancelled_survey_keeps_the_inspected_scenes(workspace):
    with pytest.raises(Cancelled):
        survey_scenes(workspace, lambda completed, _total, _note: completed == 1)
    assert len(workspace.store.all("scenes")) == 1


def test_survey__points_become_chips(make_scene, make_annotations, to_ground, tmp_path, settings):
    rng = np.random.default_rng(0)
    raster = make_scene("a.tif", rng.integers(1, 255, (3, 120, 160)))
    make_annotations(raster, [to_ground(Point(x, 60)) for x in range(20, 140, 10)])
    run = run_pipeline(Workspace.at(tmp_path), settings(), until="chips")
    assert run.chips.facts["side"].to_numpy() == pytest.approx(20, rel=0.01)


def test_survey__warning_about_a_fill_value(make_scene, tmp_path):
    content = np.ones((1, 64, 64), np.float32)
    content[:, :, :16] = np.finfo(np.float32).min
    make_scene("a.tif", content, dtype="float32")
    (scene,) = survey_scenes(Workspace.at(tmp_path)).reports
    assert scene.valid_fraction == 0.75
    assert "25.0% of the sampled pixels are about -3.4e38" in " ".join(scene.warnings)


def test_survey__the_key_covers_files_that_gdal_reads_with_a_scene(make_scene, tmp_path):
    raster = make_scene("a.tif")
    (first,) = survey_scenes(Workspace.at(tmp_path)).scenes
    raster.with_name("a_RPC.TXT").write_text("LINE_OFF: 1\n")
    (second,) = survey_scenes(Workspace.at(tmp_path)).scenes
    assert first.artifact.key != second.artifact.key


def keys_by_scene(workspace, **grid):
    settings = SceneSettings(grid=GridSettings(**grid))
    survey = survey_scenes(workspace, settings=settings)
    return {scene.report.path: scene.artifact.key for scene in survey.scenes}


def test_survey__a_grid_is_for_the_scenes_that_it_was_chosen_for(workspace, make_scene):
    make_scene("bare.tif")
    settings = SceneSettings(grid=GridSettings(40, scenes=("bare.tif", "a.tif")))
    survey = survey_scenes(workspace, settings=settings)
    assert [report.grid for report in survey.reports] == [False, False, True]
    make_scene("later.tif")
    survey = survey_scenes(workspace, settings=settings)
    assert {report.path: report.annotations for report in survey.reports if not report.grid} == {
        "a.tif": 20,
        "b.tif": 20,
        "later.tif": 0,
    }


def test_survey__the_list_of_scenes_of_a_grid_keeps_existing_keys(workspace, make_scene):
    make_scene("bare.tif")
    without, for_all = keys_by_scene(workspace), keys_by_scene(workspace, size=40)
    chosen = keys_by_scene(workspace, size=40, scenes=("bare.tif",))
    assert chosen == without | {"bare.tif": for_all["bare.tif"]}
    # The key that version 0.1.0 gave, before grids had a list of scenes.
    manifest = workspace.store.get("scenes", for_all["a.tif"]).manifest
    settings = {"class_property": "", "grid": {"size": 40, "stride": 0, "coverage": 0.5}}
    assert manifest["inputs"]["settings"] == settings


@pytest.fixture
def write_classes(make_scene, make_annotations, to_ground):
    """A function that writes a scene with the given attributes, one value per annotation."""

    def write(name, **attributes):
        rows = [
            dict(zip(attributes, row, strict=True))
            for row in zip(*attributes.values(), strict=True)
        ]
        squares = [to_ground(box(x * 12, 10, x * 12 + 10, 20)) for x in range(len(rows))]
        make_annotations(make_scene(f"{name}.tif"), squares, rows)

    return write


def test_survey__the_class_attribute_is_that_of_all_scenes(write_classes, tmp_path):
    # Judged alone, each scene has a single label, and its label would be its class.
    write_classes("a", label=["tree"] * 4, site=["north"] * 4)
    write_classes("b", label=["tree"] * 4, site=["south"] * 4)
    survey = survey_scenes(Workspace.at(tmp_path))
    assert survey.class_attribute == "site"
    assert [report.class_property for report in survey.reports] == ["site", "site"]
    assert [report.classes for report in survey.reports] == [{"north": 4}, {"south": 4}]


def test_survey__a_scene_without_the_guessed_attribute_has_no_classes(write_classes, tmp_path):
    write_classes("a", label=["oak", "ash", "oak", "ash"])
    write_classes("b", note=["x", "x", "y", "y"])
    survey = survey_scenes(Workspace.at(tmp_path))
    assert survey.class_attribute == "label"
    assert [report.classes for report in survey.reports] == [{"ash": 2, "oak": 2}, {}]
    assert not any("no attribute" in note.lower() for note in survey.reports[1].warnings)


def test_survey__a_requested_attribute_replaces_the_guess(write_classes, tmp_path):
    write_classes("a", label=["oak", "ash", "oak", "ash"], owner=["x", "x", "y", "y"])
    workspace = Workspace.at(tmp_path)
    survey = survey_scenes(workspace, settings=SceneSettings(class_property="owner"))
    assert (survey.class_attribute, survey.reports[0].classes) == ("owner", {"x": 2, "y": 2})
    assert guess_shared_attribute(survey.scenes) == "label"
    survey = survey_scenes(workspace, settings=SceneSettings(class_property="nothing"))
    assert survey.class_attribute == "label"
    assert survey.reports[0].warnings == ("No annotation has an attribute 'nothing'.",)
