"""Comparisons of encoders, which are computed once and then found in the store."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from core.chips.spatial_blocks import divide_into_blocks
from core.embeddings import registry
from core.embeddings.descriptors import texture
from core.errors import SettingsError, TooFewError, WeightsError
from core.pipeline.encoders import encoder_comparison
from core.pipeline.encoders.encoder_comparison import (
    CONTROL,
    compare_encoders,
    count_fitted_scenes,
    describe_normalisation,
    find_scored_encoder,
    ready_encoders,
    scoring_notes,
    settings_for,
    with_weights_owner,
)
from core.pipeline.encoders.encoder_scores import score_encoder
from core.pipeline.run import run_pipeline
from core.settings import EmbedSettings

BOTH = ["texture", "texture+colour"]


@pytest.fixture
def run(workspace, settings):
    """A run up to the chips."""
    return run_pipeline(workspace, settings(), until="chips")


@pytest.fixture
def view(run):
    return run.view


def test_scoring_notes__of_clusters_name_the_encoder():
    def scored(name, *cluster_notes):
        scores = SimpleNamespace(notes=("Two blocks.",), cluster_notes=cluster_notes)
        return SimpleNamespace(encoder=name, scores=scores)

    both = [scored("texture"), scored("colour", "HDBSCAN: Indistinct.")]
    assert scoring_notes(both, str.title) == ["Two blocks.", "Colour, HDBSCAN: Indistinct."]


def test_settings_for__a_weight_file_belongs_to_one_encoder(tmp_path):
    file = EmbedSettings(encoder="resnet50", weights=str(tmp_path / "w.safetensors"), input_size=64)
    assert settings_for(file, "resnet50") == file
    other = settings_for(file, "dinov2-small")
    assert (other.encoder, other.weights, other.input_size) == ("dinov2-small", "", 64)
    folder = dataclasses.replace(file, weights=str(tmp_path))
    assert settings_for(folder, "dinov2-small").weights == str(tmp_path)


def test_settings_for__joined_with_an_encoder_without_weights(tmp_path):
    file = EmbedSettings(encoder="resnet50", weights=str(tmp_path / "w.safetensors"))
    assert settings_for(file, "texture+resnet50").weights == file.weights
    assert settings_for(file, "texture").weights == ""


def test_with_weights_owner__the_encoder_that_needs_weights(tmp_path):
    file = EmbedSettings(weights=str(tmp_path / "w.pth"))
    names = ["texture", "texture+resnet50", "resnet50"]
    owned = with_weights_owner(file, names)
    assert owned == dataclasses.replace(file, encoder="resnet50")
    assert settings_for(owned, "texture+resnet50").weights == file.weights
    assert with_weights_owner(file, ["texture", "colour"]) == file
    chosen = dataclasses.replace(file, encoder="dinov2-small")
    assert with_weights_owner(chosen, names) == chosen
    folder = dataclasses.replace(file, weights=str(tmp_path))
    assert with_weights_owner(folder, [*names, "dinov2-small"]) == folder
    with pytest.raises(SettingsError, match="one file cannot be the weights of resnet50 and dino"):
        with_weights_owner(file, [*names, "dinov2-small"])


def test_ready_encoders__without_any_download(workspace, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert ready_encoders(workspace, EmbedSettings()) == ["texture", "colour"]


def test_compare_encoders__scores_of_the_embeddings(workspace, settings, run, view):
    scored = compare_encoders(view, BOTH, "class")
    assert [row.encoder for row in scored] == [*BOTH, CONTROL]
    assert [row.scores.dim for row in scored] == [323, 353, 30]
    assert all(row.seconds > 0 and not row.cached for row in scored)
    for row in scored:
        own_settings = settings(embed={"encoder": row.encoder})
        embedded = run_pipeline(workspace, own_settings, until="embeddings")
        assert embedded.stages["embeddings"] == "cached"
        truth, scenes = run.chips.properties["class"].tolist(), run.chips.facts["scene"].tolist()
        blocks = divide_into_blocks(run.chips.facts)
        embeddings = np.asarray(embedded.embeddings())
        scores = score_encoder(embeddings, truth, scenes, blocks, "class", own_settings)
        assert row.scores == scores
        for held_out, votes in scores.votes.items():
            assert np.array_equal(row.scores.votes[held_out].groups, votes.groups)
            assert np.array_equal(row.scores.votes[held_out].correct, votes.correct)


def test_compare_encoders__what_each_encoder_reads(view):
    for row in compare_encoders(view, ["texture", CONTROL], "class"):
        assert row.input_size == 32
        assert row.normalisation == "chips"
        assert row.chips_per_second == pytest.approx(
            len(row.scores.votes["chips"].codes) / row.seconds, rel=0.1
        )
        table = row.as_table()
        assert table["is_control"] == (row.encoder == CONTROL)
        assert "votes" not in table
        assert "scores" not in table


@pytest.mark.parametrize(
    ("encoder", "statistics", "words"),
    [
        ("texture", "card", "chips"),
        ("resnet50", "card", "weights"),
        ("resnet50", "data", "chips"),
        ("texture+resnet50", "card", "chips + weights"),
    ],
)
def test_describe_normalisation(encoder, statistics, words):
    assert describe_normalisation(EmbedSettings(statistics=statistics), encoder) == words


def test_compare_encoders__second_call_computes_nothing(view, monkeypatch):
    first = compare_encoders(view, BOTH, "class")

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(encoder_comparison, "score_encoder", never)
    monkeypatch.setattr(registry, "load_encoder", never)
    second = compare_encoders(view, BOTH, "class")
    assert all(row.cached for row in second)
    assert [dataclasses.replace(row, cached=False) for row in second] == first
    for row in second:
        assert find_scored_encoder(view, row.encoder, "class") == row


@pytest.mark.parametrize(
    "tables",
    [
        {"gmm": {"n_components": 2}},
        {"tree": {"min_samples": 2}},
        {"cut": {"min_cluster_size": 8}},
        {"reduction": {"n_dims": 3}},
        {"embed": {"sample": 10}},
    ],
    ids=str,
)
def test_find_scored_encoder__none_for_other_settings(workspace, settings, view, tables, look_up):
    compare_encoders(view, ["texture"], "class")
    other = look_up(workspace, settings(**tables))
    assert find_scored_encoder(other, "texture", "class") is None


def test_find_scored_encoder__another_attribute_or_encoder(workspace, settings, view, look_up):
    compare_encoders(view, ["texture"], "class")
    assert find_scored_encoder(view, "texture", "number") is None
    assert find_scored_encoder(view, "texture+colour", "class") is None
    assert find_scored_encoder(view, "resnet50", "class") is None
    # The method of the run and the projection do not change the scores.
    same = look_up(workspace, settings(method="hdbscan", projection={"n_iter": 60}))
    assert find_scored_encoder(same, "texture", "class") is not None


def test_find_scored_encoder__without_chips(workspace, settings, look_up):
    assert find_scored_encoder(look_up(workspace, settings()), "texture", "class") is None


def test_compare_encoders__refused_before_anything_is_computed(
    workspace, settings, view, monkeypatch, look_up
):
    monkeypatch.setattr(texture.Texture, "encode", None)
    with pytest.raises(SettingsError, match="no annotation has an attribute 'kind'"):
        compare_encoders(view, ["texture"], "kind")
    for names in ([], ["texture", "texture"]):
        with pytest.raises(SettingsError, match="no encoder is listed, or one is listed twice"):
            compare_encoders(view, names, "class")
    with pytest.raises(SettingsError, match="Did you mean 'texture'"):
        compare_encoders(view, ["texture", "textur"], "class")
    embed = {"encoder": "resnet50", "weights": str(workspace.root / "none")}
    missing = look_up(workspace, settings(embed=embed))
    with pytest.raises(WeightsError, match="there is no such weight file"):
        compare_encoders(missing, ["texture", "resnet50"], "class")
    assert workspace.store.all("embeddings") == []


def test_compare_encoders__an_attribute_with_a_value_per_chip(workspace, settings):
    for file in workspace.raw.glob("b.*"):
        file.unlink()
    view = run_pipeline(workspace, settings(), until="chips").view
    with pytest.raises(TooFewError, match="has a different value"):
        compare_encoders(view, ["texture"], "number")


def test_count_fitted_scenes__until_the_encoder_is_fitted_again(workspace, settings, add_scene):
    run_pipeline(workspace, settings(), until="embeddings")
    add_scene("c", seed=2)
    chips = run_pipeline(workspace, settings(), until="chips").chips
    embed = settings().embed
    assert count_fitted_scenes(workspace, chips.outline, embed) == 2
    refit = dataclasses.replace(embed, refit=True)
    assert count_fitted_scenes(workspace, chips.outline, refit) == 3
