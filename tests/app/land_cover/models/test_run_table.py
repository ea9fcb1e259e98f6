"""Notes of finished runs, and where published figures may stand."""

from pathlib import Path

import pytest

from app.land_cover import score_charts
from app.land_cover.models import run_table
from core.flair.data.dataset import Dataset, Patch


def dataset_of(n: int, n_domains: int) -> Dataset:
    """A data set of test patches only, whose files do not exist."""
    patches = [
        Patch(f"{i:06d}", "test", f"D{i % n_domains:03d}", "Z1_UA", Path("i"), Path("m"),
              None, None, None)
        for i in range(n)
    ]  # fmt: skip
    return Dataset(Path(), tuple(patches), ())


@pytest.mark.parametrize(
    ("n", "n_domains", "wanted"), [(16_050, 10, True), (50, 10, False), (16_050, 9, False)]
)
def test_official__all_of_the_test_set_and_nothing_less(n, n_domains, wanted):
    assert score_charts.is_official(dataset_of(n, n_domains)) is wanted


def test_few__says_how_many_more_notes_there_are():
    notes = [f"note {i}" for i in range(13)]
    assert run_table.few(notes[:10]) == notes[:10]
    shown = run_table.few(notes)
    assert shown[:10] == notes[:10]
    assert "3 more" in shown[10]
