import json

import numpy as np

from app.widgets.sliders import sweep_charts
from core.clusters.evaluation.component_sweep import ComponentLandscape
from core.clusters.evaluation.size_sweep import Cliff, SizeLandscape

EVIL = "<img src=x onerror=alert(1)>"


def landscape():
    return SizeLandscape(
        np.array([2, 5, 20], np.int32), np.array([9, 4, 1], np.int32), np.array([0.1, 0.2, 0.9]),
        np.array([0.3, 0.4, np.nan]), np.array([0.1, 0.2, np.nan]),
    )  # fmt: skip


def test_sizes__present_value_and_cliffs_are_marked_in_every_strip():
    figure = sweep_charts.sizes(landscape(), [Cliff(5, 20, "steep")], 7)
    shapes = figure.layout.shapes
    marks = [shape.x0 for shape in shapes if shape.type == "line"]
    bands = [(shape.x0, shape.x1) for shape in shapes if shape.type == "rect"]
    assert marks == [7] * 4
    assert bands == [(5, 20)] * 4


def test_sizes__what_is_not_there_is_a_gap_and_valid_json():
    figure = sweep_charts.sizes(landscape(), [], 2)
    assert list(figure.data[2].y) == [0.3, 0.4, None]
    assert "NaN" not in json.dumps(figure.to_plotly_json()["data"][2]["y"])


def test_components__a_line_a_seed_behind_the_criteria():
    k = np.array([2, 3, 4], np.int32)
    found = ComponentLandscape(
        k, np.array([3.0, 1, 2]), np.array([3.0, 1, 2]),
        np.array([[3.0, 4], [1, 2], [2, 1]]), np.array([-3.0, -1, -2]), ("tied",) * 3,
        np.array([5, 5, 5]),
    )  # fmt: skip
    figure = sweep_charts.components(found, 3)
    assert [trace.name for trace in figure.data[:2]] == ["seed 1", "seed 2"]
    assert [list(trace.y) for trace in figure.data[2:]] == [[3, 1, 2], [3, 1, 2], [-3, -1, -2]]


def test_components__a_line_where_the_shape_changes():
    k = np.array([2, 3, 4, 5], np.int32)
    rest = (np.ones(4), np.ones(4), np.ones((4, 1)), np.ones(4))
    one = ComponentLandscape(k, *rest, ("tied",) * 4, np.full(4, 5))
    assert sweep_charts.shapes(one) == [sweep_charts.Shape(2, 5, "tied", 5)]
    kinds, dims = ("full", "full", "tied", "tied"), np.array([6, 6, 6, 10])
    several = ComponentLandscape(k, *rest, kinds, dims)
    assert [(run.first, run.last) for run in sweep_charts.shapes(several)] == [
        (2, 3),
        (4, 4),
        (5, 5),
    ]
    lines = [shape for shape in sweep_charts.components(several, 2).layout.shapes
             if shape.line.dash == "dot"]  # fmt: skip
    assert [shape.x0 for shape in lines] == [3.5, 4.5]


def test_sizes__noise_is_read_in_percent():
    figure = sweep_charts.sizes(landscape(), [], 2)
    assert figure.layout.yaxis2.tickformat == ".0%"
    assert figure.layout.yaxis3.tickformat is None


def test_shares__rows_add_up_to_one_and_rare_values_are_one_piece():
    table = np.arange(1, 31).reshape(2, 15)
    names = [f"v{i}" for i in range(15)]
    figure = sweep_charts.shares(["a", "b"], names, table, ["#000000"] * 15)
    assert len(figure.data) == sweep_charts.BARS_AT_MOST
    assert figure.data[-1].name == "4 rarer ones"
    assert np.allclose(sum(np.array(bar.x) for bar in figure.data), 1)


def test_shares__names_are_text():
    figure = sweep_charts.shares([EVIL], [EVIL], np.array([[3]]), ["#000000"])
    assert EVIL not in figure.to_json()


def test_spreads__constant_and_empty_facts():
    same = np.full(5, 2.0)
    figure = sweep_charts.spreads(
        {"a": (same, same), "b": (np.empty(0), np.empty(0))}, "#0072b2", "x", EVIL
    )
    assert sum(figure.data[0].y) == 1
    assert sum(figure.data[-1].y) == 0
    assert EVIL not in figure.to_json()
