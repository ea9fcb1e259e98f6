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
from core.tables import merge_tables, read_toml, settings_from_table, settings_table

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
def test_bounds__inclusive(stage, item):
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
def test_bounds__whole_numbers(stage, item):
    low, high = item.metadata["bounds"]
    value = getattr(stage(**{item.name: float(high)}), item.name)
    assert type(value) is type(item.default)
    if isinstance(item.default, int):
        with pytest.raises(SettingsError, match="is not a whole number"):
            stage(**{item.name: low + 0.5})


@pytest.mark.parametrize(("stage", "item"), CHOSEN, ids=name)
def test_choices__must_be_listed(stage, item):
    for choice in item.metadata["choices"]:
        assert getattr(stage(**{item.name: choice}), item.name) == choice
    with pytest.raises(SettingsError, match=f"is not one of .*{item.default}"):
        stage(**{item.name: "nothing"})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"embed": {"encoder": 5}}, "5 is not text"),
        ({"embed": {"weights": True}}, "True is not text"),
        ({"chips": {"bands": "red"}}, "'red' is not a list of names"),
        ({"chips": {"bands": ["red", 3]}}, "is not a list of names"),
        ({"chips": 3}, "'chips' is a table, not 3"),
        ({"chips": {"siz": 3}}, "settings: unknown setting 'chips.siz'. Did you mean 'size'?"),
        ({"chipz": {}}, "settings: unknown setting 'chipz'. Did you mean 'chips'?"),
        ({"xyz": 1}, "unknown setting 'xyz'. Known: method, chips"),
        ({"method": 5}, "5 is not text"),
        ({"gmm": {"covariance": "ful"}}, "'ful' is not one of auto, shrunk, full"),
    ],
    ids=str,
)
def test_settings_from_table__invalid(table, message):
    with pytest.raises(SettingsError) as caught:
        settings_from_table(RunSettings, table)
    assert message in str(caught.value)


def test_settings_from_table__empty_table_gives_the_defaults():
    assert settings_from_table(RunSettings, {}) == RunSettings()


CHANGED = {"method": "hdbscan", "chips": {"bands": ["red"], "size": 32}, "gmm": {"seed": 7}}


def test_read_toml__round_trip(tmp_path):
    settings = settings_from_table(RunSettings, CHANGED)
    path = tmp_path / "run.toml"
    path.write_text(tomli_w.dumps(settings_table(settings)))
    assert settings_from_table(RunSettings, read_toml(path)) == settings
    assert settings.chips.bands == ("red",)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"x=", "is not TOML"), (b"\xff\xfe", "is not TOML"), (None, "cannot be read")],
)
def test_read_toml__unreadable(tmp_path, content, message):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=message) as caught:
        read_toml(path)
    assert caught.value.where == str(path)


tables = st.recursive(st.integers(), lambda inner: st.dictionaries(st.sampled_from("abc"), inner))
nested = st.dictionaries(st.sampled_from("abc"), tables)


@given(nested, nested)
def test_merge_tables__overrides_win(base, overrides):
    merged = merge_tables(base, overrides)
    assert merge_tables(merged, overrides) == merged
    assert merge_tables(base, {}) == base
    assert merged.keys() == base.keys() | overrides.keys()
    for key, value in overrides.items():
        if not (isinstance(value, dict) and isinstance(base.get(key), dict)):
            assert merged[key] == value


def test_merge_tables__does_not_change_its_arguments():
    base = {"a": {"b": 1}}
    assert merge_tables(base, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert base == {"a": {"b": 1}}


def test_presets__are_valid_settings():
    for table in PRESETS.values():
        settings_from_table(RunSettings, table)
    assert settings_from_table(RunSettings, PRESETS["default"]) == RunSettings()


def test_presets__seed_adds_location_and_size():
    seed = settings_from_table(RunSettings, PRESETS["seed"])
    weights = dict.fromkeys(("longitude", "latitude", "width", "height"), 1.0)
    assert seed.reduction == ReductionSettings(n_dims=50, **weights)
    assert (seed.gmm.covariance, seed.gmm.n_dims) == ("full", 50)


def test_settings__location_and_size_are_not_used_by_default():
    settings = ReductionSettings()
    assert settings.longitude == settings.latitude == settings.width == settings.height == 0


def test_settings__are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ChipSettings().size = 3  # type: ignore[misc]
