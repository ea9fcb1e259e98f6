import numpy as np
import pytest

from app.clusters.cluster_charts import BARS_AT_MOST, share_chart, spread_chart

EVIL = "<img src=x onerror=alert(1)>"


def test_share_chart__rows_sum_to_one_and_rare_values_are_combined():
    table = np.arange(1, 31).reshape(2, 15)
    names = [f"v{i}" for i in range(15)]
    figure = share_chart(["a", "b"], names, table, ["#000000"] * 15)
    assert len(figure.data) == BARS_AT_MOST
    assert figure.data[-1].name == "4 rarer values"
    assert np.allclose(sum(np.array(bar.x) for bar in figure.data), 1)


def test_share_chart__names_are_escaped():
    figure = share_chart([EVIL], [EVIL], np.array([[3]]), ["#000000"])
    assert EVIL not in figure.to_json()


def test_spread_chart__constant_and_empty_facts():
    same = np.full(5, 2.0)
    figure = spread_chart(
        {"a": (same, same), "b": (np.empty(0), np.empty(0))}, "#0072b2", "x", EVIL
    )
    assert sum(figure.data[0].y) == 1
    assert sum(figure.data[-1].y) == 0
    assert EVIL not in figure.to_json()


def test_spread_chart__no_bar_is_cut_off_and_no_value_is_left_out():
    rng = np.random.default_rng(0)
    facts = {f"fact {i}": (rng.normal(size=300), rng.normal(2, 1, 90)) for i in range(6)}
    figure = spread_chart(facts, "#0072b2", "x", "y")
    for i in range(6):
        axis, value_axis = (figure.layout[f"{name}axis{i + 1 if i else ''}"] for name in "xy")
        for line in figure.data[2 * i : 2 * i + 2]:
            assert sum(line.y) == pytest.approx(1)
            assert axis.range[0] < line.x[0]
            assert line.x[-1] < axis.range[1]
            assert max(line.y) < value_axis.range[1]
