import dataclasses

import pytest

from app.widgets import setting_labels
from core.settings import ChipSettings, ProjectionSettings, RunSettings


def test_labels__every_setting_has_words():
    stages = [f for f in dataclasses.fields(RunSettings) if f.name != "method"]
    known = {
        (stage.name, item.name)
        for stage in stages
        for item in dataclasses.fields(stage.default_factory)
    }
    assert known <= set(setting_labels.LABELS)


@pytest.mark.parametrize(
    ("stage", "name", "value", "text"),
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
        ("chips", "align", "long-axis", "up in the chip: the long axis"),
    ],
)
def test_setting__in_words_with_units(stage, name, value, text):
    assert setting_labels.setting(stage, name, value) == text


def test_differences__what_is_shown_of_the_stages_asked_about():
    shown = RunSettings()
    asked = RunSettings(chips=ChipSettings(size=96), projection=ProjectionSettings(seed=1))
    assert setting_labels.differences(shown, asked, ("chips", "embed")) == ["chip size: 64\u00a0px"]
    assert len(setting_labels.differences(shown, asked, ("chips", "method", "projection"))) == 2
    assert setting_labels.differences(shown, shown, ("chips",)) == []
