import pytest

from core.land.evaluation.published_results import (
    OFFICIAL_TESTS,
    describe_published_results,
    find_official_test,
)

FLAIR_2 = [
    "D015_2020", "D022_2021", "D026_2020", "D036_2020", "D061_2020",
    "D064_2021", "D068_2021", "D069_2020", "D071_2020", "D084_2021",
]  # fmt: skip


def domains(names: list[str], n: int) -> list[str]:
    return [names[i % len(names)] for i in range(n)]


def test_find__only_the_complete_set_by_its_own_scorer() -> None:
    test = find_official_test(domains(FLAIR_2, 16_050), "flair")
    assert test is not None
    assert test.name == "FLAIR #2"
    assert [result.miou for result in test.results] == [0.5470, 0.5594, 0.5758, 0.6413]
    assert find_official_test(domains(FLAIR_2, 16_050), "flair-hub") is None
    assert find_official_test(domains(FLAIR_2, 16_049), "flair") is None
    assert find_official_test(domains(FLAIR_2[:9], 16_050), "flair") is None
    assert find_official_test(domains(["D001_2020", *FLAIR_2[1:]], 16_050), "flair") is None
    assert find_official_test([], "flair") is None


def test_find__flair_hub() -> None:
    hub = OFFICIAL_TESTS[2]
    names = [f"{department}-2020" for department in sorted(hub.departments)]
    test = find_official_test(domains(names, 50_700), "flair-hub")
    assert test is hub
    assert [str(result) for result in test.results] == [
        "aerial images 0.641",
        "best, nearly all inputs 0.658",
    ]


@pytest.mark.parametrize("test", OFFICIAL_TESTS, ids=lambda test: test.name)
def test_results__each_has_a_source(test) -> None:
    assert all(result.source for result in test.results)
    assert test.name in describe_published_results()
