import tomllib
from pathlib import Path

import pytest

from app.widgets import theme
from core.land.data.nomenclature import FULL

ROOT = Path(__file__).resolve().parents[3]
CONFIG = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"]
STYLE = (ROOT / "app" / "static" / "style.css").read_text()
THEMES = {"light": theme.LIGHT, "dark": theme.DARK}


@pytest.mark.parametrize("scheme", THEMES)
def test_chart_colours__those_of_the_pages(scheme):
    colours, pages = THEMES[scheme], CONFIG[scheme]
    assert (colours.paper, colours.ink) == (pages["backgroundColor"], pages["textColor"])
    assert colours.accent == pages["primaryColor"]
    for colour in (colours.paper, colours.ink, colours.muted, colours.rule, colours.empty):
        assert colour.lower() in STYLE


@pytest.mark.parametrize("scheme", THEMES)
def test_chart_colours__texts_are_readable(scheme):
    colours, sidebar = THEMES[scheme], CONFIG[scheme]["sidebar"]["backgroundColor"]
    papers = (colours.paper, CONFIG[scheme]["secondaryBackgroundColor"], sidebar)
    for text in (colours.ink, colours.muted, colours.accent, colours.warning):
        assert min(theme.contrast_ratio(text, paper) for paper in papers) >= 4.5


def test_chart_colours__light_outside_of_a_page():
    assert theme.chart_colours() is theme.LIGHT


def test_theme__follows_the_system():
    assert "base" not in CONFIG


@pytest.mark.parametrize("colours", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("cover", FULL, ids=str)
def test_visible_colour__lines_of_every_class_stand_out(cover, colours):
    drawn = theme.visible_colour(cover.colour, colours)
    assert theme.contrast_ratio(drawn, colours.paper) > theme.LEAST_CONTRAST
    if theme.stands_out(cover.colour, colours):
        assert drawn == cover.colour


@pytest.mark.parametrize("grey", range(0, 256, 5))
def test_text_colour__readable_on_any_background(grey):
    background = f"#{grey:02X}{grey:02X}{grey:02X}"
    assert theme.contrast_ratio(theme.text_colour(background), background) >= 4.5


@pytest.mark.parametrize(
    ("colour", "background", "ratio"),
    [("#000000", "#FFFFFF", 21), ("#777777", "#FFFFFF", 4.48), ("#123456", "#123456", 1)],
)
def test_contrast_ratio__values_of_wcag(colour, background, ratio):
    assert theme.contrast_ratio(colour, background) == pytest.approx(ratio, abs=0.005)
    assert theme.contrast_ratio(background, colour) == pytest.approx(ratio, abs=0.005)
