from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.server import sign_in

ROOT = Path(__file__).resolve().parents[3]
AUTH = {
    "redirect_uri": "http://127.0.0.1:8501/oauth2callback",
    "cookie_secret": "x",
    "client_id": "chipscape",
    "client_secret": "y",
    "server_metadata_url": "http://127.0.0.1:1/.well-known/openid-configuration",
}


def open_app(tmp_path, monkeypatch, auth=None):
    monkeypatch.setenv("CHIPSCAPE_WORKSPACE", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    if auth:
        app.secrets["auth"] = auth
    return app.switch_page(str(ROOT / "pages" / "scenes.py"))


@pytest.fixture
def own_workspace(monkeypatch):
    monkeypatch.setattr("app.session.state.last_folder", lambda home: home.root)


def test_sign_in__nothing_is_drawn_before_it(tmp_path, monkeypatch, own_workspace):
    app = open_app(tmp_path, monkeypatch, AUTH).run()
    assert not app.exception
    assert [button.label for button in app.button] == ["Sign in"]
    assert str(tmp_path) not in str(app)


def test_sign_in__not_required_without_a_provider(tmp_path, monkeypatch, own_workspace):
    app = open_app(tmp_path, monkeypatch).run()
    assert not app.exception
    assert not {"Sign in", "Sign out"} & {button.label for button in app.button}


def test_sign_in__signed_in_visitor_sees_the_pages(tmp_path, monkeypatch, own_workspace):
    class Visitor(dict):
        is_logged_in = True

    monkeypatch.setattr(sign_in.st, "user", Visitor(is_logged_in=True))
    app = open_app(tmp_path, monkeypatch, AUTH).run()
    assert not app.exception
    labels = [button.label for button in app.button]
    assert "Sign out" in labels
    assert "Open this folder" in labels
