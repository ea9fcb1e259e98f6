import json

import numpy as np
import pytest

from app.widgets import charts, colouring, palette, theme
from app.widgets.plot_picker import Picture

EVIL = "<img src=x onerror=alert(1)>"
POINTS = np.array([[0, 0], [1, 2], [-3, 1]], np.float32)


def plot(ids=(0, 1, -1), hidden=(), selected=(), picked=None) -> dict:
    colours = colouring.colour_by_cluster(np.array(ids, np.int32))
    is_hidden = np.isin(np.arange(3), hidden)
    picture = charts.projection_chart(POINTS, colours, "r", is_hidden, selected, picked)
    return json.loads(picture.to_json())


def test_projection_chart__plain_lists():
    figure = plot()
    trace, corners = figure["data"]
    assert trace["x"] == [0, 1, -3]
    assert trace["y"] == [0, 2, 1]
    assert isinstance(trace["marker"]["color"], list)
    assert (corners["x"], corners["y"]) == ([-3, 1], [0, 2])
    assert figure["layout"]["template"] == {}


def test_projection_chart__other_clusters_change_only_the_colours():
    figure, other = plot((0, 1, -1)), plot((1, 1, 2))
    assert figure["layout"] == other["layout"]
    assert figure["data"][0]["x"] == other["data"][0]["x"]
    assert figure["data"][0]["marker"]["color"] != other["data"][0]["marker"]["color"]


def test_projection_chart__hidden_points_have_no_position_and_no_ring():
    figure = plot(hidden=(1,), picked=1)
    assert figure["data"][0]["x"] == [0, None, -3]
    assert figure["data"][0]["y"] == [0, None, 1]
    assert figure["data"][1] == plot()["data"][1]
    assert figure["layout"]["shapes"] == []


def test_projection_chart__a_new_selection_replaces_the_one_in_the_plot():
    figure, other = plot(selected=(0, 2)), plot()
    assert figure["data"][0]["selectedpoints"] == [0, 2]
    assert "selectedpoints" not in other["data"][0]
    assert figure["layout"]["selectionrevision"] != other["layout"]["selectionrevision"]
    assert figure["layout"]["uirevision"] == other["layout"]["uirevision"]


def test_projection_chart__rings_mark_the_picked_point():
    rings = plot(picked=1)["layout"]["shapes"]
    assert [(ring["xanchor"], ring["yanchor"]) for ring in rings] == [(1, 2), (1, 2)]
    assert plot()["layout"]["shapes"] == []


def test_projection_chart__signs_stand_next_to_points():
    colours, hidden = colouring.colour_by_cluster(np.zeros(3, np.int32)), np.zeros(3, bool)
    hidden[2] = True
    signs = {0: "+", 1: "−", 2: "+"}
    picture = charts.projection_chart(POINTS, colours, "r", hidden, signs=signs)
    layout = json.loads(picture.to_json())["layout"]
    badges = [(badge["x"], badge["y"], badge["text"]) for badge in layout["annotations"]]
    assert badges == [(0, 0, "<b>+</b>"), (1, 2, "<b>−</b>")]
    assert plot()["layout"]["annotations"] == []


@pytest.mark.parametrize(("n", "kind"), [(100, "scatter"), (3000, "scattergl")])
def test_projection_chart__vector_markers_if_there_are_few(n, kind):
    colours = colouring.colour_by_cluster(np.zeros(n, np.int32))
    picture = charts.projection_chart(np.zeros((n, 2)), colours, "r", np.zeros(n, bool))
    assert picture.data[0]["type"] == kind


@pytest.mark.parametrize("colours", [theme.LIGHT, theme.DARK])
def test_hover__readable_for_any_marker_colour(colours, monkeypatch):
    monkeypatch.setattr(charts, "chart_colours", lambda: colours)
    label = charts.count_bars([]).layout.hoverlabel.to_plotly_json()
    assert label["bgcolor"] == colours.paper
    assert label["font"]["color"] == colours.ink


@pytest.mark.parametrize(
    ("colours", "outlined"), [(theme.LIGHT, "#F0E442"), (theme.DARK, "#301890")]
)
def test_projection_chart__clusters_that_hardly_stand_out_have_an_outline(
    colours, outlined, monkeypatch
):
    monkeypatch.setattr(charts, "chart_colours", lambda: colours)
    ids = (palette.COLOURS.index(outlined), palette.COLOURS.index("#D55E00"), palette.NOISE)
    trace, _ = plot(ids)["data"]
    line = trace["marker"]["line"]
    assert line["color"] == trace["marker"]["color"]
    fills = [colour for _, colour in trace["marker"]["colorscale"]]
    edges = dict(zip(fills, [colour for _, colour in line["colorscale"]], strict=True))
    assert edges == {
        outlined: colours.muted,
        "#D55E00": colours.paper,
        palette.NOISE_COLOUR: colours.paper,
    }


def test_picture__refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        Picture([{"x": [float("nan")]}], {}).to_json()


def test_count_bars__names_are_text():
    figure = charts.count_bars([("#000000", EVIL, 3), ("#111111", "b", 1)])
    assert EVIL not in figure.to_json()
    assert "3" in figure.data[0].text[0]
    assert "75%" in figure.data[0].text[0]


def test_count_bars__no_entries():
    assert len(charts.count_bars([]).data[0].x) == 0


def test_distribution_chart__leaves_out_missing_values():
    figure = charts.distribution_chart(np.array([1.0, np.nan, 2.0]), "length (m)")
    assert list(figure.data[0].x) == [1.0, 2.0]
