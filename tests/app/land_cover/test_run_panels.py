"""Notes of finished runs."""

from app.land_cover.run_panels import shorten_notes


def test_shorten_notes__states_the_number_of_further_notes():
    notes = [f"note {i}" for i in range(13)]
    assert shorten_notes(notes[:10]) == notes[:10]
    short = shorten_notes(notes)
    assert short[:10] == notes[:10]
    assert "3 more" in short[10]
