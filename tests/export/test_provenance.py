import json
import tomllib

from core import __version__
from core.export.provenance import PROVENANCE_FILE, Provenance

from .conftest import PROVENANCE


def test_as_json__all_facts_on_one_line():
    text = PROVENANCE.as_json()
    assert "\n" not in text
    document = json.loads(text)
    assert document["program"] == "Chipscape"
    assert document["version"] == __version__
    assert document["scenes"] == ["a.tif", "b#c.tif"]


def test_write__toml(tmp_path):
    PROVENANCE.write(tmp_path)
    document = tomllib.loads((tmp_path / PROVENANCE_FILE).read_text("utf-8"))
    assert document == json.loads(PROVENANCE.as_json())


def test_title__name_or_id():
    assert (Provenance("1").title, Provenance("1", "first").title) == ("1", "first")
