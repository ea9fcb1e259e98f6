"""`chipscape compare`, `estimate --encoders` and `embed`, with encoders of other packages too."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from shapely.geometry import box

from core import cli

ROOT = Path(__file__).resolve().parents[2]
QUICK = {
    "chips": {"size": 32},
    "gmm": {"n_components": 2, "n_init": 1},
    "cut": {"min_cluster_size": 5},
}

# The example in docs/encoders.md.
BRIGHTNESS = """
import numpy as np

from core.embeddings.encoder import EncoderCard
from core.embeddings.registry import Source

CARD = EncoderCard(
    name="brightness",
    title="Brightness",
    summary="Mean and spread of each band.",
    dim=6,
    licence="MIT",
)


class Brightness:
    card = CARD
    identity = {"name": "brightness", "version": 1}

    def fit(self, sample):
        return {}

    def encode(self, batch, fitted):
        pixels = batch.unit()
        parts = [pixels.mean(axis=(2, 3)), pixels.std(axis=(2, 3))]
        return np.concatenate(parts, axis=1).astype(np.float32)


def load(settings, weights_folder):
    return Brightness()


source = Source(CARD, load)
"""


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.err
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    """Keep all tests away from the real hub and this machine's cache of it."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def add_scene(tmp_path, make_scene, make_annotations, to_ground):
    """Write a scene of twenty smooth or rough squares."""

    def add(name: str, bands: int = 3, **profile: Any) -> None:
        rng = np.random.default_rng(ord(name))
        rough = rng.normal(128, 60, (bands, 120, 160)).clip(1, 254)
        content = np.where(np.arange(160) < 80, rough, rough / 4 + 90)
        raster = make_scene(f"{name}.tif", content, **profile)
        corners = [(x, y) for x in range(2, 150, 32) for y in range(2, 110, 30)]
        squares = [to_ground(box(x, y, x + 22, y + 22)) for x, y in corners]
        make_annotations(
            raster, squares, [{"class": "rough" if x < 60 else "smooth"} for x, _ in corners]
        )

    return add


@pytest.fixture
def workspace(tmp_path, add_scene):
    add_scene("a")
    add_scene("b")
    (tmp_path / "quick.toml").write_text(tomli_w.dumps(QUICK))
    return tmp_path


@pytest.fixture
def call(monkeypatch, capsys, workspace):
    handler = signal.getsignal(signal.SIGTERM)

    def run(command: str, *arguments: Any) -> Result:
        options = ("--workspace", workspace, "--settings", workspace / "quick.toml", *arguments)
        monkeypatch.setattr(sys, "argv", ["chipscape", command, *map(str, options)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        result = Result(int(caught.value.code or 0), *capsys.readouterr())
        assert "Traceback" not in result.out + result.err
        return result

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def brightness(tmp_path, monkeypatch):
    """An installed package with the encoder of docs/encoders.md."""
    site = tmp_path / "site"
    info = site / "my_encoders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-encoders\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[chipscape.encoders]\nbrightness = my_encoders:source")
    (site / "my_encoders.py").write_text(BRIGHTNESS)
    monkeypatch.syspath_prepend(str(site))
    yield
    sys.modules.pop("my_encoders", None)


def vectors(workspace: Path, summary: dict[str, Any]) -> dict[str, bytes]:
    """The bytes of each scene's embeddings, by encoder and scene."""
    folder = Path(summary["artifacts"]["embeddings"]).parent
    contents = {}
    for manifest in folder.glob("*/manifest.json"):
        table = json.loads(manifest.read_text())
        key = (table["inputs"]["encoder"], table["counts"]["scene"])
        contents[str(key)] = (manifest.parent / "embeddings.npy").read_bytes()
    return contents


def last_record(workspace: Path) -> dict[str, Any]:
    return tomllib.loads(max((workspace / "results" / "runs").iterdir()).read_text())


def test_compare__json_then_cached(call):
    first = call("compare", "--encoders", "texture, colour,texture+colour", "--json").json
    assert (first["property"], first["chips"]) == ("class", 40)
    rows = first["encoders"]
    assert [row["encoder"] for row in rows] == ["texture", "colour", "texture+colour"]
    names = {"balanced_accuracy", "balanced_accuracy_across_scenes", "nmi_gmm", "nmi_hdbscan"}
    for row in rows:
        assert {*names, "silhouette", "seconds", "dim", "n", "notes"} <= set(row)
        assert row["balanced_accuracy"] > 0.9
        assert not row["cached"]
    assert (first["control"]["encoder"], first["control"]["is_control"]) == ("colour", True)
    assert {row["input_size"] for row in rows} == {32}
    for row in (*rows, first["control"]):
        low, high = row["balanced_accuracy_interval"] or (0, 1)
        assert low <= row["balanced_accuracy"] <= high
    best, control = first["differences"]
    assert best["encoder"] in ("texture", "colour", "texture+colour")
    assert "colour" in (control["encoder"], control["other"])
    assert best["sentence"] in call("compare", "--encoders", "texture,colour,texture+colour").out
    second = call(
        "compare", "--encoders", "texture,colour,texture+colour", "--property", "class", "--json"
    )
    assert second.json["encoders"] == [{**row, "cached": True} for row in rows]


def test_compare__all_ready_encoders_as_text(call):
    result = call("compare")
    assert result.code == 0
    rows = result.out.splitlines()
    assert rows[0].split()[:2] == ["encoder", "5-NN"]
    assert [row.split()[0] for row in rows[1:3]] == ["texture", "colour"]
    assert "colour (control)" in rows[2]
    assert " cached" not in result.out
    assert call("compare").out.count(" cached") == 2


def test_estimate__json_names_missing_weights(call, workspace):
    result = call("estimate", "--encoders", "texture,resnet50", "--json").json
    texture, resnet = result["encoders"]
    assert (result["chips"], texture["estimate"]["n"], texture["estimate"]["dim"]) == (40, 40, 323)
    assert min(texture["estimate"][name] for name in ("seconds", "bytes", "rate")) > 0
    assert (texture["ready"], texture["needs"]) == (True, "")
    assert (resnet["ready"], resnet["estimate"]) == (False, None)
    assert str(workspace / "weights" / "resnet50" / "model.safetensors") in resnet["needs"]
    assert not (workspace / "artifacts" / "embeddings").exists()


def test_estimate__as_text(call):
    result = call("estimate", "--encoders", "colour")
    assert result.code == 0
    assert "MB for 40 chips" in result.out
    assert "30 numbers each" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "--encoders", "textur"), "Did you mean 'texture'?"),
        (("estimate", "--encoders", "textur"), "Did you mean 'texture'?"),
        (("compare", "--encoders", "texture,texture"), "or one is listed twice"),
        (("compare", "--encoders", "texture+texture"), "empty or a repeated encoder name"),
        (("compare", "--property", "kind"), "no annotation has an attribute 'kind'"),
        (
            ("compare", "--encoders", "texture,resnet50"),
            "Download https://huggingface.co/microsoft",
        ),
        (("embed", "--bands-rule", "second"), "'second' is not one of first, triples"),
        (("embed", "--precision", "half"), "'half' is not one of auto, full"),
    ],
    ids=str,
)
def test_encoders__clear_errors(call, workspace, arguments, message):
    result = call(*arguments, "--json")
    assert (result.code, result.out) == (1, "")
    assert message in result.err
    assert not (workspace / "artifacts" / "embeddings").exists()


def test_options__bands_rule_and_precision(call, workspace):
    # Only a complete run has a record.
    assert call("run", "--bands-rule", "triples", "--precision", "full").code == 0
    chosen = last_record(workspace)["settings"]["embed"]
    assert (chosen["bands_rule"], chosen["precision"]) == ("triples", "full")


@pytest.mark.usefixtures("brightness")
def test_encoder_of_a_package__runs_like_a_built_in_encoder(call):
    summary = call("embed", "--encoder", "brightness", "--json").json
    assert summary["encoder"] == "brightness"
    assert summary["stages"]["embeddings"] == "computed"
    shape = np.load(Path(summary["artifacts"]["embeddings"]) / "embeddings.npy").shape
    assert shape == (20, 6)
    rows = call("compare", "--encoders", "brightness,texture+brightness", "--json").json["encoders"]
    assert [row["dim"] for row in rows] == [6, 329]
    assert rows[0]["balanced_accuracy"] > 0.9
    # The process that measures knows the package as well.
    (cost,) = call("estimate", "--encoders", "brightness", "--json").json["encoders"]
    assert (cost["needs"], cost["estimate"]["dim"]) == ("", 6)
    assert rows[0]["input_size"] == 32


def test_docs__show_the_encoder_that_is_tested():
    text = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
    code = "\n".join(line.removeprefix("    ") for line in text.splitlines())
    assert BRIGHTNESS.strip() in code


@pytest.fixture(scope="module")
def real_formats(tmp_path_factory):
    """Random weights of the real shapes in the real formats: a .pth, and a hub folder."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    from core.embeddings.networks.satdino import vit_shape
    from core.embeddings.networks.vit import Vit

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    network = Vit(vit_shape("satdino-small-16"))
    state = {
        key: torch.randn(value.shape) * 0.02 + ("norm" in key and key.endswith("weight"))
        for key, value in network.state_dict().items()
    }
    head = {"linear.weight": torch.zeros(63, 384), "linear.bias": torch.zeros(63)}
    torch.save({"teacher": state, "linear_head": head}, folder / "satdino-vit_small-16.pth")
    del state["blocks.3.mlp.fc1.weight"]
    torch.save({"teacher": state, "linear_head": head}, folder / "broken.pth")
    sizes = {"hidden_size": 384, "num_attention_heads": 6, "image_size": 518, "patch_size": 14}
    Dinov2Model(Dinov2Config(**sizes)).save_pretrained(folder / "dinov2-small")
    return folder


def test_embed__satdino_from_a_file(call, real_formats):
    file = real_formats / "satdino-vit_small-16.pth"
    options = ("--encoder", "satdino-small-16", "--weights", file)
    summary = call("embed", *options, "--json").json
    matrix = np.load(Path(summary["artifacts"]["embeddings"]) / "embeddings.npy")
    assert matrix.shape == (20, 384)
    assert np.isfinite(matrix).all()
    assert len(np.unique(matrix.round(5), axis=0)) == 20
    assert call("embed", *options, "--json").json["stages"]["embeddings"] == "cached"
    scores = call("score", "--protocol", "satdino", *options, "--json").json
    assert scores["protocol"] == "satdino"
    assert len(scores["accuracies"]) == 4


def test_embed__missing_weights_are_refused_by_name(call, real_formats, workspace):
    file = real_formats / "broken.pth"
    result = call("embed", "--encoder", "satdino-small-16", "--weights", file, "--json")
    assert (result.code, result.out) == (1, "")
    problem = "the file does not fit satdino-small-16: missing keys: blocks.3.mlp.fc1.weight"
    assert f"{file}: {problem}" in result.err
    assert "The right file is https://huggingface.co/strakajk/satdino-vit_small-16" in result.err
    assert list((workspace / "artifacts").glob("embeddings/*")) == []


def test_embed__dinov2_from_the_folder_of_weights(call, real_formats, add_scene, workspace):
    """Four bands in triples, with the statistics of the data; then a scene is added."""
    four = {"bands": 4, "descriptions": ("red", "green", "blue", "infrared")}
    # Without it the fourth band would be taken as alpha.
    four["photometric"] = "MINISBLACK"
    for name in "ab":
        add_scene(name, **four)
    (workspace / "weights").symlink_to(real_formats)
    quick = QUICK | {"embed": {"statistics": "data"}}
    (workspace / "quick.toml").write_text(tomli_w.dumps(quick))
    options = ("--encoder", "dinov2-small", "--bands-rule", "triples", "--json")
    summary = call("embed", *options).json
    assert "red, green, blue; green" in " ".join(summary["notes"]), summary["notes"]
    before = vectors(workspace, summary)
    add_scene("c", **four)
    after = vectors(workspace, call("embed", *options).json)
    assert (len(before), len(after)) == (2, 3)
    assert before.items() <= after.items()
    (row,) = call("compare", "--encoders", "dinov2-small", *options[2:]).json["encoders"]
    assert (row["dim"], row["n"], row["cached"]) == (768, 60, False)
    # The chips of 32 pixels are resized to two tokens of 14.
    assert (row["input_size"], row["normalisation"]) == (28, "chips")


@pytest.mark.parametrize("encoder", ["texture", "colour", "texture+colour"])
def test_embed__an_added_scene_does_not_change_other_embeddings(
    call, add_scene, workspace, encoder
):
    before = vectors(workspace, call("embed", "--encoder", encoder, "--json").json)
    add_scene("c")
    summary = call("embed", "--encoder", encoder, "--json").json
    after = vectors(workspace, summary)
    assert (summary["chips"], len(before), len(after)) == (60, 2, 3)
    assert before.items() <= after.items()


SLOW = """
import sys, time
from core import cli
from core.embeddings.descriptors import colour
from core.pipeline import embedding_stages

encode = colour.Colour.encode

def slow(self, batch, fitted):
    print("encoding", file=sys.stderr, flush=True)
    time.sleep(0.2)
    return encode(self, batch, fitted)

embedding_stages.BLOCK = 4
colour.Colour.encode = slow
cli.main()
"""


def test_compare__a_killed_run_resumes_at_the_last_block(call, workspace, monkeypatch):
    from core.embeddings.descriptors import colour
    from core.pipeline import embedding_stages

    options = ["compare", "--encoders", "texture,colour", "--json", "--workspace", workspace]
    command = [sys.executable, "-c", SLOW, *options, "--settings", workspace / "quick.toml"]
    running = subprocess.Popen(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for _ in range(3):
        assert running.stderr.readline() == "encoding\n"
    running.kill()
    assert running.communicate(timeout=60)[0] == ""
    partial = [p for p in (workspace / "artifacts" / ".partial").iterdir() if p.is_dir()]
    assert [(p / "blocks.done").read_text().split()[:2] for p in partial] == [["0-4", "4-8"]]

    monkeypatch.setattr(embedding_stages, "BLOCK", 4)
    batch_sizes, encode = [], colour.Colour.encode

    def counted(self, batch, fitted):
        batch_sizes.append(len(batch))
        return encode(self, batch, fitted)

    monkeypatch.setattr(colour.Colour, "encode", counted)
    rows = call("compare", "--encoders", "texture,colour", "--json").json["encoders"]
    assert 20 <= sum(batch_sizes) <= 40 - 8
    assert [row["n"] for row in rows] == [40, 40]
