"""The choice of the workspace in the sidebar, and the messages on finished jobs below it."""

import shutil
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.scenes.workspace_chooser import workspace_title
from app.session import cache, jobs, state
from app.session.job_board import Job
from app.widgets.job_status import result_pages
from core.pipeline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[3]


def open_app(page: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app" / "script.py"), default_timeout=60)
    return app.run().switch_page(f"../pages/{page}.py").run()


def labelled(elements, label):
    return next(element for element in elements if element.label == label)


def links(app: AppTest) -> list[str]:
    return [element.proto.label for element in app.get("page_link")]


def test_workspace_title__equal_names_are_told_apart():
    paths = ("/a/site", "/b/site", "/b/quay")
    assert workspace_title("demo", paths) == "Demo"
    assert workspace_title("/b/quay", paths) == "quay"
    assert workspace_title("/a/site", paths) == "site (/a)"


def test_chooser__opens_another_folder_and_returns(home, tmp_path):
    other = tmp_path / "quay survey"
    (other / "raw").mkdir(parents=True)
    app = open_app("scenes")
    labelled(app.text_input, "Folder of the workspace").set_value(str(tmp_path / "nowhere")).run()
    labelled(app.button, "Open this folder").click().run()
    assert "there is no such folder" in app.error[0].value
    labelled(app.text_input, "Folder of the workspace").set_value(str(other)).run()
    labelled(app.button, "Open this folder").click().run()
    assert not app.exception
    assert not app.error
    chooser = labelled(app.selectbox, "Workspace")
    assert chooser.options == ["Demo", "My scenes", "quay survey"]
    assert chooser.value == str(other)
    assert any("no scenes in this workspace" in element.value for element in app.caption)
    # Another tab is another session.
    tab = open_app("scenes")
    labelled(tab.selectbox, "Workspace").set_value("mine").run()
    assert not tab.exception
    assert tab.dataframe[0].value["Scene"].tolist() == ["quay.tif"]
    app.run()
    assert labelled(app.selectbox, "Workspace").value == str(other)


def test_chooser__a_folder_that_was_deleted(home, tmp_path):
    other = tmp_path / "gone"
    other.mkdir()
    app = open_app("scenes")
    labelled(app.text_input, "Folder of the workspace").set_value(str(other)).run()
    labelled(app.button, "Open this folder").click().run()
    shutil.rmtree(other)
    app.run()
    assert not app.exception
    assert "no longer exists. Open another workspace." in app.error[0].value.replace("\\", "")


@pytest.mark.parametrize(
    ("words", "page"),
    [
        (("run", "--until", "chips"), "chips"),
        (("run", "--until", "clusters"), "clusters"),
        (("run",), "explore"),
        (("screen",), "chips"),
        (("compare", "--encoders", "a,b"), "embeddings"),
        (("quality", "--corrections"), "clusters"),
        (("import", "/tmp"), ""),
        (("flair", "sample"), ""),
    ],
)
def test_result_pages__lead_to_the_result(words, page):
    job = Job(
        "key", "Title", [(sys.executable, "-m", "core", "demo"), ("py", "-m", "core", *words)]
    )
    assert next(iter(result_pages(job)), "") == page


def test_finished_job__is_reported_with_a_link_until_its_page_is_opened(home, tmp_path):
    end = tmp_path / "end"
    wait = f"import os, time\nwhile not os.path.exists({str(end)!r}): time.sleep(0.05)"
    command = (sys.executable, "-c", wait, "run", "--until", "projection")
    job = cache.job_board().start(f"{jobs.job_prefix(home)}plot", "Creating the plot", command)
    app = open_app("chips")
    assert "Open Explore" not in links(app)
    end.touch()
    job.wait(30)
    assert job.state == "done"
    app.run()
    assert "Open Explore" in links(app)
    text = " ".join(element.value for element in app.markdown).replace("\\", "")
    assert "Creating the plot: done in" in text
    app.switch_page("../pages/explore.py").run()
    assert "Open Explore" not in links(app)
    app.switch_page("../pages/chips.py").run()
    assert "Open Explore" not in links(app)
    # A session that has not seen the job running is not told about it.
    assert "Open Explore" not in links(open_app("chips"))
    cache.job_board().forget(job.key)


def test_finished_job__that_ended_while_no_page_was_open_is_reported_once(home):
    command = (sys.executable, "-c", "pass", "screen")
    job = cache.job_board().start(f"{jobs.job_prefix(home)}screen", "Screening", command)
    job.wait(30)
    app = open_app("embeddings")
    assert "Open Chips" in links(app)
    app.run()
    assert "Open Chips" in links(app)
    assert "Open Chips" not in links(open_app("embeddings"))
    cache.job_board().forget(job.key)


def test_running_job__of_another_workspace_is_offered_to_a_new_session(home, tmp_path):
    command = (sys.executable, "-c", "import time; time.sleep(60)")
    prefix = jobs.job_prefix(Workspace.at(tmp_path))
    job = cache.job_board().start(f"{prefix}plot", "Creating the plot", command)
    label = f"Job running in {tmp_path.name}".replace("_", r"\_")
    app = open_app("chips")
    assert state.MINE in app.session_state["cs.workspace"]
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    assert app.session_state["cs.workspace"] == str(tmp_path)
    assert label not in [button.label for button in app.button]
    job.cancel()
    job.wait(10)
    assert label not in [button.label for button in open_app("chips").button]
    cache.job_board().forget(job.key)
