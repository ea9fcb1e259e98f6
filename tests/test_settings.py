import dataclasses
import math

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SettingsError
from core.settings import (
    PRESETS,
    ChipSettings,
    CutSettings,
    EmbedSettings,
    GmmSettings,
    ProjectionSettings,
    ReductionSettings,
    RunSettings,
    TreeSettings,
)
from core.tables import as_table, from_table, from_toml, merge

STAGES = (
    ChipSettings,
    EmbedSettings,
    ReductionSettings,
    GmmSettings,
    TreeSettings,
    CutSettings,
    ProjectionSettings,
)
FIELDS = [(stage, item) for stage in STAGES for item in dataclasses.fields(stage)]
BOUNDED = [(stage, item) for stage, item in FIELDS if "bounds" in item.metadata]
CHOSEN = [(stage, item) for stage, item in FIELDS if "choices" in item.metadata]


def name(value):
    return getattr(value, "__name__", None) or getattr(value, "name", None) or str(value)


@pytest.mark.parametrize(("stage", "item"), BOUNDED, ids=name)
def test_bounds__inclusive_and_held(stage, item):
    low, high = item.metadata["bounds"]
    assert low <= item.default <= high
    for inside in (low, high):
        assert getattr(stage(**{item.name: inside}), item.name) == inside
    for outside in (low - 1, high + 1, math.nan, math.inf, -math.inf):
        with pytest.raises(SettingsError, match="is not between") as caught:
            stage(**{item.name: outside})
        assert caught.value.where == item.name
    for wrong in ("5", True, None, [5]):
        with pytest.raises(SettingsError, match="is not a number"):
            stage(**{item.name: wrong})


@pytest.mark.parametrize(("stage", "item"), BOUNDED, ids=name)
def test_whole_numbers__stay_whole(stage, item):
    low, high = item.metadata["bounds"]
    value = getattr(stage(**{item.name: float(high)}), item.name)
    assert type(value) is type(item.default)
    if isinstance(item.default, int):
        with pytest.raises(SettingsError, match="is not a whole number"):
            stage(**{item.name: low + 0.5})


@pytest.mark.parametrize(("stage", "item"), CHOSEN, ids=name)
def test_choices__held(stage, item):
    for choice in item.metadata["choices"]:
        assert getattr(stage(**{item.name: choice}), item.name) == choice
    with pytest.raises(SettingsError, match=f"is not one of .*{item.default}"):
        stage(**{item.name: "nothing"})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"embed": {"encoder": 5}}, "5 is not text"),
        ({"embed": {"weights": True}}, "True is not text"),
        ({"chips": {"bands": "red"}}, "'red' is not a list of names"),
        ({"chips": {"bands": ["red", 3]}}, "is not a list of names"),
        ({"chips": 3}, "'chips' is a table, not 3"),
        ({"chips": {"siz": 3}}, "settings: unknown setting 'chips.siz'. Did you mean 'size'?"),
        ({"chipz": {}}, "settings: unknown setting 'chipz'. Did you mean 'chips'?"),
        ({"xyz": 1}, "unknown setting 'xyz'. Known: method, chips"),
        ({"method": "kmeanz"}, "'kmeanz' is not one of gmm, hdbscan"),
    ],
    ids=str,
)
def test_from_table__wrong(table, words):
    with pytest.raises(SettingsError) as caught:
        from_table(RunSettings, table)
    assert words in str(caught.value)


def test_from_table__nothing_is_the_default():
    assert from_table(RunSettings, {}) == RunSettings()


CHANGED = {"method": "hdbscan", "chips": {"bands": ["red"], "size": 32}, "gmm": {"seed": 7}}


def test_from_toml__round_trip(tmp_path):
    settings = from_table(RunSettings, CHANGED)
    path = tmp_path / "run.toml"
    path.write_text(tomli_w.dumps(as_table(settings)))
    assert from_table(RunSettings, from_toml(path)) == settings
    assert settings.chips.bands == ("red",)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"x=", "is not TOML"), (b"\xff\xfe", "is not TOML"), (None, "cannot be read")],
)
def test_from_toml__unreadable(tmp_path, content, words):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=words) as caught:
        from_toml(path)
    assert caught.value.where == str(path)


tables = st.recursive(st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner))
nested = st.dictionaries(st.sampled_from("abc"), tables)


@given(nested, nested)
def test_merge__the_second_wins(base, over):
    merged = merge(base, over)
    assert merge(merged, over) == merged
    assert merge(base, {}) == base
    assert merged.keys() == base.keys() | over.keys()
    for key, value in over.items():
        if not (isinstance(value, dict) and isinstance(base.get(key), dict)):
            assert merged[key] == value


def test_merge__leaves_its_arguments_alone():
    base = {"a": {"b": 1}}
    assert merge(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


def test_presets__all_are_settings():
    for table in PRESETS.values():
        from_table(RunSettings, table)
    assert from_table(RunSettings, PRESETS["default"]) == RunSettings()


def test_presets__the_seed_mixes_place_and_size_in():
    seed = from_table(RunSettings, PRESETS["seed"])
    reduction = dataclasses.asdict(seed.reduction)
    assert reduction.pop("n_dims") == 50
    assert reduction == dict.fromkeys(("longitude", "latitude", "width", "height"), 1.0)
    assert (seed.gmm.covariance, seed.gmm.n_dims) == ("full", 50)


def test_settings__place_is_left_out_by_default():
    kept = dataclasses.asdict(ReductionSettings())
    kept.pop("n_dims")
    assert set(kept.values()) == {0.0}


def test_settings__are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ChipSettings().size = 3  # type: ignore[misc]
