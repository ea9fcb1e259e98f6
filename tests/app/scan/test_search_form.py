"""The sentence on a search that has not been computed."""

from types import SimpleNamespace

from app.scan.search_form import describe_query
from core.errors import SceneError
from core.pipeline.scene_search import candidates


def test_describe_query__a_scene_that_cannot_be_searched_has_no_windows(monkeypatch):
    def count(scan):
        if scan.scene.report.path == "c.tif":
            raise SceneError("unlike the scenes of the examples", where="c.tif")
        return 40

    scenes = [
        SimpleNamespace(report=SimpleNamespace(path=name, crs="")) for name in ("a.tif", "c.tif")
    ]
    monkeypatch.setattr(candidates, "count_windows", count)
    monkeypatch.setattr(
        candidates, "scene_scans", lambda _: [SimpleNamespace(scene=scene) for scene in scenes]
    )
    monkeypatch.setattr("app.scan.search_form.SCENE_SCANS", SimpleNamespace(find=lambda *_: None))
    view = SimpleNamespace(workspace=SimpleNamespace(store=None))
    query = SimpleNamespace(view=view, scenes=scenes, chip_ids=("a-1",), side=12.0)
    assert describe_query(query) == "1 example, 40 windows with a side of 12.0\N{NO-BREAK SPACE}px."
