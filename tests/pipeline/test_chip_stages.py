import json

import numpy as np
import pytest
from rasterio.enums import ColorInterp

from core.embeddings.descriptors import texture
from core.errors import BandError, Cancelled, DegenerateError
from core.pipeline import chip_stages
from core.pipeline.run import run
from core.pipeline.scene_survey import survey
from core.pipeline.workspace import Workspace


@pytest.fixture
def encoded(monkeypatch):
    """How many chips each call of the encoder got."""
    calls = []
    encode = texture.Texture.encode

    def counted(self, batch, fitted):
        calls.append(len(batch))
        return encode(self, batch, fitted)

    monkeypatch.setattr(texture.Texture, "encode", counted)
    return calls


def embedded(workspace, settings):
    return run(Workspace.at(workspace.root), settings, until="embeddings")


def by_id(done):
    return dict(zip(done.chips.facts["chip_id"], np.asarray(done.embeddings()), strict=True))


def test_embeddings__an_added_scene_leaves_the_others_alone(
    workspace, settings, add_scene, encoded, data_files
):
    before = by_id(embedded(workspace, settings()))
    kept = data_files(workspace.root, "embeddings")
    encoded.clear()
    add_scene("c", seed=2, n=12)
    done = embedded(workspace, settings())
    assert encoded == [12]
    after = by_id(done)
    assert len(after) == 52
    assert all(np.array_equal(after[name], vector) for name, vector in before.items())
    assert kept.items() <= data_files(workspace.root, "embeddings").items()
    assert [a.cached for a in done.artifacts["embeddings"]] == [True, True, True, False]


def test_embeddings__an_added_scene_of_another_dtype_leaves_the_vectors(
    workspace, settings, add_scene
):
    before = by_id(embedded(workspace, settings()))
    add_scene("c", seed=2, n=12, dtype="uint16", descriptions=("red", "green", "blue"))
    done = embedded(workspace, settings())
    assert set(done.chips.dtypes) == {"uint8", "uint16"}
    after = by_id(done)
    assert len(after) == 52
    assert all(np.array_equal(after[name], vector) for name, vector in before.items())
    assert np.isfinite(np.array(list(after.values()))).all()


def test_chips__a_band_that_other_scenes_lack_is_named(workspace, settings, add_scene):
    names = ("red", "green", "blue")
    four = np.random.default_rng(0).integers(1, 254, (4, 256, 256))
    # Without a word, GDAL takes a fourth band of 8 bits for alpha.
    colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.gray)
    add_scene("c", seed=2, content=four, descriptions=(*names, "nir"), colours=colours)
    add_scene("a", seed=0, descriptions=names)
    add_scene("b", seed=1, descriptions=names)
    done = run(workspace, settings(), until="chips")
    told = "band nir of c is not used: other scenes lack it"
    assert told in done.chips.notes
    asked = run(workspace, settings(chips={"bands": ["red", "green"]}), until="chips")
    assert not [note for note in asked.chips.notes if "not used" in note]


def test_embeddings__a_removed_scene_fits_anew(workspace, settings, encoded):
    embedded(workspace, settings())
    for file in workspace.raw.glob("b.*"):
        file.unlink()
    encoded.clear()
    done = embedded(workspace, settings())
    assert len(done.chips) == 20
    assert sum(encoded) == 20
    assert not done.artifacts["embeddings"][0].cached


def test_embeddings__a_removed_scene_gives_what_a_fresh_workspace_gives(
    workspace, settings, add_scene, tmp_path
):
    embedded(workspace, settings())
    for file in workspace.raw.glob("b.*"):
        file.unlink()
    fresh = Workspace.at(tmp_path / "fresh")
    add_scene("a", seed=0, folder=fresh.raw)
    one, two = embedded(workspace, settings()), embedded(fresh, settings())
    assert np.array_equal(one.embeddings(), two.embeddings())


def test_embeddings__ids_stay_when_annotations_change_order(workspace, settings):
    before = by_id(embedded(workspace, settings()))
    vector = workspace.raw / "a.geojson"
    document = json.loads(vector.read_text())
    document["features"].reverse()
    vector.write_text(json.dumps(document))
    assert by_id(embedded(workspace, settings())).keys() == before.keys()


def test_embeddings__rows_follow_the_chips(workspace, settings):
    done = embedded(workspace, settings())
    assert done.chips.facts["scene"].tolist() == ["a"] * 20 + ["b"] * 20
    for at, part in enumerate(done.chips.parts):
        made = done.artifacts["embeddings"][1 + at]
        rows = np.load(made.folder / "embeddings.npy")
        assert np.array_equal(rows, done.embeddings()[20 * at : 20 * at + len(part)])


def test_embeddings__blocks_do_not_change_the_bytes(
    workspace, settings, monkeypatch, add_scene, data_files, tmp_path
):
    other = Workspace.at(tmp_path / "other")
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other.raw)
    embedded(workspace, settings())
    monkeypatch.setattr(chip_stages, "BLOCK", 7)
    embedded(other, settings())
    one, two = (data_files(w.root, "embeddings") for w in (workspace, other))
    assert one == two


def test_embeddings__cancel_goes_on_where_it_stopped(
    workspace, settings, monkeypatch, encoded, data_files, add_scene, tmp_path
):
    monkeypatch.setattr(chip_stages, "BLOCK", 8)
    other = Workspace.at(tmp_path / "other")
    for seed, name in enumerate("ab"):
        add_scene(name, seed=seed, folder=other.raw)
    embedded(other, settings())
    encoded.clear()

    def stop(stage):
        return lambda done, _total, _note: stage == "embeddings" and done >= 28

    with pytest.raises(Cancelled):
        run(workspace, settings(), stop)
    assert encoded == [8, 8, 4, 8]
    encoded.clear()
    embedded(workspace, settings())
    assert encoded == [8, 4]
    assert data_files(workspace.root, "embeddings") == data_files(other.root, "embeddings")


def test_embeddings__values_that_are_not_finite(workspace, settings, monkeypatch):
    encode = texture.Texture.encode

    def broken(self, batch, fitted):
        vectors = encode(self, batch, fitted).copy()
        vectors[3] = np.nan
        return vectors

    monkeypatch.setattr(texture.Texture, "encode", broken)
    with pytest.raises(DegenerateError, match="gives values that are not finite") as caught:
        embedded(workspace, settings())
    chip_set, _ = chip_stages.chips(workspace, survey(workspace), settings().chips)
    assert caught.value.where == chip_set.facts["chip_id"][3]
    assert workspace.store.all("embeddings") == []
    monkeypatch.setattr(texture.Texture, "encode", encode)
    assert np.isfinite(embedded(workspace, settings()).embeddings()).all()


def test_chips__bands_that_scenes_share(workspace, add_scene, settings):
    names = ("blue", "green", "infrared")
    add_scene("c", seed=2, descriptions=names)
    done = run(workspace, settings(), until="chips")
    assert done.chips.bands == ("green", "blue")
    assert done.chips.parts[0].pixels.shape[1] == 2


def test_chips__scenes_without_a_shared_band(workspace, add_scene, settings):
    add_scene("c", seed=2, descriptions=("x", "y", "z"))
    with pytest.raises(BandError, match=r"share no band.*c\.tif has x, y, z"):
        run(workspace, settings())
    with pytest.raises(BandError, match=r"c\.tif: band 'red' is missing"):
        run(workspace, settings(chips={"bands": ["red"]}))


def test_chips__only_the_new_scene_is_cut(workspace, add_scene, settings):
    run(workspace, settings(), until="chips")
    add_scene("c", seed=2)
    made = run(workspace, settings(), until="chips").artifacts["chips"]
    assert [a.cached for a in made] == [True, True, False]


def test_chips__open_read_only(workspace, settings):
    done = run(workspace, settings(), until="embeddings")
    for array in (done.chips.parts[0].pixels, done.chips.parts[0].mask):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
