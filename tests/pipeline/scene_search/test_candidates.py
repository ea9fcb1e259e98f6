"""A search of whole scenes: stored scans, candidates, and decisions that join the next run."""

import dataclasses
import json

import numpy as np
import pytest
import rasterio
from affine import Affine

from core.errors import ArtifactError, SettingsError, TooFewError
from core.pipeline.assignment.assigned_scenes import open_reference
from core.pipeline.results.cleaning import plan_cleaning
from core.pipeline.results.run_records import list_run_records
from core.pipeline.results.scene_changes import describe_scene_changes, find_scene_changes
from core.pipeline.run import keep_run, run_pipeline
from core.pipeline.scene_search import candidates, scan_stages
from core.pipeline.scene_search.candidates import find_candidates, scan_scenes, scene_scans
from core.pipeline.scene_search.decided_candidates import candidate_collection, decide_rows
from core.pipeline.scene_search.decisions import (
    CandidateSquare,
    confirmed_ids,
    decide,
    read_decisions,
)
from core.pipeline.scene_search.examples import (
    chips_like,
    chips_of_class,
    chips_of_cluster,
    make_query,
    marked_chips,
)
from core.pipeline.scene_search.scan_stages import SCENE_SCANS
from core.pipeline.scene_survey import survey_scenes
from core.pipeline.search.chip_examples import ExampleSet
from core.pipeline.workspace import Workspace
from core.raster.scene import read_scene


@pytest.fixture
def result(workspace, settings):
    """The workspace with a complete current result."""
    keep_run(run_pipeline(workspace, settings()))
    return workspace


@pytest.fixture
def sparse(result, add_scene):
    """The same with the scene c, of whose twenty squares only the first is annotated."""
    file = add_scene("c", seed=2).with_suffix(".geojson")
    document = json.loads(file.read_text())
    document["features"] = document["features"][:1]
    file.write_text(json.dumps(document))
    return result


def query_for(workspace, value="checked", **options):
    workspace = Workspace.at(workspace.root)
    reference = open_reference(workspace)
    survey = survey_scenes(workspace)
    return make_query(reference.view, survey, chips_of_class(reference.view, value), **options)


def search(workspace, **options):
    query = query_for(workspace, **options)
    scan_scenes(query)
    return find_candidates(query)


def test_search__finds_objects_that_are_not_annotated(sparse):
    found = search(sparse, scenes=("c",), step=4)
    (score_map,) = found.maps
    scores = []
    # The squares begin at every 40th pixel, in turn striped, checked and plain.
    for number in range(20):
        column, row = 8 + number % 6 * 40 + 11, 8 + number // 6 * 40 + 11
        down = int(np.abs(score_map.scan.grid.rows - row).argmin())
        across = int(np.abs(score_map.scan.grid.columns - column).argmin())
        scores.append(score_map.scores[down, across])
    kinds = [np.mean(scores[kind::3]) for kind in range(3)]
    assert kinds[1] > max(kinds[0], kinds[2])
    assert kinds[1] > np.nanmean(score_map.scores) + 0.4
    assert found.counts(0.0)["annotated"] <= 1
    assert found.table["score"].max() == pytest.approx(np.nanmax(score_map.scores))


def test_search__annotated_objects_are_not_candidates(result):
    found = search(result, step=4)
    assert (found.table["score"].diff().dropna() <= 0).all()
    best = found.table.head(8)
    assert (best["state"] == "annotated").all()
    counts = found.counts(0.5)
    assert counts["candidates"] == sum(n for name, n in counts.items() if name != "candidates")
    assert len(found.above(0.5)) == counts["candidates"] - counts["annotated"]
    assert found.table["id"].is_unique


def test_search__is_stored_and_needs_no_encoder_the_second_time(result, monkeypatch):
    query = query_for(result, step=8)
    assert find_candidates(query) is None
    scan_scenes(query)
    first = find_candidates(query)
    monkeypatch.setattr(scan_stages, "load_encoder", None)
    again = query_for(result, step=8)
    scan_scenes(again)
    assert find_candidates(again).table.equals(first.table)


def test_search__other_examples_of_the_same_size_use_the_same_scan(result):
    first, second = (query_for(result, value) for value in ("checked", "plain"))
    second = dataclasses.replace(second, side=first.side, object_side=first.object_side)
    steps = [[SCENE_SCANS.step(s).key for s in scene_scans(q)] for q in (first, second)]
    assert steps[0] == steps[1]
    other = dataclasses.replace(first, side=2 * first.side)
    assert SCENE_SCANS.step(scene_scans(other)[0]).key not in steps[0]


def test_scan__is_the_same_after_an_interruption(result, monkeypatch, data_files):
    monkeypatch.setattr(scan_stages, "block_length", lambda *_: 100)
    query = query_for(result, step=8)

    class StopError(Exception):
        pass

    def stop(completed, _, note):
        if note == "a" and completed > 250:
            raise StopError
        return False

    with pytest.raises(StopError):
        scan_scenes(query, stop)
    cut, embedded = scan_stages.WindowEncoder.embed, []
    monkeypatch.setattr(
        scan_stages.WindowEncoder,
        "embed",
        lambda self, scene, centres: embedded.append(len(centres)) or cut(self, scene, centres),
    )
    scan_scenes(query)
    resumed = data_files(result.root, "scans")
    n_windows = sum(map(candidates.count_windows, scene_scans(query)))
    assert sum(embedded) < n_windows
    for path in (result.root / "artifacts" / "scans").glob("*/*"):
        path.unlink()
    scan_scenes(query_for(result, step=8))
    assert data_files(result.root, "scans") == resumed


def test_search__a_scene_of_another_kind_is_refused(result, add_scene):
    add_scene("c", seed=2, dtype="uint16")
    found = search(result, step=8)
    assert list(found.refused) == ["c.tif"]
    assert "unlike the scenes of the examples" in found.refused["c.tif"]
    with pytest.raises(TooFewError, match="no scene can be searched"):
        search(result, scenes=("c",), step=8)


def test_query__errors(result):
    reference = open_reference(result)
    survey, view = survey_scenes(result), reference.view
    chosen = chips_of_class(view, "plain")
    chip_ids = run_pipeline(result, view.settings, until="chips").chip_ids
    for call, text in (
        (lambda: chips_of_class(view, "bridge"), "Values: checked, plain, striped"),
        (lambda: chips_like(view, ["nothing"]), "no chip 'nothing'"),
        (lambda: chips_like(view, chip_ids[:1], unlike=chip_ids[:1]), "both for and against"),
        (lambda: chips_of_cluster(reference, "99"), "no cluster '99'"),
        (lambda: make_query(reference.view, survey, chosen, scenes=["z"]), "no scene 'z'"),
        (lambda: make_query(reference.view, survey, chosen, step=-1), "not between"),
    ):
        with pytest.raises(SettingsError, match=text):
            call()


def test_query__attributes_of_the_examples(result):
    reference = open_reference(result)
    view = reference.view
    chips = chips_of_class(view, "plain")
    assert chips.attributes == {"class": "plain"}
    facts = run_pipeline(result, view.settings, until="chips").chips.facts
    ids = facts["chip_id"].iloc[list(chips.rows)].tolist()
    assert chips_like(view, ids).attributes == {"class": "plain"}
    assert chips_like(view, ids, "slab").attributes == {"class": "slab"}
    assert chips_like(view, facts["chip_id"].tolist()).attributes == {"class": "found"}
    assert chips_of_class(view, "number=3").attributes == {"number": "3", "class": "striped"}
    cluster = chips_of_cluster(reference, "0")
    assert cluster.attributes["name"] == "Cluster 0"


def test_query__marked_chips_for_and_against(result):
    view = open_reference(result).view
    facts = run_pipeline(result, view.settings, until="chips").chips.facts
    ids = facts["chip_id"].tolist()
    with pytest.raises(TooFewError, match="no chip is marked"):
        marked_chips(view, ExampleSet(("nothing",), tuple(ids[:2])))
    survey, found = survey_scenes(result), []
    # Every third square is checked; one of them shall not be found.
    for against in ((), (ids[10],)):
        marks = ExampleSet((ids[1], ids[4], ids[7], "nothing"), against)
        query = make_query(view, survey, marked_chips(view, marks), step=8)
        assert query.chip_ids == tuple(sorted((ids[1], ids[4], ids[7])))
        assert query.counter_ids == tuple(sorted(against))
        scan_scenes(query)
        found.append(find_candidates(query))
    row = facts.set_index("chip_id").loc[ids[10]]
    scores = [
        m.scores.ravel()[
            np.hypot(*(m.scan.grid.centres() - row[["column", "row"]].to_numpy(float)).T).argmin()
        ]
        for m in (next(m for m in f.maps if m.scene.report.name == row["scene"]) for f in found)
    ]
    assert scores[1] < scores[0] - 0.1


def test_query__attributes_that_all_annotations_have_in_common(result, add_scene):
    for path in result.raw.glob("*.geojson"):
        document = json.loads(path.read_text())
        for feature in document["features"]:
            feature["properties"] |= {"label": "Thing", "year": 2024}
        path.write_text(json.dumps(document))
    keep_run(run_pipeline(Workspace.at(result.root), open_reference(result).view.settings))
    view = open_reference(Workspace.at(result.root)).view
    assert chips_of_class(view, "plain").attributes == {"class": "plain", "label": "Thing"}


def test_suggested_threshold__gives_a_review_of_thirty(result):
    found = search(result, step=4)
    table = found.table.iloc[np.arange(60) % len(found.table)].assign(state="open")
    for scores, expected in (
        (np.linspace(0.9, 0.31, 60), 0.4),
        (np.linspace(0.5, 0.01, 60), 0.25),
        (np.linspace(0.35, 0.25, 60)[:5], 0.34),
    ):
        few = dataclasses.replace(found, table=table.head(len(scores)).assign(score=scores))
        assert few.suggested_threshold == pytest.approx(expected)
        assert len(few.above(few.suggested_threshold)) >= min(30, len(scores))
    assert dataclasses.replace(found, table=table.head(0)).suggested_threshold == 0.4


def test_decisions__decided_places_remain_candidates_in_the_next_ranking(sparse):
    found = search(sparse, scenes=("c",), step=4)
    ids = found.above(0.0)["id"].head(6).tolist()
    decide_rows(found, ids[:3], "confirmed")
    decide_rows(found, ids[3:], "rejected")
    table = find_candidates(found.query).table.set_index("id")
    assert table.loc[ids, "state"].tolist() == ["confirmed"] * 3 + ["rejected"] * 3
    others = table.drop(index=ids)
    for row in table.loc[ids].itertuples():
        distances = np.hypot(others["column"] - row.column, others["row"] - row.row)
        assert distances.min() > candidates.SPACING * row.width
    assert table.index.is_unique
    # A high threshold does not hide what has been decided.
    assert set(find_candidates(found.query).above(99.0)["id"]) == set(ids)


def test_decisions__the_next_run_needs_no_new_scan(sparse):
    settings = open_reference(sparse).view.settings
    found = search(sparse, scenes=("a", "c"), step=4)
    # The encoder is fitted to the chips of the scene a, which change, so the run fits it again.
    square = CandidateSquare("a-new", 219.0, 139.0, 20.0, 20.0)
    decide(sparse, read_scene(sparse.raw / "a.tif"), [square], {"class": "checked"}, "confirmed")
    workspace = Workspace.at(sparse.root)
    keep_run(run_pipeline(workspace, settings))
    query = query_for(workspace, scenes=("a", "c"), step=4)
    assert query.view.artifacts["embeddings"][0].key != found.query.fit.key
    assert query.fit.key == found.query.fit.key
    # Confirmed objects count through their decisions, so the examples are the same.
    assert query.chip_ids == found.query.chip_ids
    again = find_candidates(query)
    assert again.counts(0.0)["confirmed"] == 1
    # Without the raster to which it was fitted, a fit is not used again.
    (sparse.raw / "a.tif").unlink()
    (sparse.raw / "a.geojson").unlink()
    keep_run(run_pipeline(Workspace.at(sparse.root), settings))
    assert query_for(sparse, scenes=("c",), step=4).fit.key != found.query.fit.key


def test_cleaning__scans_stay_while_their_fit_is_needed(result):
    search(result, step=8)
    store = Workspace.at(result.root).store
    stages = ("encoders", "scans", "scan_examples")
    assert not {item.stage for item in plan_cleaning(result).artifacts} & set(stages)
    # A result of other chips needs another fit, so nothing needs the first one any more.
    settings = open_reference(result).view.settings
    other = dataclasses.replace(settings, chips=dataclasses.replace(settings.chips, margin=0.4))
    keep_run(run_pipeline(Workspace.at(result.root), other))
    (first, _) = list_run_records(result)[::-1]
    removed = {item.stage for item in plan_cleaning(result, [first]).artifacts}
    assert removed >= set(stages)
    assert len(store.all("scans")) == 2


def test_decisions__confirmed_candidates_join_the_next_run(sparse, raw_files):
    result, raster = sparse, sparse.raw / "c.tif"
    before, found = raw_files(result.root), search(result, scenes=("c",), step=4)
    ids = found.above(0.0)["id"].head(3).tolist()
    decide_rows(found, ids, "confirmed")
    decide_rows(found, ids[2:], "rejected")
    assert raw_files(result.root) == before
    assert confirmed_ids(result, raster) == set(ids[:2])
    survey = survey_scenes(Workspace.at(result.root))
    scene = next(s for s in survey.scenes if s.report.name == "c")
    assert scene.report.annotations == 3
    assert scene.properties()["class"].tolist() == ["striped", "checked", "checked"]
    placed = scene.footprints()
    expected = found.table.set_index("id").loc[ids[:2], ["column", "row"]].to_numpy()
    bounds = np.array([g.bounds for g in placed.pixels[1:]])
    assert np.abs((bounds[:, :2] + bounds[:, 2:]) / 2 - expected).max() < 0.01
    run = run_pipeline(Workspace.at(result.root), open_reference(result).view.settings)
    assert len(run.chips) == 43


def test_decisions__the_stored_result_is_reported_as_outdated(sparse):
    found = search(sparse, scenes=("c",), step=4)
    keep_run(run_pipeline(Workspace.at(sparse.root), found.query.view.settings))
    view = open_reference(Workspace.at(sparse.root)).view
    assert find_scene_changes(view) == []
    decide_rows(found, found.above(0.0)["id"].head(1).tolist(), "confirmed")
    changes = find_scene_changes(view)
    assert [(c.scene, c.kind, c.files) for c in changes] == [("c.tif", "confirmed", ("c.geojson",))]
    assert "confirmed on c.tif" in describe_scene_changes(changes)[0]


def test_decisions__a_scene_without_a_vector_file_and_without_a_crs(result, make_scene):
    pixels = read_pixels(result.raw / "a.tif")
    raster = make_scene("d.tif", content=pixels, crs=None, transform=Affine.identity())
    square = CandidateSquare("d-1", 80.0, 60.0, 20.0, 10.0)
    decide(result, read_scene(raster), [square], {"class": "plain"}, "confirmed")
    survey = survey_scenes(Workspace.at(result.root))
    scene = next(s for s in survey.scenes if s.report.name == "d")
    assert scene.report.annotation_file == "annotations/d.geojson"
    assert not scene.report.grid
    assert scene.footprints().pixels[0].bounds == (70, 55, 90, 65)


def read_pixels(path):
    with rasterio.open(path) as source:
        return source.read()


def test_decisions__can_be_taken_back(sparse):
    found = search(sparse, scenes=("c",), step=4)
    row = found.above(-9.0).iloc[0]
    path = sparse.raw / f"{row['scene']}.tif"
    key = survey_scenes(Workspace.at(sparse.root)).scenes[2].artifact.key
    decide_rows(found, [row["id"]], "confirmed")
    assert confirmed_ids(sparse, path) == {row["id"]}
    decide_rows(found, [row["id"]], "open")
    assert confirmed_ids(sparse, path) == set()
    assert read_decisions(sparse) == []
    # Without annotations of its own, the scene has the same key as before.
    assert survey_scenes(Workspace.at(sparse.root)).scenes[2].artifact.key == key


def test_decisions__rejected_windows_lower_the_score(sparse):
    found = search(sparse, step=4)
    row = found.above(-9.0).iloc[0]
    decide_rows(found, [row["id"]], "rejected")
    again = find_candidates(found.query)
    scene = next(m for m in again.maps if m.scene.report.name == row["scene"])
    down = int(np.abs(scene.scan.grid.rows - row["row"]).argmin())
    across = int(np.abs(scene.scan.grid.columns - row["column"]).argmin())
    assert scene.scores[down, across] < row["score"]


def test_decisions__a_damaged_file_is_not_replaced(sparse):
    found = search(sparse, scenes=("c",), step=4)
    ids = found.above(-9.0)["id"].head(2).tolist()
    decide_rows(found, ids[:1], "confirmed")
    file = next(sparse.annotations.glob("*.geojson"))
    content = file.read_text().replace("scene search", "scene_search")
    file.write_text(content)
    with pytest.raises(ArtifactError):
        decide_rows(found, [i for i in ids if i.startswith(file.stem)], "rejected")
    assert file.read_text() == content


def test_candidate_collection__is_in_degrees_with_the_properties(sparse):
    found = search(sparse, scenes=("c",), step=4)
    collection = candidate_collection(found, -9.0)
    assert len(collection["features"]) == len(found.above(-9.0))
    feature = collection["features"][0]
    assert feature["properties"].keys() == {"class", "scene", "score", "state"}
    longitude, latitude = feature["geometry"]["coordinates"][0][0]
    assert 5 < longitude < 6
    assert 43 < latitude < 44
