"""The Explore page as Streamlit runs it, on a small computed workspace."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[3]


def open_page(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page(f"../pages/{page}.py").run()


def texts(app: AppTest) -> str:
    return " ".join(str(element.value) for element in [*app.markdown, *app.caption, *app.title])


def html(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html"))


def labelled(elements, label: str):
    return next(element for element in elements if element.label == label)


def test_explore__one_scene_is_singular(home):
    assert "36 chips of 1 scene" in texts(open_page("explore"))
    assert "1 scenes" not in texts(open_page("scenes"))


def test_explore__legend_has_an_entry_for_each_class(home):
    app = open_page("explore")
    labelled(app.selectbox, "Colour by").set_value("class").run()
    assert not app.exception
    assert "&lt;img src=x onerror=alert(1)&gt;" in html(app)


def test_explore__numbers_have_a_scale_instead_of_a_legend(home):
    app = open_page("explore")
    labelled(app.selectbox, "Colour by").set_value("Length (m)").run()
    assert not app.exception
    assert '<ul class="cs-legend"></ul>' in html(app)
