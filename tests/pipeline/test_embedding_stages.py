import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.artifacts.formats import write_arrays, write_json
from core.artifacts.store import Step
from core.chips.chip_set import ChipSet, Outline, SceneChips
from core.chips.scaling import Scaling
from core.embeddings import registry
from core.embeddings.descriptors import texture
from core.embeddings.encoding import require_covered
from core.errors import Cancelled, DegenerateError
from core.pipeline import embedding_stages
from core.pipeline.embedding_stages import (
    ENCODER_FITS,
    EncoderFit,
    extended_fit,
    fit_inputs,
    kept_note,
)
from core.pipeline.run import run_pipeline
from core.pipeline.workspace import Workspace
from core.settings import EmbedSettings


@pytest.fixture
def batch_sizes(monkeypatch):
    """The number of chips in each call of the encoder."""
    sizes = []
    encode = texture.Texture.encode

    def counted(self, batch, fitted):
        sizes.append(len(batch))
        return encode(self, batch, fitted)

    monkeypatch.setattr(texture.Texture, "encode", counted)
    return sizes


def embed(workspace, settings):
    """Open a workspace again and embed its chips."""
    return run_pipeline(Workspace.at(workspace.root), settings, until="embeddings")


def vectors_by_chip(run):
    return dict(zip(run.chips.facts["chip_id"], np.asarray(run.embeddings()), strict=True))


def test_embeddings__an_added_scene_does_not_change_the_others(
    workspace, settings, add_scene, batch_sizes, data_files
):
    before = vectors_by_chip(embed(workspace, settings()))
    files = data_files(workspace.root, "embeddings")
    batch_sizes.clear()
    add_scene("c", seed=2, n=12)
    run = embed(workspace, settings())
    assert batch_sizes == [12]
    after = vectors_by_chip(run)
    assert len(after) == 52
    assert all(np.array_equal(after[chip_id], vector) for chip_id, vector in before.items())
    assert files.items() <= data_files(workspace.root, "embeddings").items()
    cached = [artifact.cached for artifact in run.view.artifacts["embeddings"]]
    assert cached == [True, True, True, False]


def test_embeddings__an_added_scene_of_another_dtype_does_not_change_the_others(
    workspace, settings, add_scene
):
    before = vectors_by_chip(embed(workspace, settings()))
    add_scene("c", seed=2, n=12, dtype="uint16", descriptions=("red", "green", "blue"))
    run = embed(workspace, settings())
    assert set(run.chips.dtypes) == {"uint8", "uint16"}
    after = vectors_by_chip(run)
    assert len(after) == 52
    assert all(np.array_equal(after[chip_id], vector) for chip_id, vector in before.items())
    assert np.isfinite(np.array(list(after.values()))).all()


def test_embeddings__the_encoder_is_fitted_again_without_a_removed_scene(
    workspace, settings, batch_sizes
):
    embed(workspace, settings())
    for file in workspace.raw.glob("b.*"):
        file.unlink()
    batch_sizes.clear()
    run = embed(workspace, settings())
    assert len(run.chips) == 20
    assert batch_sizes == []
    assert not run.view.artifacts["embeddings"][0].cached


def test_embeddings__a_removed_scene_has_no_effect(workspace, settings, add_scene, tmp_path):
    embed(workspace, settings())
    for file in workspace.raw.glob("b.*"):
        file.unlink()
    fresh = Workspace.at(tmp_path / "fresh")
    add_scene("a", seed=0, folder=fresh.raw)
    first, second = embed(workspace, settings()), embed(fresh, settings())
    assert np.array_equal(first.embeddings(), second.embeddings())


def test_embeddings__ids_do_not_depend_on_the_order_of_annotations(workspace, settings):
    before = vectors_by_chip(embed(workspace, settings()))
    file = workspace.raw / "a.geojson"
    document = json.loads(file.read_text())
    document["features"].reverse()
    file.write_text(json.dumps(document))
    assert vectors_by_chip(embed(workspace, settings())).keys() == before.keys()


def test_embeddings__rows_follow_the_chips(workspace, settings):
    run = embed(workspace, settings())
    assert run.chips.facts["scene"].tolist() == ["a"] * 20 + ["b"] * 20
    for i, part in enumerate(run.chips.parts):
        artifact = run.view.artifacts["embeddings"][1 + i]
        rows = np.load(artifact.folder / "embeddings.npy")
        assert np.array_equal(rows, run.embeddings()[20 * i : 20 * i + len(part)])


def test_embeddings__blocks_do_not_change_the_bytes(
    workspace, settings, monkeypatch, add_scene, data_files, tmp_path
):
    other = Workspace.at(tmp_path / "other")
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other.raw)
    embed(workspace, settings())
    monkeypatch.setattr(embedding_stages, "BLOCK", 7)
    embed(other, settings())
    first, second = (data_files(w.root, "embeddings") for w in (workspace, other))
    assert first == second


@pytest.mark.parametrize(("sample", "sizes"), [(39, [8, 8, 4, 8]), (40, [])])
def test_embeddings__a_cancelled_run_resumes_at_the_last_block(
    workspace, settings, monkeypatch, batch_sizes, data_files, add_scene, tmp_path, sample, sizes
):
    """With a sample of all 40 chips, the fit embeds them; the run that resumes encodes the rest."""
    chosen = settings(embed={"sample": sample})
    monkeypatch.setattr(embedding_stages, "BLOCK", 8)
    other = Workspace.at(tmp_path / "other")
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other.raw)
    embed(other, chosen)
    batch_sizes.clear()

    def stop(stage):
        return lambda completed, _total, _note: stage == "embeddings" and completed >= 28

    with pytest.raises(Cancelled):
        run_pipeline(workspace, chosen, stop)
    assert batch_sizes == sizes
    batch_sizes.clear()
    embed(workspace, chosen)
    assert batch_sizes == [8, 4]
    assert data_files(workspace.root, "embeddings") == data_files(other.root, "embeddings")


@pytest.mark.parametrize(("sample", "row"), [(39, 3), (40, 23)])
def test_embeddings__values_that_are_not_finite(workspace, settings, monkeypatch, sample, row):
    """They are found whether the fit embeds the chips (sample of all 40) or the encoder does."""
    chosen = settings(embed={"sample": sample})

    def broken(scores, mixing):
        vectors = mix(scores, mixing).copy()
        vectors[row % len(vectors)] = np.nan
        return vectors

    mix = texture._mix
    monkeypatch.setattr(texture, "_mix", broken)
    with pytest.raises(
        DegenerateError, match="texture produced values that are not finite"
    ) as caught:
        embed(workspace, chosen)
    chips = run_pipeline(workspace, chosen, until="chips").chips
    assert caught.value.where == chips.facts["chip_id"][row]
    assert workspace.store.all("embeddings") == []
    monkeypatch.setattr(texture, "_mix", mix)
    assert np.isfinite(embed(workspace, chosen).embeddings()).all()


class MeanEncoder:
    """An encoder with a note about the bands."""

    card = registry.encoder_card("texture")
    identity = {"name": "mean", "version": 1}  # noqa: RUF012

    def notes(self, n_bands, names):
        return (f"mean: of {n_bands} bands {names[0]} is repeated",)

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted):
        return batch.unit().mean((2, 3))


def test_notes__are_stored_with_the_fit(add_scene, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "load_encoder", lambda *_: MeanEncoder())
    monkeypatch.setattr(registry, "encoder_identity", lambda *_: MeanEncoder.identity)
    add_scene("a", dtype="uint16", descriptions=("pan", "green", "blue"))
    for cached in (False, True):
        run = embed(Workspace.at(tmp_path), settings(chips={"bands": ["pan"]}))
        assert run.view.artifacts["embeddings"][0].cached == cached
        notes = run.notes()
        assert notes[0] == "mean: of 1 bands pan is repeated"
        assert notes[1].startswith("pixels scaled to 0..1: uint16 from")


IDENTITY = {"encoder": "texture", "version": 2}
FIT = EncoderFit(
    {"mean": np.arange(3.0)}, {"uint8": Scaling((0.0,), (255.0,), "uint8 divided by 255")}
)


@pytest.fixture
def empty(tmp_path):
    return Workspace(tmp_path)


@pytest.fixture
def inputs_of(empty, monkeypatch):
    """Return the inputs of a fit in an empty workspace."""

    def inputs(chips, identity=IDENTITY, **settings):
        monkeypatch.setattr(registry, "encoder_identity", lambda *_: identity)
        return fit_inputs(empty, chips, EmbedSettings(**settings))

    return inputs


@pytest.fixture
def store_fit(empty, inputs_of):
    """Store a fit to these chips, with arbitrary parameters."""

    def store(chips, fit=FIT, inputs=None):
        def write(folder):
            write_arrays(folder / "fitted", fit.fitted)
            scalings = {dtype: vars(scaling) for dtype, scaling in fit.scalings.items()}
            write_json(folder / "scaling.json", scalings)
            return {}

        inputs = inputs_of(chips) if inputs is None else inputs
        step = Step(ENCODER_FITS.name, ENCODER_FITS.version, inputs)
        return empty.store.make(step, write)

    return store


def outline(*keys, bands=("red", "green"), size=64, dtypes=("uint8",)):
    """Return the properties of a chip set that its fit depends on."""
    return Outline(keys, bands, size, dtypes)


def key_of(inputs):
    return Step(ENCODER_FITS.name, ENCODER_FITS.version, inputs).key


def test_fit_inputs__these_chips_if_nothing_is_stored(inputs_of, empty):
    inputs = inputs_of(outline("a"))
    assert inputs["chips"] == ("a",)
    assert empty.store.all(ENCODER_FITS.name) == []


def test_fit_inputs__the_same_chips(inputs_of, store_fit):
    artifact = store_fit(outline("a", "b"))
    assert key_of(inputs_of(outline("a", "b"))) == artifact.key


def test_fit_inputs__scenes_added(inputs_of, store_fit):
    artifact = store_fit(outline("a"))
    inputs = inputs_of(outline("a", "b"))
    assert key_of(inputs) == artifact.key
    assert inputs["chips"] == ["a"]


def test_fit_inputs__refit_to_all_scenes(inputs_of, store_fit):
    store_fit(outline("a"))
    assert inputs_of(outline("a", "b"), refit=True)["chips"] == ("a", "b")


def test_fit_inputs__a_scene_removed(inputs_of, store_fit):
    store_fit(outline("a", "b"))
    assert inputs_of(outline("a"))["chips"] == ("a",)


@pytest.mark.parametrize(
    "change",
    [
        {"chips": outline("a", "b", bands=("green", "red"))},
        {"chips": outline("a", "b", size=32)},
        {"identity": {**IDENTITY, "version": 3}},
        {"sample": 99},
    ],
    ids=lambda change: str(*change),
)
def test_fit_inputs__another_encoder_or_other_chips(inputs_of, store_fit, change):
    store_fit(outline("a"))
    arguments = {"chips": outline("a", "b")} | change
    assert inputs_of(**arguments)["chips"] == ("a", "b")


def test_fit_inputs__the_latest_of_several(inputs_of, store_fit):
    store_fit(outline("a"))
    latest = store_fit(outline("b"))
    assert key_of(inputs_of(outline("a", "b", "c"))) == latest.key


def test_fit_inputs__of_another_version(inputs_of, store_fit, monkeypatch):
    store_fit(outline("a"))
    # The record is frozen, and its functions refer to it by name.
    newer = {**vars(ENCODER_FITS), "version": ENCODER_FITS.version + 1}
    monkeypatch.setattr(embedding_stages, "ENCODER_FITS", type(ENCODER_FITS)(**newer))
    assert inputs_of(outline("a", "b"))["chips"] == ("a", "b")


def test_fit_inputs__depend_on_the_weights(inputs_of):
    first, second = (
        key_of(inputs_of(outline("a"), identity={**IDENTITY, "weights": checksum}))
        for checksum in ("one", "two")
    )
    assert first != second


def test_fit_inputs__a_new_dtype_extends_the_stored_fit(inputs_of, store_fit, empty):
    first = store_fit(outline("a"))
    chips = outline("a", "b", dtypes=("float32", "uint8"))
    inputs = inputs_of(chips)
    assert key_of(inputs) != first.key
    assert extended_fit(empty.store, inputs_of(outline("a")), {}) is None
    scalings = {dtype: Scaling((9.0,), (99.0,), "of all") for dtype in chips.dtypes}
    fit = extended_fit(empty.store, inputs, scalings)
    assert fit.scalings == {"float32": scalings["float32"], "uint8": FIT.scalings["uint8"]}
    assert np.array_equal(fit.fitted["mean"], FIT.fitted["mean"])
    artifact = store_fit(chips, fit, inputs)
    # From then on the extended fit is used, for these scenes and for more.
    assert key_of(inputs_of(chips)) == artifact.key
    more = outline("a", "b", "c", dtypes=("float32", "uint8"))
    assert key_of(inputs_of(more)) == artifact.key


def scene_chips(key, low, high):
    """Four chips of one band with values spread over a range."""
    values = np.linspace(low, high, 4 * 256).astype(np.uint16).reshape(4, 1, 16, 16)
    facts = pd.DataFrame({"chip_id": list("abcd")})
    return SceneChips(key, key, values, np.zeros((4, 16, 16), np.uint8), facts, facts)


def test_encoder_fit__round_trip(empty):
    chips = ChipSet((scene_chips("a", 0, 2000),), ("pan",))
    encoder = MeanEncoder()
    encoder.fit = lambda sample: FIT.fitted
    encoding = SimpleNamespace(
        fit_inputs={"chips": ("a",), "encoder": {}},
        view=SimpleNamespace(workspace=empty),
        chip_set=chips,
        encoder=encoder,
        settings=EmbedSettings(),
        store=empty.store,
    )
    artifact = ENCODER_FITS.make(empty.store, encoding)
    fit = ENCODER_FITS.open(artifact)
    assert fit.scalings == chips.fit_scalings(EmbedSettings().sample)
    assert np.array_equal(fit.fitted["mean"], FIT.fitted["mean"])


def test_require_covered__a_scene_beyond_the_stored_scaling_is_refused(store_fit):
    first = ChipSet((scene_chips("a", 0, 2000),), ("pan",))
    artifact = store_fit(first.outline)
    fit = EncoderFit({}, first.fit_scalings(100))
    similar = ChipSet((*first.parts, scene_chips("b", 100, 1900)), ("pan",))
    keys = artifact.manifest["inputs"]["chips"]
    require_covered(fit.scalings, keys, similar)
    beyond = ChipSet((*first.parts, scene_chips("b", 20_000, 30_000)), ("pan",))
    with pytest.raises(DegenerateError, match=r"^b: 100% of its values .*--refit"):
        require_covered(fit.scalings, keys, beyond)


def test_require_covered__scenes_of_the_fit_are_not_checked_again(store_fit):
    chips = ChipSet((scene_chips("a", 0, 2000),), ("pan",))
    artifact = store_fit(chips.outline)
    require_covered({}, artifact.manifest["inputs"]["chips"], chips)


def test_kept_note__states_the_number_of_fitted_scenes(store_fit):
    artifact = store_fit(outline("a"))
    assert kept_note(artifact, outline("a")) == ()
    (note,) = kept_note(artifact, outline("a", "b"))
    assert note.startswith("encoder and scaling are fitted to only 1 of 2 scenes")
