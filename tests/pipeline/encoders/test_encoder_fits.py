import dataclasses

import numpy as np
import pandas as pd
import pytest

from core.artifacts.store import Store
from core.chips.chip_set import ChipSet, SceneChips
from core.chips.scaling import Scaling
from core.errors import DegenerateError
from core.pipeline.encoders import encoder_fits
from core.pipeline.encoders.encoder_fits import Fit, extend, kept_fit, read_fit, write_fit
from core.settings import EmbedSettings

IDENTITY = {"encoder": "texture", "version": 2}
FIT = Fit({"mean": np.arange(3.0)}, {"uint8": Scaling((0.0,), (255.0,), "uint8 divided by 255")})


@dataclasses.dataclass
class Chips:
    """What fits look at of a set of chips."""

    keys: tuple[str, ...]
    bands: tuple[str, ...] = ("red", "green")
    size: int = 64
    dtypes: tuple[str, ...] = ("uint8",)

    def __len__(self):
        return 10


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def wanted(chips, identity=IDENTITY, **settings):
    return encoder_fits.fit_step(identity, chips, EmbedSettings(**settings))


def make(store, chips, **given):
    step = wanted(chips, **given)
    return store.make(step, lambda folder: write_fit(folder, FIT, chips))


def test_kept_fit__none_before_the_first(store):
    assert kept_fit(store, wanted(Chips(("a",)))) is None


def test_kept_fit__the_same_chips(store):
    made = make(store, Chips(("a", "b")))
    assert kept_fit(store, wanted(Chips(("a", "b")))).key == made.key


def test_kept_fit__scenes_added(store):
    made = make(store, Chips(("a",)))
    kept = kept_fit(store, wanted(Chips(("a", "b"))))
    assert kept.key == made.key
    assert store.find(kept) is not None


def test_kept_fit__a_scene_removed(store):
    make(store, Chips(("a", "b")))
    assert kept_fit(store, wanted(Chips(("a",)))) is None


@pytest.mark.parametrize(
    "other",
    [
        {"chips": Chips(("a", "b"), bands=("green", "red"))},
        {"chips": Chips(("a", "b"), size=32)},
        {"identity": {**IDENTITY, "version": 3}},
        {"sample": 99},
    ],
    ids=lambda other: str(*other),
)
def test_kept_fit__another_question(store, other):
    make(store, Chips(("a",)))
    asked = {"chips": Chips(("a", "b"))} | other
    assert kept_fit(store, wanted(asked.pop("chips"), **asked)) is None


def test_kept_fit__the_latest_of_several(store):
    make(store, Chips(("a",)))
    latest = make(store, Chips(("b",)))
    assert kept_fit(store, wanted(Chips(("a", "b", "c")))).key == latest.key


def test_kept_fit__of_another_version(store, monkeypatch):
    make(store, Chips(("a",)))
    monkeypatch.setattr(encoder_fits, "VERSION", encoder_fits.VERSION + 1)
    assert kept_fit(store, wanted(Chips(("a", "b")))) is None


def test_fit__round_trip(store):
    read = read_fit(make(store, Chips(("a",))))
    assert read.scalings == FIT.scalings
    assert np.array_equal(read.fitted["mean"], FIT.fitted["mean"])


def test_fit_step__weights_count():
    one, two = (
        wanted(Chips(("a",)), identity={**IDENTITY, "weights": sha}) for sha in ("one", "two")
    )
    assert one.key != two.key


def scene(key, low, high):
    """A scene of one band with values spread over a range."""
    values = np.linspace(low, high, 4 * 256).astype(np.uint16).reshape(4, 1, 16, 16)
    facts = pd.DataFrame({"chip_id": list("abcd")})
    return SceneChips(key, key, values, np.zeros((4, 16, 16), np.uint8), facts, facts)


def test_require_covered__a_scene_beyond_the_kept_scaling_is_refused(store):
    first = ChipSet((scene("a", 0, 2000),), ("pan",))
    made = make(store, first)
    fit = Fit({}, first.fit_scalings(100))
    alike = ChipSet((*first.parts, scene("b", 100, 1900)), ("pan",))
    encoder_fits.require_covered(fit, made, alike)
    beyond = ChipSet((*first.parts, scene("b", 20_000, 30_000)), ("pan",))
    with pytest.raises(DegenerateError, match=r"^b: 100% of its values .*--refit"):
        encoder_fits.require_covered(fit, made, beyond)


def test_require_covered__what_the_fit_learnt_from_is_not_asked_again(store):
    chips = ChipSet((scene("a", 0, 2000),), ("pan",))
    encoder_fits.require_covered(Fit({}, {}), make(store, chips), chips)


def test_kept_note__says_what_the_fit_knows(store):
    made = make(store, Chips(("a",)))
    assert encoder_fits.kept_note(made, Chips(("a",))) == ()
    (note,) = encoder_fits.kept_note(made, Chips(("a", "b")))
    assert note.startswith("encoder and scaling learnt from 1 of 2 scenes")


def test_kept_fit__of_a_new_dtype_keeps_what_was_learnt(store):
    old = make(store, Chips(("a",)))
    chips = Chips(("a", "b"), dtypes=("float32", "uint8"))
    step = kept_fit(store, wanted(chips))
    assert step.key != old.key
    assert extend(store, wanted(chips), {}) is None
    fresh = {d: Scaling((9.0,), (99.0,), "of all") for d in chips.dtypes}
    fit = extend(store, step, fresh)
    assert fit.scalings == {"float32": fresh["float32"], "uint8": FIT.scalings["uint8"]}
    assert np.array_equal(fit.fitted["mean"], FIT.fitted["mean"])
    made = store.make(step, lambda folder: write_fit(folder, fit, chips))
    # From then on it is the one that is kept, for these scenes and for more.
    assert kept_fit(store, wanted(chips)).key == made.key
    more = dataclasses.replace(chips, keys=("a", "b", "c"))
    assert kept_fit(store, wanted(more)).key == made.key
