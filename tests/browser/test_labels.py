"""The Labels page: label chips with the mouse and with the keyboard alone."""

import json
import re

import numpy as np
import pytest
import rasterio
from affine import Affine
from playwright.sync_api import expect

from app.session.saved_settings import save_settings
from core.pipeline.labels.label_file import load_labels
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import GmmSettings, RunSettings
from tests.browser.test_page_access import find_problems

pytestmark = pytest.mark.browser

N = 36


@pytest.fixture(scope="module")
def yard(serve, tmp_path_factory):
    """A server on a scene of 36 squares of two colours, with clusters."""
    workspace = Workspace.at(tmp_path_factory.mktemp("yard"))
    workspace.raw.mkdir()
    rng, transform = np.random.default_rng(3), Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
    pixels, features = rng.normal(90, 20, (3, 300, 300)), []
    for i in range(N):
        x, y, side = 10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3
        pixels[i % 2, y : y + side, x : x + side] += 60
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
        geometry = {"type": "Polygon", "coordinates": [[list(transform @ c) for c in corners]]}
        properties = {"class": ("boat", "shed")[i % 2]}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 300, "height": 300}
    profile |= {"crs": "EPSG:32631", "transform": transform}
    with rasterio.open(workspace.raw / "yard.tif", "w", **profile) as scene:
        scene.write(pixels.clip(0, 255).astype("uint8"))
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    document = {"type": "FeatureCollection", "crs": crs, "features": features}
    (workspace.raw / "yard.geojson").write_text(json.dumps(document))
    settings = RunSettings(gmm=GmmSettings(n_components=2, n_init=1))
    run_pipeline(workspace, settings, until="clusters")
    save_settings(workspace, settings)
    return serve(workspace.root), workspace


@pytest.fixture
def labeller(yard, visit):
    """A visitor on Labels, of a workspace without labels."""
    server, workspace = yard
    (workspace.results / "labels.json").unlink(missing_ok=True)
    visitor = visit(server)
    visitor.go("labels")
    expect(visitor.page.get_by_text(f"0 of {N} chips labelled")).to_be_visible()
    return visitor, workspace


def count_is(page, n):
    expect(page.get_by_text(f"{n} of {N} chips labelled")).to_be_visible()


def displayed_chip(visitor, former=None):
    """Return the id of the chip to label; waits until it is another one than before."""
    image = visitor.page.get_by_role("main").get_by_role("img").first
    if former:
        expect(image).not_to_have_attribute("alt", re.compile(re.escape(former)))
        visitor.wait_until_idle()
    return image.get_attribute("alt").split(", ")[-1]


def test_labels__with_the_mouse(labeller):
    visitor, workspace = labeller
    page = visitor.page
    for n, name in enumerate(("boat", "shed"), 1):
        page.get_by_role("textbox", name="New label").fill(name)
        page.keyboard.press("Enter")
        count_is(page, n)
    page.get_by_role("button", name="boat").click()
    count_is(page, 3)
    page.get_by_role("button", name="Undo").click()
    count_is(page, 2)
    page.get_by_role("button", name="Redo").click()
    count_is(page, 3)
    expect(page.get_by_text("Suggestion:")).to_be_visible()
    assert sorted(load_labels(workspace).labels().values()) == ["boat", "boat", "shed"]

    page.get_by_role("radio", name="Suggestions").click()
    gallery = page.get_by_role("group", name="Suggestions").get_by_role("button")
    chip = gallery.first.get_attribute("data-chip")
    gallery.first.click()
    expect(page.get_by_text("The chip that you picked")).to_be_visible()
    page.get_by_role("button", name="shed").first.click()
    count_is(page, 4)
    assert load_labels(workspace).labels()[chip] == "shed"

    expect(page.get_by_text("The most confident suggestion")).to_be_visible()
    problems = find_problems(visitor)

    page.get_by_role("radio", name="Doubtful labels").click()
    expect(page.get_by_text("fit another label better")).to_be_visible()
    page.get_by_role("radio", name="Near-duplicates").click()
    page.get_by_role("button", name="Compare the chips").click()
    expect(page.get_by_text("of near-duplicates, ")).to_be_visible()
    assert problems + find_problems(visitor) == []
    assert not visitor.exceptions()
    assert not visitor.alerts()


def test_labels__with_the_keyboard_alone(labeller):
    visitor, workspace = labeller
    page = visitor.page
    field = page.get_by_role("textbox", name="New label")
    for _ in range(60):
        page.keyboard.press("Tab")
        if field.evaluate("e => e === document.activeElement"):
            break
    else:
        pytest.fail("the Tab key does not reach the field of the label")
    chips = [displayed_chip(visitor)]
    for n, name in enumerate(("boat", "shed"), 1):
        page.keyboard.type(name)
        page.keyboard.press("Enter")
        count_is(page, n)
        expect(field).to_have_value("")
        chips.append(displayed_chip(visitor, chips[-1]))
    page.keyboard.press("Tab")
    for n, key in enumerate("121", 3):
        page.keyboard.press(key)
        count_is(page, n)
        chips.append(displayed_chip(visitor, chips[-1]))
    page.keyboard.press("u")
    count_is(page, 4)
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    # A button listens to its key a moment after it can be clicked.
    visitor.wait_until_idle()
    page.keyboard.press("y")
    count_is(page, 5)
    visitor.wait_until_idle()
    assert displayed_chip(visitor) == chips[-1]
    page.keyboard.press("s")
    displayed_chip(visitor, chips[-1])
    history = load_labels(workspace)
    names = ["boat", "shed", "boat", "shed", "boat"]
    assert history.labels() == dict(zip(chips, names, strict=False))
    assert history.skipped_chips() == {chips[-1]}
    assert not visitor.exceptions()
