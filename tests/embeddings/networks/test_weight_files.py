"""The order in which weight files are searched, and reading them without unpickling."""

import hashlib
import http.server
import os
import pickle
import subprocess
import sys
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.embeddings.networks.resnet50 import CARD
from core.embeddings.networks.satdino import CARDS
from core.embeddings.networks.weight_files import (
    WeightFile,
    find_weights,
    load_checkpoint,
    read_checkpoint,
    weights_fingerprint,
    weights_identity,
)
from core.errors import WeightsError
from core.settings import EmbedSettings

SMALL = CARDS["satdino-small-16"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_fingerprint__is_the_sha256_of_the_content(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 300_000)
    assert weights_fingerprint(path) == hashlib.sha256(b"x" * 300_000).hexdigest()
    path.write_bytes(b"y" * 300_000)
    os.utime(path, ns=(0, 0))
    assert weights_fingerprint(path) == hashlib.sha256(b"y" * 300_000).hexdigest()


def test_fingerprint__reads_the_file_once(tmp_path, monkeypatch):
    """A page that shows many encoders must not read gigabytes on every click."""
    path = tmp_path / "w"
    path.write_bytes(b"x")
    first = weights_fingerprint(path)
    monkeypatch.setattr(Path, "open", None)
    assert weights_fingerprint(path) == first


def add_to_hub_cache(tmp_path, card, content, revision):
    repository = tmp_path / "hub" / f"models--{card.hub_id.replace('/', '--')}"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / card.weights_file).write_bytes(content)
    (repository / "refs").mkdir()
    (repository / "refs" / revision).write_text(COMMIT)


def test_find_weights__order_is_setting_then_folder_then_hub_cache(tmp_path):
    folder = tmp_path / "weights"
    add_to_hub_cache(tmp_path, SMALL, b"hub", "main")
    weights = find_weights(SMALL, "", folder)
    assert weights.path.read_bytes() == b"hub"
    assert weights.path.parent.name == COMMIT

    folder.mkdir()
    (folder / SMALL.weights_file).write_bytes(b"folder")
    weights = find_weights(SMALL, "", folder)
    assert (weights.path, weights.path.read_bytes()) == (folder / SMALL.weights_file, b"folder")

    (folder / SMALL.name).mkdir()
    (folder / SMALL.name / SMALL.weights_file).write_bytes(b"named")
    assert find_weights(SMALL, "", folder).path.read_bytes() == b"named"

    path = tmp_path / "mine.pth"
    path.write_bytes(b"setting")
    weights = find_weights(SMALL, str(path), folder)
    assert weights == WeightFile(path, hashlib.sha256(b"setting").hexdigest())


def test_find_weights__setting_is_a_folder_with_the_file(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert find_weights(CARD, str(tmp_path), tmp_path / "w").path.name == "model.safetensors"


def test_find_weights__missing_path_raises_even_if_the_folder_has_the_file(tmp_path):
    (tmp_path / SMALL.weights_file).write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"nowhere\.pth: there is no such weight file") as caught:
        find_weights(SMALL, str(tmp_path / "nowhere.pth"), tmp_path)
    assert "resolve/main/satdino-vit_small-16.pth" in str(caught.value)


def test_find_weights__offline_error_names_file_and_path_in_one_line(tmp_path):
    folder = tmp_path / "weights"
    with pytest.raises(WeightsError) as caught:
        find_weights(CARDS["satdino-base-16"], "", folder)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("satdino-base-16: the weights are not on this machine")
    source = f"strakajk/satdino-vit_base-16/resolve/{CARDS['satdino-base-16'].revision}"
    assert f"https://huggingface.co/{source}/satdino-vit_base-16.pth" in message
    assert str(folder / "satdino-base-16" / "satdino-vit_base-16.pth") in message
    assert not folder.exists()


def test_find_weights__unreachable_hub_raises_quickly(tmp_path, monkeypatch):
    """There is one probe and none of the hub's own retries, which take 23 s."""
    import huggingface_hub
    from huggingface_hub import constants

    lookup = huggingface_hub.hf_hub_download

    def cache_only(*args, local_files_only=False, **kwargs):
        assert local_files_only, "a download was tried although the probe had failed"
        return lookup(*args, local_files_only=True, **kwargs)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cache_only)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="not on this machine") as caught:
        find_weights(SMALL, "", tmp_path)
    assert "\n" not in str(caught.value)


class FakeHub(http.server.BaseHTTPRequestHandler):
    """Serves one file of one repository like the hub."""

    content = b"weights from the hub" * 100

    def do_HEAD(self):
        exists = self.path.endswith("/resolve/main/satdino-vit_small-16.pth") or self.path == "/"
        self.send_response(200 if exists else 404)
        self.send_header("Content-Length", str(len(self.content) if exists else 0))
        self.send_header("ETag", '"abc"')
        self.send_header("X-Repo-Commit", COMMIT)
        if not exists:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        return exists

    def do_GET(self):
        if self.do_HEAD():
            self.wfile.write(self.content)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FakeHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


SCRIPT = """
import sys
from pathlib import Path
from core.embeddings.networks.satdino import CARDS
from core.embeddings.networks.weight_files import find_weights
from core.errors import WeightsError
try:
    print(find_weights(CARDS[sys.argv[1]], "", Path(sys.argv[2])))
except WeightsError as error:
    print("refused:", error)
print("torch" in sys.modules)
"""


def find_in_subprocess(name, tmp_path, **environment):
    """Run in a new process, because the hub's library reads its settings when it is imported."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(tmp_path / "weights")],
        env={**inherited, "HF_HOME": str(tmp_path / "home"), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return run.stdout.splitlines()


def test_find_weights__downloads_once_then_works_offline(tmp_path, hub):
    first, torch_loaded = find_in_subprocess("satdino-small-16", tmp_path, HF_ENDPOINT=hub)
    assert hashlib.sha256(FakeHub.content).hexdigest() in first
    assert f"strakajk--satdino-vit_small-16/snapshots/{COMMIT}" in first
    assert torch_loaded == "False"
    second, _ = find_in_subprocess("satdino-small-16", tmp_path, HF_HUB_OFFLINE="1")
    assert second == first


def test_find_weights__file_missing_on_the_hub_raises(tmp_path, hub):
    message, _ = find_in_subprocess("satdino-small-8", tmp_path, HF_ENDPOINT=hub)
    assert message.startswith("refused: satdino-small-8: the weights are not on this machine")
    assert "satdino-vit_small-8.pth" in message


def test_find_weights__offline_by_environment_variable(tmp_path):
    message, _ = find_in_subprocess("satdino-small-8", tmp_path, HF_HUB_OFFLINE="1")
    assert message.startswith("refused: satdino-small-8: the weights are not on this machine")


def test_identity__depends_on_content_and_settings_but_not_on_the_path(tmp_path):
    a, b = (WeightFile(tmp_path / x, "0" * 64) for x in "ab")
    settings = EmbedSettings()
    identity = weights_identity(SMALL, settings, a)
    assert identity == weights_identity(SMALL, settings, b)
    assert set(identity) >= {"name", "version", "sha256", "revision", "input_size", "statistics"}
    changed = [
        weights_identity(SMALL, settings, replace(a, sha256="1" * 64)),
        weights_identity(SMALL, EmbedSettings(input_size=64), a),
        weights_identity(SMALL, EmbedSettings(statistics="data"), a),
        weights_identity(replace(SMALL, version=2), settings, a),
        weights_identity(CARDS["satdino-small-8"], settings, a),
    ]
    assert all(other != identity for other in changed)


class Malicious:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "plain pickle"])
def test_read_checkpoint__never_unpickles_objects(tmp_path, zipped):
    path, marker = tmp_path / "evil.pth", tmp_path / "was-run"
    content = {"teacher": {"cls_token": torch.zeros(1)}, "args": Malicious(marker)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"never unpickled|not a PyTorch checkpoint"):
        read_checkpoint(path, SMALL)
    assert not marker.exists()


@pytest.mark.parametrize("length", [0, 10, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_read_checkpoint__truncated_file_raises(tmp_path, suffix, length):
    path = tmp_path / f"weights{suffix}"
    state = {"cls_token": torch.randn(1, 1, 500)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    content = path.read_bytes()
    read_checkpoint(path, SMALL)
    path.write_bytes(content[: length if length >= 1 else int(length * len(content))])
    with pytest.raises(WeightsError, match="truncated") as caught:
        read_checkpoint(path, SMALL)
    assert str(path) in str(caught.value)
    assert "The right file is https://huggingface.co/strakajk/" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"version https://git-lfs.github.com"])
def test_read_checkpoint__web_page_or_lfs_pointer_raises(tmp_path, suffix, content):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content * 20)
    with pytest.raises(WeightsError, match="is not a"):
        read_checkpoint(path, SMALL)


def test_read_checkpoint__zip_file_without_checkpoint_raises(tmp_path):
    import zipfile

    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(WeightsError, match="is damaged or is not a PyTorch checkpoint"):
        read_checkpoint(path, SMALL)


def test_read_checkpoint__single_tensor_raises(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(WeightsError, match="contains a Tensor"):
        read_checkpoint(path, SMALL)


def linear():
    with torch.device("meta"):
        return torch.nn.Linear(3, 2)


def test_load_checkpoint__converts_to_float32(tmp_path):
    network = linear()
    state = {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.zeros(2)}
    load_checkpoint(network, state, tmp_path, SMALL)
    assert network.weight.dtype == torch.float32
    assert network(torch.ones(1, 3)).tolist() == [[3, 3]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bias": None}, "missing keys: bias"),
        ({"extra": torch.zeros(1)}, "unknown keys: extra"),
        ({"weight": torch.zeros(2, 4)}, r"weight is \(2, 4\), not \(2, 3\)"),
        ({"weight": torch.full((2, 3), float("nan"))}, "not finite in weight"),
        ({"bias": torch.tensor([0, float("inf")])}, "not finite in bias"),
        ({"bias": "words"}, "no tensor named bias"),
    ],
    ids=["missing", "unknown", "shape", "nan", "infinite", "no tensor"],
)
def test_load_checkpoint__names_the_key(tmp_path, change, expected):
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)} | change
    state = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(WeightsError, match=expected) as caught:
        load_checkpoint(linear(), state, tmp_path / "file.pth", SMALL)
    assert "file.pth" in str(caught.value)
    assert "The right file is" in str(caught.value)


def test_load_checkpoint__further_keys_are_counted(tmp_path):
    state = {f"key{i}": torch.zeros(1) for i in range(9)}
    with pytest.raises(
        WeightsError, match=r"missing keys: weight, bias; .* key0, key1, key2 and 6 more"
    ):
        load_checkpoint(linear(), state, tmp_path, SMALL)


def test_read_checkpoint__changed_byte_raises(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"cls_token": torch.randn(1, 1, 5000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged in"):
        read_checkpoint(path, SMALL)


def test_read_checkpoint__a_file_that_expands_is_refused_before_it_is_read(tmp_path, monkeypatch):
    plain, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"cls_token": torch.zeros(1, 1, 2_000_000)}, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for member in source.infolist():
            target.writestr(member.filename, source.read(member))
    assert packed.stat().st_size < 20_000
    read_checkpoint(plain, SMALL)
    monkeypatch.setattr(zipfile.ZipFile, "testzip", None)
    monkeypatch.setattr(torch, "load", None)
    with pytest.raises(WeightsError, match=r"the file expands to 8 MiB, which is not plausible"):
        read_checkpoint(packed, SMALL)
