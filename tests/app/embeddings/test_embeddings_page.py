"""The Embeddings page: encoders are chosen, measured, compared and described."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from huggingface_hub import constants
from streamlit.testing.v1 import AppTest

from app.embeddings import comparison_tables, encoder_cards, encoder_form
from app.session import jobs
from app.session.saved_settings import load_settings, save_settings
from core.embeddings.cost_estimate import CostEstimate
from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import encoder_card
from core.pipeline.encoders import encoder_costs
from core.pipeline.encoders.encoder_comparison import compare_encoders
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings, RunSettings

ROOT = Path(__file__).resolve().parents[3]
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def requested_jobs(monkeypatch):
    """The workspace, title and command of the jobs that pages request; none is started."""
    requests = []
    monkeypatch.setattr(jobs, "start_job", lambda *arguments, **_: requests.append(arguments))
    return requests


def open_page() -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    return app.switch_page("../pages/embeddings.py").run()


def by_label(elements, label):
    return next(element for element in elements if element.label == label)


def requested_settings(app: AppTest, workspace: Workspace) -> RunSettings:
    return app.session_state[f"cs.settings:{workspace.root}"]["wanted"]


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def texts(app: AppTest) -> str:
    elements = [*app.caption, *app.info, *app.warning, *app.markdown]
    return " ".join(str(element.value) for element in elements).replace("\\", "")


def cut_view(workspace, settings):
    return run_pipeline(workspace, settings, until="chips").view


def test_cards__have_all_facts_of_the_encoder(home):
    app = open_page()
    assert not app.exception
    page = html(app)
    assert page.count("<article>") == len(encoder_cards.encoder_titles()) == 13
    assert page.count("needs weights") == 11
    file = home.weights / "resnet50" / "model.safetensors"
    card = encoder_card("resnet50")
    url = f"https://huggingface.co/{card.hub_id}/resolve/{card.revision}/{card.weights_file}"
    assert f"Download {url} to {file}" in page
    for text in (card.licence, card.source, card.revision, card.paper, "2048 numbers"):
        assert text in page
    assert "mean 0.433, 0.436, 0.407; std 0.198, 0.193, 0.195" in page
    ready, *_ = page.split("needs weights")
    assert ready.count("not measured yet") == 2


def test_cards__text_of_other_packages_is_escaped():
    card = EncoderCard(EVIL, EVIL, EVIL, dim=3, licence=EVIL, source=EVIL, paper=EVIL)
    assert "<img" not in encoder_cards.card_html(card, EVIL, EVIL)
    assert "<img" not in encoder_cards.card_html(card, "", EVIL)


def test_measure__starts_a_job_and_displays_its_result(home, requested_jobs, monkeypatch):
    estimate = CostEstimate(36, 2.22, 27_000_000, 1157.4, 320, 36)
    cost = encoder_costs.EncoderCost("texture", True, "", estimate)
    monkeypatch.setattr(encoder_costs, "_try_in_process", lambda *_: cost)
    app = open_page()
    by_label(app.button, "Measure").click().run()
    ((workspace, title, command),) = requested_jobs
    assert (workspace.root, title) == (home.root, "Measuring encoders")
    assert command[command.index("--encoders") + 1] == "texture,colour"
    settings = requested_settings(app, home)
    chips = run_pipeline(home, settings, until="chips").chips
    encoder_costs.measure_encoder_cost(home, chips, settings.embed, "texture")
    app.run()
    assert "per second, measured on 36)" in html(app)
    assert "Measured: about" in texts(app)


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (
            CostEstimate(861, 2.22, 27_000_000, 1157.4, 320, 64),
            "about 2.2 s and 27 MB for 861 chips",
        ),
        (CostEstimate(861, 2.22, 2_700_000_000, 1157.4, 320, 64), "and 2.7 GB for 861 chips"),
    ],
)
def test_describe_cost__has_units(estimate, text):
    assert text in encoder_cards.describe_cost(estimate).replace("\u00a0", " ")


def test_form__two_encoders_can_be_joined(home):
    app = open_page()
    by_label(app.selectbox, "Joined with").set_value("colour").run()
    assert requested_settings(app, home).embed.encoder == "texture+colour"
    assert "use your previous settings (encoder: texture)" in texts(app).replace("**", "")
    app.switch_page("../pages/chips.py").run()
    app.switch_page("../pages/embeddings.py").run()
    assert by_label(app.selectbox, "Joined with").value == "colour"
    by_label(app.selectbox, "Joined with").set_value("texture").run()
    assert "Joining an encoder with itself" in texts(app)
    assert requested_settings(app, home).embed.encoder == "texture"


def test_form__settings_of_networks(home):
    app = open_page()
    size = by_label(app.number_input, "Input size (px)")
    assert size.disabled
    by_label(app.selectbox, "Encoder").set_value("dinov2-small").run()
    size = by_label(app.number_input, "Input size (px)")
    assert not size.disabled
    size.set_value(112).run()
    by_label(app.selectbox, "Bands used by the encoder").set_value("triples").run()
    by_label(app.button_group, "Precision").set_value("full").run()
    settings = requested_settings(app, home).embed
    assert (settings.input_size, settings.bands_rule, settings.precision) == (
        112,
        "triples",
        "full",
    )
    assert "The three bands of these chips are used." in texts(app)


def test_form__keeps_an_encoder_from_a_settings_file(home):
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    drawer = app.session_state[f"cs.settings:{home.root}"]
    changed = dataclasses.replace(drawer["wanted"].embed, encoder="texture+colour+resnet50")
    drawer["wanted"] = dataclasses.replace(drawer["wanted"], embed=changed)
    app.switch_page("../pages/embeddings.py").run()
    assert not app.exception
    assert by_label(app.selectbox, "Encoder").value == "texture+colour+resnet50"
    assert drawer["wanted"].embed.encoder == "texture+colour+resnet50"


@pytest.mark.parametrize(
    ("n_bands", "rule", "text"),
    [
        (1, "first", "the single band is repeated as red, green and blue"),
        (5, "first", "the encoder takes three bands, but the chips have 5"),
        (5, "triples", "band 1, band 2, band 3; band 3, band 4, band 5"),
    ],
)
def test_form__describes_the_bands_unless_there_are_three(
    computed, tmp_path, monkeypatch, n_bands, rule, text
):
    workspace = Workspace.at(tmp_path / "other")
    workspace.raw.mkdir(parents=True)
    with rasterio.open(computed.raw / "quay.tif") as scene:
        values = np.resize(scene.read(), (n_bands, 300, 300))
        profile = scene.profile | {"count": n_bands, "photometric": "MINISBLACK"}
    with rasterio.open(workspace.raw / "quay.tif", "w", **profile) as scene:
        scene.write(values)
    (workspace.raw / "quay.geojson").write_bytes((computed.raw / "quay.geojson").read_bytes())
    run_pipeline(workspace, RunSettings(), until="chips")
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(workspace.root))
    app = open_page()
    by_label(app.selectbox, "Encoder").set_value("resnet50").run()
    by_label(app.selectbox, "Bands used by the encoder").set_value(rule).run()
    assert not app.exception
    assert text in texts(app)


def test_fit_notes__are_displayed(monkeypatch):
    counts = {"notes": [f"texture: {EVIL} is repeated"], "chips": 36}
    artifact = SimpleNamespace(counts=counts, manifest={"seconds": 1.5})
    displayed = []
    monkeypatch.setattr(encoder_form.st, "info", displayed.append)
    monkeypatch.setattr(encoder_form.st, "caption", displayed.append)
    encoder_form.fit_notes(SimpleNamespace(artifacts={"embeddings": (artifact, artifact)}))
    assert displayed[0].replace("\u00a0", " ") == "36 chips embedded in 3 s."
    assert displayed[1].startswith("Texture")
    assert r"\<img" in displayed[1]


def test_compare__table_after_pressing_the_button(home, requested_jobs):
    app = open_page()
    chooser = app.multiselect[0]
    assert chooser.value == ["texture"]
    assert "No encoders have been compared" in texts(app)
    chooser.set_value(["texture", "texture+colour"]).run()
    by_label(app.button, "Compare").click().run()
    (*_, command) = requested_jobs[0]
    assert command[command.index("--encoders") + 1] == "texture,texture+colour"
    assert "--property=class" in command
    settings = requested_settings(app, home)
    encoders = ["texture", "texture+colour"]
    scored = compare_encoders(cut_view(home, settings), encoders, "class")
    app.run()
    assert by_label(app.button, "Compared").disabled
    page = html(app)
    # Two tables with a head and two encoders and the control in each.
    assert page.count("<tr>") == 8
    assert page.count("Simple colour (control)") == 2
    assert "Texture and colour statistics + Simple colour" in page
    assert f"{scored[0].scores.nmi_gmm:.2f}" in page
    # There is only one scene, so no score across scenes is known.
    assert page.count("not known") == 3
    assert "No class occurs in two scenes" in texts(app)
    assert "is better than" in texts(app) or "The data cannot tell" in texts(app)
    for measure in (*comparison_tables.SCORES, *comparison_tables.INPUT):
        assert f"<dt>{measure.heading}</dt>" in page


def test_form__compared_encoder_is_up_to_date(home):
    app = open_page()
    settings = requested_settings(app, home)
    compare_encoders(cut_view(home, settings), ["colour"], "class")
    by_label(app.selectbox, "Encoder").set_value("colour").run()
    assert by_label(app.button, "Up to date").disabled
    assert "previous settings" not in texts(app)
    links = [link.proto.label for link in app.get("page_link")]
    assert "Update the plot, which shows the former result" in links


def test_compare__attribute_with_a_class_per_chip(home, requested_jobs):
    app = open_page()
    by_label(app.selectbox, "Class attribute").set_value("number").run()
    assert not app.exception
    assert "No encoders have been compared" in texts(app)


TABLE = pd.DataFrame(
    {
        "Encoder": ["a", EVIL, "c"],
        "5-NN": [0.801, 0.804, 0.7],
        "5-NN, lower limit": [0.755, None, 0.6],
        "5-NN, upper limit": [0.852, None, 0.8],
        "5-NN across blocks": [0.7, 0.6, None],
        "5-NN across blocks, lower limit": [None, None, None],
        "5-NN across blocks, upper limit": [None, None, None],
        "5-NN across scenes": [None, None, None],
        "5-NN across scenes, lower limit": [None, None, None],
        "5-NN across scenes, upper limit": [None, None, None],
        "NMI of GMM": [0.1, 0.3, 0.2],
        "NMI of HDBSCAN": [0.1, None, 0.2],
        "Silhouette": [-0.2, -0.1, -0.3],
        "Input size": [64, 64, 224],
        "Normalised by": ["chips", "none", EVIL],
        "Dimensions": [320, 1024, 7],
        "Chips per second": [300.4, None, 20.0],
        "Seconds": [3.0, 2.0, 9.0],
    }
)


def test_best_rows__compare_rounded_values():
    assert comparison_tables.best_rows(TABLE) == {
        "5-NN": {0, 1},
        "5-NN across blocks": {0},
        "NMI of GMM": {1},
        "NMI of HDBSCAN": {2},
        "Silhouette": {1},
        "Chips per second": {0},
        "Seconds": {1},
    }


def test_scores_html__marks_the_best_and_escapes_names():
    page = comparison_tables.scores_html(TABLE, comparison_tables.SCORES)
    assert page.count("<b>") == 6
    assert "<b>0.80</b><small>0.76 to 0.85</small>" in page
    assert page.count("<small>") == 2
    assert "<img" not in page
    assert page.count("not known") == 5
    page = comparison_tables.scores_html(TABLE, comparison_tables.INPUT)
    assert "<td>1024</td>" in page
    assert "<td>64 px</td>" in page
    assert "<b>300</b>" in page
    assert page.count("<b>") == 2
    assert "<img" not in page


def test_scores__of_embeddings_need_no_clusters(with_scene):
    workspace = with_scene(24)
    run_pipeline(workspace, RunSettings(), until="embeddings")
    app = open_page()
    assert not app.exception
    values = {metric.label: metric.value for metric in app.metric}
    assert float(values["Balanced accuracy"]) > 0.8
    assert "ARI" not in values
    assert "These embeddings have no clusters yet" in texts(app)


def test_refit__offered_after_scenes_were_added(with_scene, requested_jobs):
    workspace = with_scene(24)
    run_pipeline(workspace, RunSettings(), until="embeddings")
    assert not [button for button in open_page().button if button.label == "Fit again"]
    for file in sorted(workspace.raw.iterdir()):
        shutil.copy(file, file.with_stem("pier"))
    run_pipeline(workspace, RunSettings(), until="embeddings")
    app = open_page()
    assert "fitted to 1 of 2 scenes" in texts(app)
    by_label(app.button, "Fit again").click().run()
    (*_, command) = requested_jobs[0]
    settings_file = Path(command[command.index("--settings") + 1])
    assert "refit = true" in settings_file.read_text()
    refit = RunSettings(embed=EmbedSettings(refit=True))
    run_pipeline(workspace, refit, until="embeddings")
    assert "is fitted to" not in texts(open_page())


def test_raster__its_path_is_part_of_the_encoder(home, make_scene, tmp_path):
    transform = Affine(10, 0, 691_900, 0, -10, 4_796_100)
    path = make_scene("r.tif", bands=4, dtype="float32", transform=transform, folder=tmp_path)
    app = open_page()
    by_label(app.selectbox, "Encoder").select("raster:").run()
    assert not app.exception
    assert "Enter the path of a GeoTIFF, a VRT or a folder of GeoTIFFs." in texts(app)
    assert "raster:" not in texts(app)
    assert not app.error
    assert by_label(app.button, "Update the embeddings").disabled
    assert "Embed the chips" not in [button.label for button in app.button]
    assert "Joined with" not in [element.label for element in app.selectbox]
    field = "Raster of embeddings"
    by_label(app.text_input, field).input(str(tmp_path / "missing.tif")).run()
    assert "missing.tif: there is no such file or folder" in texts(app)
    by_label(app.text_input, field).input(f" {path} ").run()
    assert not app.exception
    assert "there is no such file" not in texts(app)
    assert not by_label(app.button, "Update the embeddings").disabled
    assert requested_settings(app, home).embed.encoder == f"raster:{path}"
    by_label(app.checkbox, "Mean and deviation").check().run()
    assert requested_settings(app, home).embed.encoder == f"raster-deviation:{path}"
    compared = by_label(app.multiselect, "Encoders that are ready, alone or joined in pairs")
    assert "Raster of embeddings: mean and deviation of r.tif" in compared.options


def test_raster__is_joined_after_another_encoder(home, tmp_path):
    app = open_page()
    by_label(app.selectbox, "Joined with").select("raster:").run()
    by_label(app.text_input, "Raster of embeddings").input("/data/a+b").run()
    assert not app.exception
    assert requested_settings(app, home).embed.encoder == "texture+raster:/data/a+b"
    app.switch_page("../pages/chips.py").run()
    app.switch_page("../pages/embeddings.py").run()
    assert by_label(app.selectbox, "Encoder").value == "texture"
    assert by_label(app.selectbox, "Joined with").value == "raster:"
    assert by_label(app.text_input, "Raster of embeddings").value == "/data/a+b"


def test_raster__notes_on_each_scene_are_displayed(home, make_scene, tmp_path):
    # The raster ends in the middle of the scene.
    transform = Affine(10, 0, 692_000, 0, -10, 4_796_000)
    size = {"bands": 4, "height": 15, "width": 7, "dtype": "float32"}
    path = make_scene("r.tif", transform=transform, folder=tmp_path, **size)
    settings = dataclasses.replace(
        load_settings(home), embed=EmbedSettings(encoder=f"raster:{path}")
    )
    run_pipeline(home, settings, until="embeddings")
    save_settings(home, settings)
    page = texts(open_page())
    assert "Means of 4 bands of r.tif under each footprint" in page
    assert "18 of 36 chips of quay lie outside the raster or on nodata" in page
