"""Weight files are found in a stated order, and nothing is unpickled."""

import hashlib
import http.server
import os
import pickle
import subprocess
import sys
import threading
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
    fingerprint,
    identify,
    load_strictly,
    read_state,
)
from core.errors import WeightsError
from core.settings import EmbedSettings

SMALL = CARDS["satdino-small-16"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_fingerprint__is_sha256(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 300_000)
    assert fingerprint(path) == hashlib.sha256(b"x" * 300_000).hexdigest()
    path.write_bytes(b"y" * 300_000)
    os.utime(path, ns=(0, 0))
    assert fingerprint(path) == hashlib.sha256(b"y" * 300_000).hexdigest()


def test_fingerprint__is_read_once(tmp_path, monkeypatch):
    """A page that looks at many encoders must not read gigabytes at each click."""
    path = tmp_path / "w"
    path.write_bytes(b"x")
    first = fingerprint(path)
    monkeypatch.setattr(Path, "open", None)
    assert fingerprint(path) == first


def in_hub_cache(tmp_path, card, content, revision):
    repository = tmp_path / "hub" / f"models--{card.hub_id.replace('/', '--')}"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / card.weights_file).write_bytes(content)
    (repository / "refs").mkdir()
    (repository / "refs" / revision).write_text(COMMIT)


def test_find_weights__order_is_given_then_folder_then_hub_cache(tmp_path):
    folder = tmp_path / "weights"
    in_hub_cache(tmp_path, SMALL, b"hub", "main")
    found = find_weights(SMALL, "", folder)
    assert found.path.read_bytes() == b"hub"
    assert found.origin == f"strakajk/satdino-vit_small-16@{COMMIT}"

    folder.mkdir()
    (folder / SMALL.weights_file).write_bytes(b"folder")
    found = find_weights(SMALL, "", folder)
    assert (found.path.read_bytes(), found.origin) == (b"folder", str(found.path))

    (folder / SMALL.name).mkdir()
    (folder / SMALL.name / SMALL.weights_file).write_bytes(b"named")
    assert find_weights(SMALL, "", folder).path.read_bytes() == b"named"

    given = tmp_path / "mine.pth"
    given.write_bytes(b"given")
    found = find_weights(SMALL, str(given), folder)
    assert found == WeightFile(given, hashlib.sha256(b"given").hexdigest(), str(given))


def test_find_weights__given_folder_holds_the_file(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    assert find_weights(CARD, str(tmp_path), tmp_path / "w").path.name == "model.safetensors"


def test_find_weights__given_path_missing_is_refused_even_if_the_folder_has_it(tmp_path):
    (tmp_path / SMALL.weights_file).write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"nowhere\.pth: there is no such weight file") as caught:
        find_weights(SMALL, str(tmp_path / "nowhere.pth"), tmp_path)
    assert "resolve/main/satdino-vit_small-16.pth" in str(caught.value)


def test_find_weights__offline_says_in_one_line_which_file_to_bring_where(tmp_path):
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


def test_find_weights__unreachable_hub_says_the_same_soon(tmp_path, monkeypatch):
    """One probe, and none of the hub's own retries, which take 23 s."""
    import huggingface_hub
    from huggingface_hub import constants

    lookup = huggingface_hub.hf_hub_download

    def cache_only(*args, local_files_only=False, **kwargs):
        assert local_files_only, "the hub is asked although the probe failed"
        return lookup(*args, local_files_only=True, **kwargs)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", cache_only)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsError, match="not on this machine") as caught:
        find_weights(SMALL, "", tmp_path)
    assert "\n" not in str(caught.value)


class FakeHub(http.server.BaseHTTPRequestHandler):
    """Serves one file of one repository as the hub does."""

    content = b"weights from the hub" * 100

    def do_HEAD(self):
        found = self.path.endswith("/resolve/main/satdino-vit_small-16.pth") or self.path == "/"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(self.content) if found else 0))
        self.send_header("ETag", '"abc"')
        self.send_header("X-Repo-Commit", COMMIT)
        if not found:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()
        return found

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
    """The hub's address and mode are read when its library is imported: a fresh process."""
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
    assert f"strakajk/satdino-vit_small-16@{COMMIT}" in first
    assert torch_loaded == "False"
    again, _ = find_in_subprocess("satdino-small-16", tmp_path, HF_HUB_OFFLINE="1")
    assert again == first


def test_find_weights__file_that_the_hub_lacks(tmp_path, hub):
    message, _ = find_in_subprocess("satdino-small-8", tmp_path, HF_ENDPOINT=hub)
    assert message.startswith("refused: satdino-small-8: the weights are not on this machine")
    assert "satdino-vit_small-8.pth" in message


def test_find_weights__offline_by_the_environment(tmp_path):
    message, _ = find_in_subprocess("satdino-small-8", tmp_path, HF_HUB_OFFLINE="1")
    assert message.startswith("refused: satdino-small-8: the weights are not on this machine")


def test_identify__knows_content_and_settings_but_not_the_place(tmp_path):
    a, b = (WeightFile(tmp_path / x, "0" * 64, x) for x in "ab")
    settings = EmbedSettings()
    identity = identify(SMALL, settings, a)
    assert identity == identify(SMALL, settings, b)
    assert set(identity) >= {"name", "version", "sha256", "revision", "input_size", "statistics"}
    others = [
        identify(SMALL, settings, replace(a, sha256="1" * 64)),
        identify(SMALL, EmbedSettings(input_size=64), a),
        identify(SMALL, EmbedSettings(statistics="data"), a),
        identify(replace(SMALL, version=2), settings, a),
        identify(CARDS["satdino-small-8"], settings, a),
    ]
    assert all(other != identity for other in others)


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False], ids=["torch.save", "plain pickle"])
def test_read_state__unpickles_no_object(tmp_path, zipped):
    path, marker = tmp_path / "evil.pth", tmp_path / "was-run"
    content = {"teacher": {"cls_token": torch.zeros(1)}, "args": Evil(marker)}
    if zipped:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(WeightsError, match=r"never unpickled|not a PyTorch checkpoint"):
        read_state(path, SMALL)
    assert not marker.exists()


@pytest.mark.parametrize("kept", [0, 10, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_read_state__truncated_file(tmp_path, suffix, kept):
    path = tmp_path / f"weights{suffix}"
    state = {"cls_token": torch.randn(1, 1, 500)}
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    whole = path.read_bytes()
    read_state(path, SMALL)
    path.write_bytes(whole[: kept if kept >= 1 else int(kept * len(whole))])
    with pytest.raises(WeightsError, match="cut off") as caught:
        read_state(path, SMALL)
    assert str(path) in str(caught.value)
    assert "The right file is https://huggingface.co/strakajk/" in str(caught.value)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"version https://git-lfs.github.com"])
def test_read_state__page_or_pointer_saved_instead(tmp_path, suffix, content):
    path = tmp_path / f"weights{suffix}"
    path.write_bytes(content * 20)
    with pytest.raises(WeightsError, match="is not a"):
        read_state(path, SMALL)


def test_read_state__zip_that_is_no_checkpoint(tmp_path):
    import zipfile

    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "hello")
    with pytest.raises(WeightsError, match="is damaged or is not a PyTorch checkpoint"):
        read_state(path, SMALL)


def test_read_state__bare_tensor(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(torch.zeros(3), path)
    with pytest.raises(WeightsError, match="holds a Tensor"):
        read_state(path, SMALL)


def linear():
    with torch.device("meta"):
        return torch.nn.Linear(3, 2)


def test_load_strictly__takes_all_keys_as_float32(tmp_path):
    network = linear()
    state = {"weight": torch.ones(2, 3, dtype=torch.float16), "bias": torch.zeros(2)}
    load_strictly(network, state, tmp_path, SMALL)
    assert network.weight.dtype == torch.float32
    assert network(torch.ones(1, 3)).tolist() == [[3, 3]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bias": None}, "lacks bias"),
        ({"extra": torch.zeros(1)}, "has unknown keys extra"),
        ({"weight": torch.zeros(2, 4)}, r"weight is \(2, 4\), not \(2, 3\)"),
        ({"weight": torch.full((2, 3), float("nan"))}, "not finite in weight"),
        ({"bias": torch.tensor([0, float("inf")])}, "not finite in bias"),
        ({"bias": "words"}, "holds no tensor under bias"),
    ],
    ids=["missing", "unknown", "shape", "nan", "infinite", "no tensor"],
)
def test_load_strictly__names_the_key(tmp_path, change, expected):
    state = {"weight": torch.ones(2, 3), "bias": torch.zeros(2)} | change
    state = {key: value for key, value in state.items() if value is not None}
    with pytest.raises(WeightsError, match=expected) as caught:
        load_strictly(linear(), state, tmp_path / "file.pth", SMALL)
    assert "file.pth" in str(caught.value)
    assert "The right file is" in str(caught.value)


def test_load_strictly__many_keys_are_counted(tmp_path):
    state = {f"key{i}": torch.zeros(1) for i in range(9)}
    with pytest.raises(WeightsError, match=r"lacks weight, bias; .* key0, key1, key2 and 6 more"):
        load_strictly(linear(), state, tmp_path, SMALL)


def test_read_state__a_byte_changed_in_the_middle(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save({"cls_token": torch.randn(1, 1, 5000)}, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="is damaged in"):
        read_state(path, SMALL)
