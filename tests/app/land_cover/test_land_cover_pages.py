"""Each land cover page as Streamlit runs it, on a small synthetic data set with finished runs."""

import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.session.job_board import Board
from app.session.jobs import job_prefix
from core.land.context.context_groups import CONTEXT
from core.land.data.file_discovery import discover_dataset
from core.land.data.pixel_sampling import SampleSettings
from core.land.data.sentinel import SentinelSettings
from core.land.models.classifiers import MethodSettings
from core.land.models.features import FeatureSpec
from core.pipeline.land import tree_bench
from core.pipeline.land.class_maps import CLASS_MAPS
from core.pipeline.land.economy_stage import ECONOMIES
from core.pipeline.land.land_workspace import ensure_land_cover, flair_folder
from core.pipeline.land.repeated_training import repeat_training
from core.pipeline.land.study import Study, StudySettings
from core.pipeline.land.study_cells import CELLS, StudyRun
from core.pipeline.land.study_results import survey_files
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 60
KNN, PLAIN, RICH = MethodSettings(), FeatureSpec(), FeatureSpec(fusion=True, robust=True)
VIEWS = {
    "land_cover_data": (
        "data view",
        ("samples", "series", "gallery", "classes", "files", "labels"),
    ),
    "land_cover_pixels": ("pixel view", ("inspect", "channel", "spectra", "cloud")),
    "land_cover_models": ("model view", ("run", "grid", "economy", "tree")),
    "land_cover_confusion": ("confusion view", ("matrix", "two", "patches", "maps")),
}
ALL = [(page, name, view) for page, (name, views) in VIEWS.items() for view in views]


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A home whose demo holds three patches, surveyed, with three runs."""
    home = Workspace(tmp_path_factory.mktemp("home"))
    ensure_land_cover(home.demo, 3)
    dataset = discover_dataset(flair_folder(home.demo))
    survey_files(home.demo, dataset)
    study = Study(home.demo, StudySettings(), dataset)
    StudyRun(study, MethodSettings("uniform"), PLAIN).make(CELLS)
    for spec in (PLAIN, RICH):
        run = StudyRun(study, KNN, spec)
        run.make(CLASS_MAPS)
        run.make(CELLS)
    StudyRun(study, MethodSettings("hdbscan"), PLAIN).make(tree_bench.BENCHES)
    StudyRun(study, KNN, PLAIN).make(ECONOMIES)
    return home


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """A home whose demo was evaluated by two protocols, with and without "other", and boosted."""
    home = Workspace(tmp_path_factory.mktemp("both"))
    ensure_land_cover(home.demo, 3)
    dataset = discover_dataset(flair_folder(home.demo))

    def run(method, **settings):
        study = Study(home.demo, StudySettings(**settings), dataset)
        run = StudyRun(study, MethodSettings(method), PLAIN)
        run.make(CELLS)
        return run

    for protocol in ("domains", "patches"):
        run("knn", protocol=protocol)
    repeat_training(StudyRun(Study(home.demo, StudySettings(), dataset), KNN, PLAIN))
    run("knn", sample=SampleSettings(other=True))
    run("uniform", protocol="test")
    with pytest.MonkeyPatch.context() as quick:
        quick.setattr("core.land.models.classifier_table._ROUNDS", 4)
        run("boosting").make(CLASS_MAPS)
    return home


def open_page(home: Workspace, page: str, monkeypatch, **values: object) -> AppTest:
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(home.root))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state[f"cs.values:{home.demo.root}"] = values | {"demo was ready": True}
    app.session_state["cs.workspace"] = "demo"
    app.run()
    return app.switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.title, *app.header, *app.error, *app.info]
    return " ".join(str(element.value) for element in elements)


@pytest.mark.parametrize(("page", "name", "view"), ALL)
def test_page__opens_without_an_exception_and_credits_flair(ready, monkeypatch, page, name, view):
    app = open_page(ready, page, monkeypatch, **{name: view})
    assert not app.exception
    assert not app.error
    text = texts(app)
    assert "synthetic data set" in text
    assert "Garioud" in text
    assert "Etalab" in text


def test_confusion__selected_cell_displays_its_pixels(ready, monkeypatch):
    app = open_page(ready, "land_cover_confusion", monkeypatch, cell=(9, 9))
    assert not app.exception
    assert "Herbaceous vegetation predicted correctly" in texts(app)
    assert "pixels of this cell in IMG" in texts(app)


def test_confusion__two_models_are_compared(ready, monkeypatch):
    app = open_page(ready, "land_cover_confusion", monkeypatch, **{"confusion view": "two"})
    assert "Model B minus model A" in texts(app)
    columns = {"Class", "IoU, model A", "IoU, model B", "Difference"}
    assert set(app.dataframe[-1].value) == columns


def test_models__table_contains_every_run(ready, monkeypatch):
    app = open_page(ready, "land_cover_models", monkeypatch)
    assert sorted(app.dataframe[0].value["Method"]) == ["Uniform chance", "kNN", "kNN"]


def test_models__protocols_side_by_side(both, monkeypatch):
    app = open_page(both, "land_cover_models", monkeypatch)
    assert not app.exception
    table = app.dataframe[0].value
    row = table[(table["Method"] == "kNN") & (table['Trained with "other"'] == "no")].iloc[0]
    assert row["Training patches"] > row["Domains left out"]
    assert row["Optimism gap"] > 0
    assert row["Repeated, from"] <= row["Repeated, to"]
    labels = [button.label for button in app.button]
    assert "Run the chance baselines" in labels


def test_models__reason_for_missing_intervals(both, monkeypatch):
    app = open_page(both, "land_cover_models", monkeypatch, **{"shown protocol": "domains"})
    assert "they need at least 8 areas" in texts(app)


def test_economy__answer_before_the_chart(ready, monkeypatch):
    app = open_page(ready, "land_cover_models", monkeypatch, **{"model view": "economy"})
    assert not app.exception
    text = texts(app)
    assert "Do clusters replace labels here?" in text
    assert "their labels are counted" in text


def test_models__published_scores_only_for_the_official_test_set(both, monkeypatch):
    monkeypatch.setattr("app.land_cover.land_data.is_look_alike", lambda _: False)
    app = open_page(both, "land_cover_models", monkeypatch, **{"shown protocol": "test"})
    assert not app.exception
    text = texts(app).replace("\\", "")
    assert "Published scores apply to the complete official test sets only" in text
    assert "FLAIR scorer: Mean over those of the classes 1 to 12 that occur" in text


def test_models__trained_with_and_without_other(both, monkeypatch):
    app = open_page(both, "land_cover_models", monkeypatch, **{"shown protocol": "domains"})
    assert 'Trained with and without "other"' in texts(app)
    pair = app.dataframe[1].value.iloc[0]
    assert pair["Method and features"] == "kNN, aerial, O"
    assert pair["Difference"] == pytest.approx(pair["mIoU with"] - pair["mIoU without"])
    assert pair['IoU of "other", with'] > 0


def test_inspector__boosting_classifies_entered_pixel_values(both, monkeypatch):
    app = open_page(both, "land_cover_pixels", monkeypatch)
    assert not app.exception
    assert "Most probable classes" in texts(app)
    assert "Chance baselines are not listed, because they ignore the values" in texts(app).replace(
        "\\", ""
    )


def test_models__a_large_tree_waits_for_a_button(ready, monkeypatch):
    monkeypatch.setattr(tree_bench, "LIVE_ROWS", 100)
    values = {"model view": "tree", "cut size": 8}
    app = open_page(ready, "land_cover_models", monkeypatch, **values)
    assert not app.exception
    assert not app.metric
    assert "Cut and evaluate" in [button.label for button in app.button]
    study = Study(ready.demo, StudySettings())
    method = MethodSettings("hdbscan", min_cluster_size=8)
    tree_bench.make_recut(StudyRun(study, method, PLAIN))
    app = open_page(ready, "land_cover_models", monkeypatch, **values)
    assert int(app.metric[0].value) > 0


def test_models__features_of_the_surroundings_and_smoothing(ready, monkeypatch):
    tables = []
    monkeypatch.setattr(Board, "start", lambda *_, **__: None)
    monkeypatch.setattr(
        "app.land_cover.land_jobs.write_atomically",
        lambda path, text: tables.append(tomllib.loads(text)) or path,
    )
    app = open_page(ready, "land_cover_models", monkeypatch)

    def click_run():
        next(button for button in app.button if button.label == "Run this model").click().run()
        assert not app.exception
        return tables[-1]

    table = click_run()
    assert table["features"]["extras"] == []
    assert "regularisation" not in table
    toggles = {toggle.label: toggle for toggle in app.toggle}
    toggles["Add features of the surroundings"].set_value(True)
    boxes = {box.label: box for box in app.selectbox}
    boxes["Tokens of an encoder"].set_value("texture")
    boxes["Smooth the class maps"].set_value("majority")
    app.run()
    assert "Side of the window (pixels, odd)" in [box.label for box in app.number_input]
    table = click_run()
    assert table["features"]["extras"] == [*CONTEXT, "tokens:texture"]
    assert table["regularisation"] == {"regularisation": "majority", "window": 7}


def test_buttons__job_waits_for_other_jobs_of_the_workspace(ready, monkeypatch):
    calls = []
    monkeypatch.setattr(Board, "start", lambda *args, **more: calls.append((args, more)))
    app = open_page(ready, "land_cover_models", monkeypatch)
    next(button for button in app.button if button.label == "Run this model").click().run()
    ((_, key, *_), options) = calls[0]
    assert options["group"] == job_prefix(ready.demo)
    assert key.startswith(options["group"])


def test_downloads__carry_citation_and_licence(ready, monkeypatch):
    downloads = []
    monkeypatch.setattr("streamlit.download_button", lambda *args, **_: downloads.append(args))
    for page, name, view in ALL:
        open_page(ready, page, monkeypatch, **{name: view})
    tables = {args[2]: args[1]() for args in downloads if args[2].endswith(".csv")}
    assert {"land-cover-classes.csv", "flair-runs.csv", "flair-grid.csv"} <= tables.keys()
    for text in tables.values():
        last = text.decode().strip().splitlines()[-1]
        assert last.startswith("# This is a synthetic data set")
        assert "Garioud" in last
        assert "Etalab" in last


def test_models__sliders_cut_the_stored_tree(ready, monkeypatch):
    few, many = (
        open_page(
            ready, "land_cover_models", monkeypatch, **{"model view": "tree", "cut size": size}
        )
        for size in (100, 5)
    )
    clusters = [int(app.metric[0].value) for app in (few, many)]
    assert clusters[0] < clusters[1]
    assert few.metric[4].value != many.metric[4].value


def test_inspector__lists_the_prediction_of_each_mapped_model(ready, monkeypatch):
    app = open_page(ready, "land_cover_pixels", monkeypatch)
    assert len(app.dataframe[0].value) == 2
    assert "Nearest voting pixels" in texts(app)


def test_inspector__entered_pixel_values_are_classified(ready, monkeypatch):
    app = open_page(ready, "land_cover_pixels", monkeypatch)
    before = texts(app)
    app.number_input[0].set_value(255 if app.number_input[0].value < 128 else 0).run()
    assert not app.exception
    assert texts(app) != before


def test_grid__excludes_runs_with_other_dates(tmp_path, monkeypatch):
    home = Workspace(tmp_path)
    ensure_land_cover(home.demo, 3)
    fused = FeatureSpec(fusion=True)
    other = StudySettings(dates=SentinelSettings(cover=0.01))
    StudyRun(Study(home.demo, other), KNN, fused).make(CELLS)
    study = Study(home.demo, StudySettings())
    aerial = CELLS.open(StudyRun(study, KNN, PLAIN).make(CELLS))
    app = open_page(home, "land_cover_models", monkeypatch, **{"model view": "grid"})
    assert not app.exception
    assert "have been run: 1 of 24" in texts(app)
    table = app.dataframe[0].value.dropna(subset="mIoU")
    assert table["Configuration"].tolist() == ["kNN, aerial, O"]
    assert "Evaluated patches" not in table
    expected = CELLS.open(StudyRun(study, KNN, fused).make(CELLS))
    assert expected.scores.miou != aerial.scores.miou
    app = open_page(home, "land_cover_models", monkeypatch, **{"model view": "grid"})
    table = app.dataframe[0].value.dropna(subset="mIoU").set_index("Configuration")
    assert table.loc["kNN, aerial + Sentinel, O", "mIoU"] == round(expected.scores.miou, 4)


def test_first_use__without_data_offers_synthetic_data(tmp_path, monkeypatch):
    app = open_own_data_page(tmp_path, monkeypatch)
    assert not app.exception
    assert "no land cover data in this workspace" in texts(app)
    assert "This uses the network" in texts(app)
    labels = [button.label for button in app.button]
    assert "Generate a synthetic data set of 12 patches" in labels
    assert "Download the toy set" in labels


def test_data__folder_without_flair_images_is_explained(tmp_path, monkeypatch):
    (tmp_path / "flair" / "something").mkdir(parents=True)
    app = open_own_data_page(tmp_path, monkeypatch)
    assert not app.exception
    assert "no folder of FLAIR's aerial images" in app.error[0].value.replace("\\", "")


def open_own_data_page(root: Path, monkeypatch) -> AppTest:
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(root))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=SECONDS)
    app.session_state["cs.workspace"] = "mine"
    app.run()
    return app.switch_page("../pages/land_cover_data.py").run()


def test_models__season_of_the_sentinel_series(ready, monkeypatch):
    tables = []
    monkeypatch.setattr(Board, "start", lambda *_, **__: None)
    monkeypatch.setattr(
        "app.land_cover.land_jobs.write_atomically",
        lambda path, text: tables.append(tomllib.loads(text)) or path,
    )
    app = open_page(ready, "land_cover_models", monkeypatch)

    def choices():
        return {group.label: group for group in app.button_group}

    assert "Season" not in [box.label for box in app.selectbox]
    labels = {toggle.label: toggle for toggle in app.toggle}
    labels["Add Sentinel to the aerial bands"].set_value(True).run()
    {box.label: box for box in app.selectbox}["Season"].set_value("months").run()
    choices()["Values of Sentinel at a pixel"].set_value("smooth").run()
    next(button for button in app.button if button.label == "Run this model").click().run()
    assert not app.exception
    features = tables[-1]["features"]
    assert (features["season"], features["interpolation"]) == ("months", "smooth")


def test_inspector__run_with_seasonal_indices_predicts_the_pixel(tmp_path, monkeypatch):
    home = Workspace(tmp_path)
    ensure_land_cover(home.demo, 3)
    study = Study(home.demo, StudySettings())
    spec = FeatureSpec(fusion=True, season="indices", interpolation="smooth")
    StudyRun(study, KNN, spec).make(CLASS_MAPS)
    StudyRun(study, KNN, spec).make(CELLS)
    app = open_page(home, "land_cover_pixels", monkeypatch)
    assert not app.exception
    assert "The 55 values of the time series (mean and seasonal indices)" in texts(app)
    assert "Nearest voting pixels" in texts(app)
