import pytest

from core.pipeline.estimates.cost_laws import LAWS


@pytest.mark.parametrize("name", LAWS)
def test_laws__grow_with_the_amount(name):
    law = LAWS[name]
    assert 0 <= law.core_seconds(0) <= law.core_seconds(1) < law.core_seconds(10)
    assert law.peak_bytes(1) <= law.peak_bytes(10)
    assert 0 <= law.parallel <= 1
