from core.flair.models.configurations import cells


def test_cells__the_notebooks_24():
    made = cells()
    axes = {
        (c.method, c.spec.fusion, c.spec.robust, c.spec.normalised, c.spec.intensity) for c in made
    }
    assert len(made) == len(axes) == 24
    assert len({cell.name for cell in made}) == 24


def test_cells__times_stand_beside_their_configuration():
    by_name = {cell.name: cell.notebook_minutes for cell in cells()}
    assert by_name["kNN, aerial + Sentinel, O+N+I"] == 555
    assert by_name["HDBSCAN + kNN, aerial + Sentinel, R+N+I"] == 297
    assert by_name["kNN, aerial, R+N"] == 10.3
    assert round(sum(by_name.values()) / 60, 1) == 31.8


def test_cells__preset_marks_every_cell():
    made = cells(preset_notebook=True, sentinel_scaling="intensity")
    assert all(c.spec.preset_notebook and c.spec.sentinel_scaling == "intensity" for c in made)
