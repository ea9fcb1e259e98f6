import json

import numpy as np

from app.widgets.sliders.sweep_charts import component_chart, size_chart
from core.clusters.evaluation.component_sweep import ComponentSweep
from core.clusters.evaluation.size_sweep import Cliff, SizeSweep


def size_sweep() -> SizeSweep:
    return SizeSweep(
        np.array([2, 5, 20], np.int32),
        np.array([9, 4, 1], np.int32),
        np.array([0.1, 0.2, 0.9]),
        np.array([0.3, 0.4, np.nan]),
        np.array([0.1, 0.2, np.nan]),
    )


def test_size_chart__current_value_and_cliffs_are_marked_in_every_row():
    shapes = size_chart(size_sweep(), [Cliff(5, 20, "steep")], 7).layout.shapes
    lines = [shape.x0 for shape in shapes if shape.type == "line"]
    areas = [(shape.x0, shape.x1) for shape in shapes if shape.type == "rect"]
    assert lines == [7] * 4
    assert areas == [(5, 20)] * 4


def test_size_chart__undefined_values_are_gaps_and_valid_json():
    figure = size_chart(size_sweep(), [], 2)
    assert list(figure.data[2].y) == [0.3, 0.4, None]
    assert "NaN" not in json.dumps(figure.to_plotly_json()["data"][2]["y"])


def test_size_chart__noise_is_in_percent():
    figure = size_chart(size_sweep(), [], 2)
    assert figure.layout.yaxis2.tickformat == ".0%"
    assert figure.layout.yaxis3.tickformat is None


def test_component_chart__one_line_per_seed_behind_the_criteria():
    k = np.array([2, 3, 4], np.int32)
    sweep = ComponentSweep(
        k,
        np.array([3.0, 1, 2]),
        np.array([3.0, 1, 2]),
        np.array([[3.0, 4], [1, 2], [2, 1]]),
        np.array([-3.0, -1, -2]),
        np.array([0.5, 0.9, 0.4]),
        ("tied",) * 3,
        np.array([5, 5, 5]),
        -4.0,
    )
    figure = component_chart(sweep, 3)
    assert [trace.name for trace in figure.data[:2]] == ["seed 1", "seed 2"]
    assert [list(trace.y) for trace in figure.data[2:]] == [[-3, -1, -2], [3, 1, 2], [3, 1, 2]]
    # The plausible numbers are shaded: only 3, because the others reach a third of the gain.
    shaded = [shape for shape in figure.layout.shapes if shape.fillcolor]
    assert [(shape.x0, shape.x1) for shape in shaded] == [(2.7, 3.3)]
