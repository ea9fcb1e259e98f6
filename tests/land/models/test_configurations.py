from core.land.models.configurations import grid_configurations


def test_grid_configurations__24_distinct_cells():
    cells = grid_configurations()
    axes = {
        (c.method, c.spec.fusion, c.spec.robust, c.spec.normalised, c.spec.intensity) for c in cells
    }
    assert len(cells) == len(axes) == 24
    assert len({cell.name for cell in cells}) == 24


def test_grid_configurations__notebook_minutes():
    by_name = {cell.name: cell.notebook_minutes for cell in grid_configurations()}
    assert by_name["kNN, aerial + Sentinel, O+N+I"] == 555
    assert by_name["HDBSCAN + kNN, aerial + Sentinel, R+N+I"] == 297
    assert by_name["kNN, aerial, R+N"] == 10.3
    assert round(sum(by_name.values()) / 60, 1) == 31.8


def test_grid_configurations__preset_applies_to_all_cells():
    cells = grid_configurations(preset_notebook=True, sentinel_scaling="intensity")
    assert all(c.spec.preset_notebook and c.spec.sentinel_scaling == "intensity" for c in cells)
