"""The Chips page as Streamlit runs it."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.session import jobs

ROOT = Path(__file__).resolve().parents[3]


def test_screening__runs_on_request_only(home, monkeypatch):
    requests = []
    monkeypatch.setattr(jobs, "start_screening", lambda _, settings: requests.append(settings))
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60).run()
    app.switch_page("../pages/chips.py").run()
    assert requests == []
    next(button for button in app.button if button.label == "Screen the chips").click().run()
    assert not app.exception
    assert [settings.screen.leave_out for settings in requests] == [()]
