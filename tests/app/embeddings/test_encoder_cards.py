"""The page Embeddings: encoders chosen, measured, compared and told."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from huggingface_hub import constants
from streamlit.testing.v1 import AppTest

from app.embeddings import comparison_table, encoder_cards
from app.session import stage_jobs
from core.embeddings.cost_estimate import Estimate
from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import card
from core.pipeline.encoders import encoder_costs
from core.pipeline.encoders.encoder_comparison import compare_encoders
from core.pipeline.run import run
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, RunSettings

ROOT = Path(__file__).resolve().parents[3]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def asked(monkeypatch):
    """The commands of jobs that pages asked for; none is started."""
    commands = []
    monkeypatch.setattr(stage_jobs, "_start", lambda *given: commands.append(given))
    return commands


def opened() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    return app.switch_page("../pages/embeddings.py").run()


def by_label(elements, label):
    return next(one for one in elements if one.label == label)


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def words(app: AppTest) -> str:
    elements = [*app.caption, *app.info, *app.warning, *app.markdown]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def chips_of(home, settings):
    return run(home, settings, until="chips").chips


def test_cards__each_says_all_that_people_ask(home):
    app = opened()
    assert not app.exception
    page = html(app)
    assert page.count("<article>") == len(encoder_cards.titles()) == 12
    assert page.count("needs a file") == 10
    place = home.weights / "resnet50" / "model.safetensors"
    needed = card("resnet50")
    url = f"https://huggingface.co/{needed.hub_id}/resolve/{needed.revision}/{needed.weights_file}"
    assert f"Bring {url} to {place}" in page
    for told in (needed.licence, needed.source, needed.revision, needed.paper, "2048 numbers"):
        assert told in page
    assert "mean 0.433, 0.436, 0.407; std 0.198, 0.193, 0.195" in page
    ready, *_ = page.split("needs a file")
    assert ready.count("not measured yet") == 2


def test_cards__of_another_package_are_never_markup():
    card = EncoderCard(EVIL, EVIL, EVIL, dim=3, licence=EVIL, source=EVIL, paper=EVIL)
    assert "<img" not in encoder_cards._card(card, EVIL, EVIL)
    assert "<img" not in encoder_cards._card(card, "", EVIL)


def test_measure__asks_for_a_job_and_shows_what_it_found(home, asked, monkeypatch):
    took = Estimate(36, 2.22, 27_000_000, 1157.4, 320, 36)
    monkeypatch.setattr(
        encoder_costs, "_tried", lambda name, _: encoder_costs.Outlook(name, True, "", took)
    )
    app = opened()
    by_label(app.button, "Measure").click().run()
    ((place, _, title, command),) = asked
    assert (place.root, title) == (home.root, "Measuring encoders")
    assert command[command.index("--encoders") + 1] == "texture,rcf"
    settings = app.session_state[f"cs.settings:{home.root}"]["wanted"]
    chips = chips_of(home, settings)
    encoder_costs.outlook(home, chips, settings.embed, "texture")
    app.run()
    assert "a second, measured on 36)" in html(app)
    assert "Measured: about" in words(app)


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        (Estimate(861, 2.22, 27_000_000, 1157.4, 320, 64), "about 2.2 s and 27 MB for 861 chips"),
        (Estimate(861, 2.22, 2_700_000_000, 1157.4, 320, 64), "and 2.7 GB for 861 chips"),
    ],
)
def test_cost__has_units(measured, told):
    assert told in encoder_cards.cost(measured).replace("\u00a0", " ")


def test_form__two_joined_is_a_choice(home):
    app = opened()
    by_label(app.selectbox, "Joined with").set_value("rcf").run()
    wanted = app.session_state[f"cs.settings:{home.root}"]["wanted"].embed
    assert wanted.encoder == "texture+rcf"
    assert "before your changes (encoder: texture)" in words(app).replace("**", "")
    app.switch_page("../pages/chips.py").run()
    app.switch_page("../pages/embeddings.py").run()
    assert by_label(app.selectbox, "Joined with").value == "rcf"
    by_label(app.selectbox, "Joined with").set_value("texture").run()
    assert "joined with itself" in words(app)
    assert app.session_state[f"cs.settings:{home.root}"]["wanted"].embed.encoder == "texture"


def test_form__settings_of_networks(home):
    app = opened()
    size = by_label(app.number_input, "Input size (px)")
    assert size.disabled
    by_label(app.selectbox, "Encoder").set_value("dinov2-small").run()
    size = by_label(app.number_input, "Input size (px)")
    assert not size.disabled
    size.set_value(112).run()
    by_label(app.selectbox, "Bands the encoder sees").set_value("triples").run()
    by_label(app.button_group, "Precision").set_value("full").run()
    wanted = app.session_state[f"cs.settings:{home.root}"]["wanted"].embed
    assert (wanted.input_size, wanted.bands_rule, wanted.precision) == (112, "triples", "full")
    assert "These chips have three bands, which are taken as they are." in words(app)


def test_form__encoders_of_a_settings_file_that_it_cannot_show(home):
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    drawer = app.session_state[f"cs.settings:{home.root}"]
    changed = dataclasses.replace(drawer["wanted"].embed, encoder="texture+rcf+resnet50")
    drawer["wanted"] = dataclasses.replace(drawer["wanted"], embed=changed)
    app.switch_page("../pages/embeddings.py").run()
    assert not app.exception
    assert by_label(app.selectbox, "Encoder").value == "texture+rcf+resnet50"
    assert drawer["wanted"].embed.encoder == "texture+rcf+resnet50"


@pytest.mark.parametrize(
    ("bands", "rule", "told"),
    [
        (1, "first", "the single band is repeated as red, green and blue"),
        (5, "first", "the encoder takes three bands, the chips have 5"),
        (
            5,
            "triples",
            "the 5 bands run in triples, joined: band 1, band 2, band 3; band 3, band 4, band 5",
        ),
    ],
)
def test_form__bands_that_are_not_three_are_said(
    computed, tmp_path, monkeypatch, bands, rule, told
):
    place = Workspace.at(tmp_path / "other")
    place.raw.mkdir(parents=True)
    with rasterio.open(computed.raw / "quay.tif") as scene:
        values = np.resize(scene.read(), (bands, 300, 300))
        profile = scene.profile | {"count": bands, "photometric": "MINISBLACK"}
    with rasterio.open(place.raw / "quay.tif", "w", **profile) as scene:
        scene.write(values)
    (place.raw / "quay.geojson").write_bytes((computed.raw / "quay.geojson").read_bytes())
    run(place, app_settings(), until="chips")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(place.root))
    app = opened()
    by_label(app.selectbox, "Encoder").set_value("resnet50").run()
    by_label(app.selectbox, "Bands the encoder sees").set_value(rule).run()
    assert not app.exception
    assert told in words(app)


def app_settings():
    from core.settings import RunSettings

    return RunSettings()


def test_notes__of_the_fit_are_shown(home, monkeypatch):
    class Made:
        counts = {"notes": [f"texture: {EVIL} is repeated"], "chips": 36}  # noqa: RUF012
        manifest = {"seconds": 1.5}  # noqa: RUF012

    shown = []
    monkeypatch.setattr(encoder_cards.st, "info", shown.append)
    monkeypatch.setattr(encoder_cards.st, "caption", shown.append)

    class Ready:
        artifacts = {"embeddings": (Made, Made)}  # noqa: RUF012

    encoder_cards.notes(Ready)
    assert shown[0].replace("\u00a0", " ") == "36 chips embedded in 3 s."
    assert shown[1].startswith("Texture")
    assert r"\<img" in shown[1]


def test_compare__button_then_table(home, asked):
    app = opened()
    chooser = app.multiselect[0]
    assert chooser.value == ["texture", "rcf"]
    assert "Nothing is compared yet" in words(app)
    chooser.set_value(["texture", "texture+rcf"]).run()
    by_label(app.button, "Compare").click().run()
    (*_, command) = asked[0]
    assert command[command.index("--encoders") + 1] == "texture,texture+rcf"
    assert "--property=class" in command
    settings = app.session_state[f"cs.settings:{home.root}"]["wanted"]
    found = compare_encoders(
        home, chips_of(home, settings), settings, ["texture", "texture+rcf"], "class"
    )
    app.run()
    assert by_label(app.button, "Compared").disabled
    page = html(app)
    assert page.count("<tr>") == 3
    assert "Texture and colour statistics + Random convolutional features" in page
    assert f"{found[0].scores.nmi_gmm:.2f}" in page
    # One scene: nothing is known across scenes, and it is said.
    assert page.count("not known") == 2
    assert "No class lies in two scenes" in words(app)
    for measure in comparison_table.MEASURES:
        assert f"<dt>{measure.heading}</dt>" in page


def test_form__what_was_compared_is_there_at_once(home):
    app = opened()
    settings = app.session_state[f"cs.settings:{home.root}"]["wanted"]
    compare_encoders(home, chips_of(home, settings), settings, ["rcf"], "class")
    by_label(app.selectbox, "Encoder").set_value("rcf").run()
    assert by_label(app.button, "Up to date").disabled
    assert "before your changes" not in words(app)


def test_compare__property_that_sorts_nothing(home, asked):
    app = opened()
    by_label(app.selectbox, "Property to judge by").set_value("number").run()
    assert not app.exception
    assert "Nothing is compared yet" in words(app)


TABLE = pd.DataFrame(
    {
        "Encoder": ["a", EVIL, "c"],
        "5-NN": [0.801, 0.804, 0.7],
        "5-NN across scenes": [None, None, None],
        "NMI of GMM": [0.1, 0.3, 0.2],
        "NMI of HDBSCAN": [0.1, None, 0.2],
        "Silhouette": [-0.2, -0.1, -0.3],
        "Seconds": [3.0, 2.0, 9.0],
        "Numbers a chip": [320, 1024, 7],
    }
)


def test_best__of_each_column_as_far_as_the_digits_tell():
    assert comparison_table.best(TABLE) == {
        "5-NN": {0, 1},
        "NMI of GMM": {1},
        "NMI of HDBSCAN": {2},
        "Silhouette": {1},
        "Seconds": {1},
    }


def test_markup__marks_the_best_and_escapes_names():
    page = comparison_table.markup(TABLE)
    assert page.count("<b>") == 6
    assert "<b>0.80</b>" in page
    assert "<img" not in page
    assert page.count("not known") == 4
    assert "<td>1024</td>" in page


def test_scores__of_embeddings_need_no_clusters(with_scene):
    place = with_scene(24)
    run(place, RunSettings(), until="embeddings")
    app = opened()
    assert not app.exception
    values = {metric.label: metric.value for metric in app.metric}
    assert float(values["Balanced accuracy"]) > 0.8
    assert "ARI" not in values
    assert "no clusters of these embeddings yet" in words(app)


def test_refit__offered_where_scenes_were_added(with_scene, asked):
    place = with_scene(24)
    run(place, RunSettings(), until="embeddings")
    assert not [one for one in opened().button if one.label == "Learn anew"]
    for file in sorted(place.raw.iterdir()):
        shutil.copy(file, file.with_stem("pier"))
    run(place, RunSettings(), until="embeddings")
    app = opened()
    assert "comes from 1 of 2 scenes" in words(app)
    by_label(app.button, "Learn anew").click().run()
    command = [str(word) for word in asked[0][3]]
    settings = command[command.index("--settings") + 1]
    assert "refit = true" in Path(settings).read_text()
    anew = RunSettings(embed=EmbedSettings(refit=True))
    run(place, anew, until="embeddings")
    assert "comes from" not in words(opened())
