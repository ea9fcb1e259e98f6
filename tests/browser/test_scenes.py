"""Imports, grids and screening in the browser, starting from an empty folder."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

WAIT = 60_000
JOBS = 240_000
TRANSFORM = Affine(0.5, 0, 692_000, 0, -0.5, 4_796_000)
N = 36


def textured_pixels(blank: tuple[int, ...] = ()) -> np.ndarray:
    """Return 300 x 300 px with 36 squares of three textures; those in `blank` are covered."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(90, 6, (3, 300, 300))
    for i in range(N):
        x, y, side = square(i)
        pixels[i % 3, y : y + side, x : x + side] += 60 * (1 + np.arange(side) // 2 % 2)
        if i in blank:
            pixels[:, y - 8 : y + 38, x - 8 : x + 38] = 99
    return pixels.clip(0, 255).astype("uint8")


def square(i: int) -> tuple[int, int, int]:
    return 10 + i % 6 * 46, 10 + i // 6 * 46, 14 + i % 5 * 3


def scene_file(path, pixels) -> bytes:
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 3, "width": 300, "height": 300}
    with rasterio.open(path, "w", crs="EPSG:32631", transform=TRANSFORM, **profile) as target:
        target.write(pixels)
    return path.read_bytes()


def annotation_file() -> bytes:
    features = []
    for i in range(N):
        x, y, side = square(i)
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side), (x, y)]
        geometry = {"type": "Polygon", "coordinates": [[list(TRANSFORM @ c) for c in corners]]}
        properties = {"class": ("boat", "quay")[i % 2], "owner": f"owner {i % 4}"}
        features.append({"type": "Feature", "properties": properties, "geometry": geometry})
    crs = {"type": "name", "properties": {"name": "EPSG:32631"}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}).encode()


def upload(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def drop(visitor, *files: dict) -> None:
    visitor.page.locator("input[type=file]").first.set_input_files(list(files))
    visitor.wait_until_idle()


def wait_for_job(visitor, *notices: str) -> None:
    """Wait until the job that was started has ended; the page shows these notices only.

    Notes of the clustering method, which small scenes cause, are left out.
    """
    job = visitor.page.locator(".st-key-cs_job")
    job.wait_for(timeout=WAIT)
    job.wait_for(state="hidden", timeout=JOBS)
    visitor.wait_until_idle()
    alerts = [text for text in visitor.alerts() if not text.startswith("There are only")]
    assert alerts == list(notices)


def file_names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def empty(serve, visit, tmp_path):
    """The Scenes page of an empty workspace of the user's own."""
    visitor = visit(serve(tmp_path))
    visitor.page.goto(visitor.server.url)
    # The folder was named, so the app starts with it and not with the demo.
    expect(visitor.page.locator("h1").first).to_have_text("Scenes", timeout=WAIT)
    visitor.wait_until_idle()
    yield visitor
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []


def test_upload__from_an_empty_folder_to_the_plot(empty, tmp_path):
    page, raw = empty.page, tmp_path / "raw"
    expect(page.get_by_text("2GB per file")).to_be_visible()
    drop(
        empty,
        upload("a quay.tif", scene_file(tmp_path / "upload.tif", textured_pixels())),
        upload("a quay.geojson", annotation_file()),
    )
    expect(page.get_by_text("2 files imported: a_quay.tif, a_quay.geojson.")).to_be_visible()
    assert file_names(raw) == ["a_quay.geojson", "a_quay.tif"]
    expect(page.locator("dl.cs-facts")).to_contain_text("36 from a_quay.geojson", timeout=WAIT)
    expect(page.locator("dl.cs-facts")).to_contain_text("EPSG:32631")

    drop(empty, upload("b.tif", b"these are words and no image"))
    expect(
        page.get_by_text("b.tif was not imported: the file cannot be opened as a GeoTIFF")
    ).to_be_visible()
    assert file_names(raw) == ["a_quay.geojson", "a_quay.tif"]
    page.get_by_role("button", name="Close").click()
    empty.wait_until_idle()
    assert empty.alerts() == []

    page.get_by_role("combobox", name="Class attribute").click()
    page.get_by_role("option", name="owner").click()
    empty.wait_until_idle()
    expect(page.locator(".js-plotly-plot").last).to_contain_text("owner 3", timeout=WAIT)
    page.get_by_role("button", name="Run all stages").click()
    wait_for_job(empty)
    page.get_by_role("link", name="Explore", exact=True).click()
    empty.wait_for_plot()
    assert len(empty.plot("return g.data[0].x")) == N


def test_upload__the_user_decides_about_existing_files(empty, tmp_path):
    page, raw = empty.page, tmp_path / "raw"
    old = scene_file(tmp_path / "old.tif", textured_pixels())
    new = scene_file(tmp_path / "new.tif", textured_pixels((1,)))
    drop(empty, upload("quay.tif", old))
    drop(empty, upload("quay.tif", new), upload("quay.geojson", annotation_file()))
    expect(
        page.get_by_text("quay.tif is waiting: it already exists with different content.")
    ).to_be_visible()
    expect(page.get_by_text("quay.geojson is waiting: it belongs to quay.tif")).to_be_visible()
    assert file_names(raw) == ["quay.tif"]
    page.get_by_role("button", name="Import under another name").click()
    expect(page.get_by_text("2 files imported: quay_2.tif, quay_2.geojson.")).to_be_visible()
    assert file_names(raw) == ["quay.tif", "quay_2.geojson", "quay_2.tif"]
    assert (raw / "quay.tif").read_bytes() == old
    assert (raw / "quay_2.tif").read_bytes() == new


def test_folder__files_are_listed_and_then_copied(empty, tmp_path):
    page, raw, folder = empty.page, tmp_path / "raw", tmp_path / "field trip"
    folder.mkdir()
    scene_file(folder / "quay.tif", textured_pixels())
    (folder / "quay.geojson").write_bytes(annotation_file())
    (folder / "broken.tif").write_bytes(b"no image")
    (folder / "notes.txt").touch()
    box = page.get_by_role("textbox", name="Or copy from another folder")
    box.fill(str(folder / "nowhere"))
    box.press("Enter")
    expect(page.get_by_text("is not a folder on this machine")).to_be_visible(timeout=WAIT)
    box.fill(str(folder))
    box.press("Enter")
    expect(page.get_by_text("3 files, including 2 scenes")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("1 other file ignored.")).to_be_visible()
    assert not raw.exists()
    page.get_by_role("button", name="Copy 3 files into raw/").click()
    expect(page.get_by_text("2 files imported: quay.geojson, quay.tif.")).to_be_visible(
        timeout=WAIT
    )
    expect(page.get_by_text("broken.tif was not imported")).to_be_visible()
    assert file_names(raw) == ["quay.geojson", "quay.tif"]
    assert len(file_names(folder)) == 4


def test_grid__for_scenes_without_annotations(empty, tmp_path):
    page = empty.page
    drop(empty, upload("bare.tif", scene_file(tmp_path / "bare.tif", textured_pixels())))
    page.get_by_role("spinbutton", name="Side of a square (px)").fill("50")
    page.keyboard.press("Enter")
    empty.wait_until_idle()
    expect(page.get_by_text("At most 36 chips of 50 px, 25 m on the ground")).to_be_visible()
    assert not (tmp_path / "artifacts" / "chips").exists()
    page.get_by_role("button", name="Cut chips on this grid").click()
    wait_for_job(empty)
    expect(page.locator("dl.cs-facts")).to_contain_text("36 squares", timeout=WAIT)
    page.get_by_role("link", name="Chips", exact=True).click()
    expect(page.get_by_text("36 chips of 64 × 64 px")).to_be_visible(timeout=WAIT)


@pytest.mark.long
def test_screening__blank_chips_are_left_out_and_restored(empty, tmp_path):
    page = empty.page
    drop(
        empty,
        upload("quay.tif", scene_file(tmp_path / "upload.tif", textured_pixels((7, 20)))),
        upload("quay.geojson", annotation_file()),
    )
    page.get_by_role("link", name="Chips", exact=True).click()
    page.get_by_role("button", name="Cut the chips").click()
    wait_for_job(empty)
    page.get_by_role("button", name="Screen the chips").click()
    wait_for_job(empty)
    expect(page.get_by_role("radio", name="blank (2)")).to_be_visible(timeout=WAIT)
    gallery = page.locator(".gallery").nth(1)
    expect(gallery.locator("button")).to_have_count(2)
    expect(gallery).to_contain_text("grey varies by 0.0%")

    page.get_by_text("blank (2)").first.click()
    expect(page.get_by_text("These results use your previous settings")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Update the chips").click()
    wait_for_job(empty, "2 of 36 chips left out: blank.")
    expect(page.get_by_text("34 chips of 64 × 64 px")).to_be_visible(timeout=WAIT)
    expect(page.locator(".gallery").nth(1).locator("button")).to_have_count(2)

    page.get_by_text("blank (2)").first.click()
    expect(page.get_by_text("36 chips of 64 × 64 px")).to_be_visible(timeout=WAIT)
    empty.wait_until_idle()
    assert page.get_by_text("These results use your previous settings").count() == 0


def write_scene(raw, name: str) -> None:
    raw.mkdir(parents=True, exist_ok=True)
    scene_file(raw / f"{name}.tif", textured_pixels())
    (raw / f"{name}.geojson").write_bytes(annotation_file())


@pytest.mark.long
def test_removed_scene__the_results_stay_until_they_are_updated(serve, visit, tmp_path):
    for name in ("pier", "quay"):
        write_scene(tmp_path / "raw", name)
    visitor = visit(serve(tmp_path))
    page = visitor.page
    visitor.go("scenes")
    page.get_by_role("button", name="Run all stages").click()
    wait_for_job(visitor)
    page.get_by_role("link", name="Open Explore").click()
    visitor.wait_for_plot()
    expect(page.get_by_role("link", name="Open Explore")).to_have_count(0)

    page.get_by_role("link", name="Scenes", exact=True).click()
    page.get_by_role("button", name="Remove this scene").click()
    expect(page.get_by_text("Moves pier.geojson and pier.tif to")).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Remove pier.tif").click()
    expect(page.get_by_text("pier.tif was removed: 2 files moved")).to_be_visible(timeout=WAIT)
    assert file_names(tmp_path / "raw") == ["quay.geojson", "quay.tif"]
    assert file_names(tmp_path / "replaced") == ["pier.geojson", "pier.tif"]
    page.get_by_role("link", name="Explore", exact=True).click()
    expect(page.get_by_text("pier.tif is no longer in raw/.").first).to_be_visible(timeout=WAIT)
    visitor.wait_for_plot()
    expect(page.get_by_text(f"{2 * N} chips of 2 scenes")).to_be_visible(timeout=WAIT)

    page.get_by_role("link", name="Scenes", exact=True).click()
    page.get_by_role("button", name="Undo the removal").click()
    expect(page.get_by_text("pier.tif is no longer in raw/.")).to_have_count(0, timeout=WAIT)
    assert len(file_names(tmp_path / "raw")) == 4

    (tmp_path / "raw" / "quay.tif").rename(tmp_path / "quay.tif")
    page.get_by_role("link", name="Explore", exact=True).click()
    expect(page.get_by_text("quay.tif is no longer in raw/.").first).to_be_visible(timeout=WAIT)
    page.get_by_role("button", name="Continue without it").click()
    wait_for_job(visitor)
    expect(page.get_by_text(f"{N} chips of 1 scene")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("is no longer in raw/.")).to_have_count(0)
    assert visitor.exceptions() == []
    assert visitor.foreign_requests() == []


@pytest.mark.long
def test_workspaces__two_tabs_display_different_folders(serve, visit, tmp_path):
    write_scene(tmp_path / "home" / "raw", "quay")
    write_scene(tmp_path / "survey" / "raw", "pier")
    server = serve(tmp_path / "home")
    visitor = visit(server)
    page = visitor.page
    visitor.go("scenes")
    page.get_by_role("button", name="Open a folder").click()
    box = page.get_by_role("textbox", name="Folder of the workspace")
    box.fill(str(tmp_path))
    page.get_by_role("button", name="Open this folder").click()
    expect(page.get_by_text("it has no subfolder raw/")).to_be_visible(timeout=WAIT)
    box.fill(str(tmp_path / "survey"))
    page.get_by_role("button", name="Open this folder").click()
    expect(page).to_have_title("survey · Chipscape", timeout=WAIT)
    expect(page.get_by_text(str(tmp_path / "survey" / "raw")).first).to_be_visible(timeout=WAIT)

    tab = visit(server)
    tab.go("scenes")
    tab.choose_workspace("My scenes")
    expect(tab.page).to_have_title("My scenes · Chipscape", timeout=WAIT)
    tab.page.get_by_role("link", name="Chips", exact=True).click()
    page.get_by_role("link", name="Chips", exact=True).click()
    for tab_visitor in (visitor, tab):
        expect(tab_visitor.page.locator("h1").first).to_have_text("Chips", timeout=WAIT)
        tab_visitor.wait_until_idle()
        assert tab_visitor.exceptions() == []
    expect(page).to_have_title("survey · Chipscape")
    expect(tab.page).to_have_title("My scenes · Chipscape")
