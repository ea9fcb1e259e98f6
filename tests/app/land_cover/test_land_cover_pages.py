"""Each land cover page as Streamlit runs it, on a small look-alike with finished runs."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session.job_board import Board
from core.flair.data.file_discovery import discover
from core.flair.data.pixel_sampling import SampleSettings
from core.flair.data.sentinel import SentinelSettings
from core.flair.models.classifiers import MethodSettings
from core.flair.models.features import FeatureSpec
from core.pipeline.flair import economy_stage, study_results, tree_bench
from core.pipeline.flair.flair_workspace import ensure_land_cover, folder_of
from core.pipeline.flair.study import Study, StudySettings
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60
RICH = FeatureSpec(fusion=True, robust=True)
VIEWS = {
    "land_cover_data": ("data view", ("samples", "series", "gallery", "classes", "files")),
    "land_cover_pixels": ("pixel view", ("inspect", "channel", "spectra", "cloud")),
    "land_cover_models": ("model view", ("run", "grid", "economy", "tree")),
    "land_cover_confusion": ("confusion view", ("matrix", "two", "patches", "maps")),
}
ALL = [(page, name, view) for page, (name, views) in VIEWS.items() for view in views]


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A home whose demo holds three patches, surveyed, with three runs."""
    home = Workspace(tmp_path_factory.mktemp("home"))
    place = home.demo
    ensure_land_cover(place, 3)
    dataset = discover(folder_of(place))
    study_results.make_survey(place, dataset)
    study = Study(place, StudySettings(), dataset)
    study.cell(MethodSettings("uniform"), FeatureSpec())
    for spec in (FeatureSpec(), RICH):
        study_results.make_maps(study, MethodSettings(), spec)
        study.cell(MethodSettings(), spec)
    tree_bench.make_bench(study, MethodSettings("hdbscan"), RICH)
    economy_stage.make_economy(study, MethodSettings(), RICH)
    return home


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A home whose demo was judged by two protocols, with and without "other", and boosted."""
    home = Workspace(tmp_path_factory.mktemp("both"))
    place = home.demo
    ensure_land_cover(place, 3)
    dataset = discover(folder_of(place))
    for protocol in ("domains", "patches"):
        Study(place, StudySettings(protocol), dataset).cell(MethodSettings(), FeatureSpec())
    taught = StudySettings(sample=SampleSettings(other=True))
    Study(place, taught, dataset).cell(MethodSettings(), FeatureSpec())
    Study(place, StudySettings("test"), dataset).cell(MethodSettings("uniform"), FeatureSpec())
    study = Study(place, StudySettings(), dataset)
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr("core.flair.models.classifiers._ROUNDS", 4)
        study.cell(MethodSettings("boosting"), FeatureSpec())
        study_results.make_maps(study, MethodSettings("boosting"), FeatureSpec())
    return home


def opened(home: Workspace, page: str, monkeypatch, **values: object) -> AppTest:
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(home.root))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state[f"cs.values:{home.demo.root}"] = dict(values)
    app.session_state["cs.workspace"] = "demo"
    app.session_state[f"cs.values:{home.demo.root}"]["demo was ready"] = True
    app.run()
    return app.switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.subheader, *app.error, *app.info]
    return " ".join(str(element.value) for element in elements)


@pytest.mark.parametrize(("page", "name", "view"), ALL)
def test_page__opens_without_an_exception_and_credits_flair(ready, monkeypatch, page, name, view):
    app = opened(ready, page, monkeypatch, **{name: view})
    assert not app.exception
    assert not app.error
    said = texts(app)
    assert "look-alike" in said
    assert "Garioud" in said
    assert "Etalab" in said


def test_confusion__a_picked_cell_shows_its_pixels(ready, monkeypatch):
    app = opened(ready, "land_cover_confusion", monkeypatch, cell=(9, 9))
    assert not app.exception
    assert "Herbaceous vegetation right" in texts(app)
    assert "pixels of this cell in IMG" in texts(app)


def test_confusion__two_models_stand_beside_each_other(ready, monkeypatch):
    app = opened(ready, "land_cover_confusion", monkeypatch, **{"confusion view": "two"})
    assert "The other minus the one" in texts(app)
    assert set(app.dataframe[-1].value) == {"Class", "IoU, one", "IoU, other", "Difference"}


def test_models__table_holds_every_run(ready, monkeypatch):
    app = opened(ready, "land_cover_models", monkeypatch)
    assert sorted(app.dataframe[0].value["Method"]) == ["Uniform chance", "kNN", "kNN"]


def test_models__protocols_stand_beside_each_other(both, monkeypatch):
    app = opened(both, "land_cover_models", monkeypatch)
    assert not app.exception
    shown = app.dataframe[0].value
    row = shown[(shown["Method"] == "kNN") & (shown['"Other" taught'] == "no")].iloc[0]
    assert row["Training patches"] > row["Domains left out"]
    assert row["Optimism gap"] > 0
    labels = [button.label for button in app.button]
    assert "Run the floors" in labels


def test_models__published_figures_not_beside_a_few_test_patches(both, monkeypatch):
    monkeypatch.setattr("app.land_cover.land_data.is_look_alike", lambda _: False)
    app = opened(both, "land_cover_models", monkeypatch, **{"shown protocol": "test"})
    assert not app.exception
    assert "official test set, and drawn there only" in texts(app).replace("\\", "")


def test_models__other_taught_and_not_stand_side_by_side(both, monkeypatch):
    app = opened(both, "land_cover_models", monkeypatch, **{"shown protocol": "domains"})
    pair = app.dataframe[1].value.iloc[0]
    assert pair["Method and features"] == "kNN, aerial, O"
    assert pair["Difference"] == pytest.approx(pair["mIoU with"] - pair["mIoU without"])
    assert pair['IoU of "other", with'] > 0


def test_inspector__boosting_is_asked_by_hand_too(both, monkeypatch):
    app = opened(both, "land_cover_pixels", monkeypatch)
    assert not app.exception
    assert "The likeliest classes" in texts(app)
    assert "Chance, the floors, looks at no value" in texts(app).replace("\\", "")


def test_models__a_large_tree_waits_for_a_button(ready, monkeypatch):
    monkeypatch.setattr(tree_bench, "LIVE_ROWS", 100)
    app = opened(ready, "land_cover_models", monkeypatch, **{"model view": "tree", "cut size": 8})
    assert not app.exception
    assert not app.metric
    assert "Cut and judge" in [button.label for button in app.button]
    study = Study(ready.demo, StudySettings())
    method = MethodSettings("hdbscan", min_cluster_size=8)
    tree_bench.make_recut(study, method, RICH)
    app = opened(ready, "land_cover_models", monkeypatch, **{"model view": "tree", "cut size": 8})
    assert int(app.metric[0].value) > 0


def test_buttons__work_takes_its_turn(ready, monkeypatch):
    asked = []
    monkeypatch.setattr(Board, "start", lambda *a, **more: asked.append((a, more)))
    app = opened(ready, "land_cover_models", monkeypatch)
    next(button for button in app.button if button.label == "Run it").click().run()
    assert asked[0][1]["after"] == asked[0][0][1].split("land ")[0]


def test_downloads__carry_citation_and_licence(ready, monkeypatch):
    kept = []
    monkeypatch.setattr("streamlit.download_button", lambda *a, **_: kept.append(a))
    for page, name, view in ALL:
        opened(ready, page, monkeypatch, **{name: view})
    tables = {a[2]: a[1]() for a in kept if a[2].endswith(".csv")}
    assert {"flair-classes.csv", "flair-runs.csv", "flair-grid.csv"} <= tables.keys()
    for text in tables.values():
        last = text.decode().strip().splitlines()[-1]
        assert last.startswith("# A procedural look-alike")
        assert "Garioud" in last
        assert "Etalab" in last


def test_models__sliders_answer_from_the_kept_tree(ready, monkeypatch):
    few = opened(ready, "land_cover_models", monkeypatch,
                 **{"model view": "tree", "cut size": 100})  # fmt: skip
    many = opened(ready, "land_cover_models", monkeypatch, **{"model view": "tree", "cut size": 5})
    clusters = [int(app.metric[0].value) for app in (few, many)]
    assert clusters[0] < clusters[1]
    assert few.metric[4].value != many.metric[4].value


def test_inspector__says_what_each_mapped_model_says(ready, monkeypatch):
    app = opened(ready, "land_cover_pixels", monkeypatch)
    assert len(app.dataframe[0].value) == 2
    assert "nearest voting pixels" in texts(app)


def test_inspector__typed_values_are_predicted(ready, monkeypatch):
    app = opened(ready, "land_cover_pixels", monkeypatch)
    before = texts(app)
    app.number_input[0].set_value(255 if app.number_input[0].value < 128 else 0).run()
    assert not app.exception
    assert texts(app) != before


def test_grid__runs_with_other_dates_are_no_cells_of_it(tmp_path, monkeypatch):
    home = Workspace(tmp_path)
    ensure_land_cover(home.demo, 3)
    other = StudySettings(dates=SentinelSettings(cover=0.01))
    fused, plain = FeatureSpec(fusion=True), FeatureSpec()
    Study(home.demo, other).cell(MethodSettings(), fused)
    usual = Study(home.demo, StudySettings()).cell(MethodSettings(), plain)
    app = opened(home, "land_cover_models", monkeypatch, **{"model view": "grid"})
    assert not app.exception
    assert "1 of 24 configurations" in texts(app)
    table = app.dataframe[0].value.dropna(subset="mIoU")
    assert table["Configuration"].tolist() == ["kNN, aerial, O"]
    assert "Patches judged" not in table
    right = Study(home.demo, StudySettings()).cell(MethodSettings(), fused)
    assert right.scores.miou != usual.scores.miou
    app = opened(home, "land_cover_models", monkeypatch, **{"model view": "grid"})
    table = app.dataframe[0].value.dropna(subset="mIoU").set_index("Configuration")
    assert table.loc["kNN, aerial + Sentinel, O", "mIoU"] == round(right.scores.miou, 4)


def test_first_use__without_data_offers_the_look_alike(tmp_path, monkeypatch):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page("../pages/land_cover_data.py").run()
    assert not app.exception
    assert "no land cover data" in texts(app)
    assert "this goes to the network" in texts(app)
    labels = [button.label for button in app.button]
    assert "Paint a look-alike of 12 patches" in labels
    assert "Fetch the toy set from the network" in labels


def test_data__a_broken_tree_is_told_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "flair" / "something").mkdir(parents=True)
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    app.switch_page("../pages/land_cover_data.py").run()
    assert not app.exception
    assert "no FLAIR #2 tree" in app.error[0].value.replace("\\", "")
