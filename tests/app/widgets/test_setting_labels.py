import dataclasses

import pytest

from app.widgets import setting_labels
from core.settings import ChipSettings, ProjectionSettings, RunSettings


def test_labels__every_setting_has_one():
    tables = [field for field in dataclasses.fields(RunSettings) if field.name != "method"]
    settings = {
        (table.name, field.name)
        for table in tables
        for field in dataclasses.fields(table.default_factory)
    }
    assert settings <= set(setting_labels.LABELS)


@pytest.mark.parametrize(
    ("table", "name", "value", "text"),
    [
        ("chips", "size", 64, "chip size: 64\u00a0px"),
        ("chips", "extent", 0.0, "side on the ground: fitted to each annotation"),
        ("chips", "extent", 30.0, "side on the ground: 30\u00a0m"),
        ("chips", "bands", (), "bands: those common to all scenes"),
        ("chips", "bands", ("red", "nir"), "bands: red, nir"),
        ("screen", "leave_out", (), "left out: nothing"),
        ("screen", "leave_out", ("blank",), "left out: blank"),
        ("scenes", "grid", {"side": 64, "step": 32}, "grid of squares: side 64, step 32"),
        ("projection", "perplexity", 0.0, "perplexity: automatic"),
        ("chips", "align", "long-axis", "chip orientation: long axis up"),
    ],
)
def test_describe_setting__with_units(table, name, value, text):
    assert setting_labels.describe_setting(table, name, value) == text


def test_list_differences__displayed_values_of_the_tables():
    displayed = RunSettings()
    requested = RunSettings(chips=ChipSettings(size=96), projection=ProjectionSettings(seed=1))
    phrases = setting_labels.list_differences(displayed, requested, ("chips", "embed"))
    assert phrases == ["chip size: 64\u00a0px"]
    tables = ("chips", "method", "projection")
    assert len(setting_labels.list_differences(displayed, requested, tables)) == 2
    assert setting_labels.list_differences(displayed, displayed, ("chips",)) == []
