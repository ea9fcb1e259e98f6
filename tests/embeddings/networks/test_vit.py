"""The network compared with transformers at 224 px, and with plain numpy at other sizes."""

import math

import numpy as np
import pytest
import torch

from core.embeddings.networks.satdino import vit_shape
from core.embeddings.networks.vit import Vit, VitShape, position_embeddings


@pytest.fixture
def make_network(random_state):
    def make(shape: VitShape) -> tuple[Vit, dict[str, torch.Tensor]]:
        network = Vit(shape).eval()
        state = random_state(network)
        network.load_state_dict(state)
        return network, state

    return make


def to_transformers(state, shape):
    """Return transformers' DINOv2 with registers, with the same weights."""
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    config = Dinov2WithRegistersConfig(
        hidden_size=shape.dim,
        num_hidden_layers=shape.depth,
        num_attention_heads=shape.heads,
        patch_size=shape.token,
        image_size=224,
        num_register_tokens=1,
        layerscale_value=1.0,
        layer_norm_eps=1e-6,
        qkv_bias=True,
    )
    mapped = {
        "embeddings.cls_token": state["cls_token"],
        "embeddings.position_embeddings": state["pos_embed"][:, :-1],
        "embeddings.register_tokens": state["gsd_register"] + state["pos_embed"][:, -1:],
        "embeddings.mask_token": torch.zeros(1, shape.dim),
    }
    for kind in ("weight", "bias"):
        projection = "embeddings.patch_embeddings.projection"
        mapped[f"{projection}.{kind}"] = state[f"patch_embed.proj.{kind}"]
        mapped[f"layernorm.{kind}"] = state[f"norm.{kind}"]
        for i in range(shape.depth):
            block, layer = f"blocks.{i}", f"encoder.layer.{i}"
            chunks = state[f"{block}.attn.qkv.{kind}"].chunk(3)
            for name, chunk in zip("qkv", chunks, strict=True):
                mapped[f"{layer}.attention.{name}_proj.{kind}"] = chunk
            mapped[f"{layer}.attention.o_proj.{kind}"] = state[f"{block}.attn.proj.{kind}"]
            for name in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                mapped[f"{layer}.{name}.{kind}"] = state[f"{block}.{name}.{kind}"]
    for i in range(shape.depth):
        for j in (1, 2):
            mapped[f"encoder.layer.{i}.layer_scale{j}.lambda1"] = torch.ones(shape.dim)
    model = Dinov2WithRegistersModel(config).eval()
    model.load_state_dict(mapped, strict=True)
    return model


@pytest.mark.parametrize(
    "shape",
    [vit_shape("satdino-small-16"), VitShape(24, 2, 3, 8), VitShape(32, 1, 4, 16)],
    ids=["full small-16", "token 8", "one block"],
)
def test_vit__agrees_with_transformers_at_224(make_network, shape):
    network, state = make_network(shape)
    pixels = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        embedding = network(pixels)
        expected = to_transformers(state, shape)(pixels).last_hidden_state[:, 0]
    assert embedding.shape == (1, shape.dim)
    assert (embedding - expected).abs().max() < 1e-4


def plain_cubic(t: float) -> float:
    """Keys' cubic kernel with a = -0.75, as in PyTorch's bicubic interpolation."""
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * (t**3 - 5 * t**2 + 8 * t - 4) if t < 2 else 0.0


def plain_weights(trained: int, side: int, scale: float) -> np.ndarray:
    """Return interpolation weights (new positions, trained positions) with repeated borders."""
    weights = np.zeros((side, trained))
    for row in range(side):
        centre = (row + 0.5) / scale - 0.5
        for step in range(-1, 3):
            source = math.floor(centre) + step
            column = min(max(source, 0), trained - 1)
            weights[row, column] += plain_cubic(centre - source)
    return weights


def plain_positions(table: np.ndarray, side: int, scale: float) -> np.ndarray:
    trained = math.isqrt(table.shape[0] - 2)
    grid = table[1:-1].reshape(trained, trained, -1).astype(float)
    weights = plain_weights(trained, side, scale)
    new = np.einsum("ri,cj,ijd->rcd", weights, weights, grid).reshape(side * side, -1)
    return np.concatenate((table[:1], new, table[-1:]))


@pytest.mark.parametrize("trained", [14, 28])
@pytest.mark.parametrize("side", [1, 4, 7, 13, 15, 16, 27, 39])
def test_positions__follow_upstream_at_other_sizes(trained, side):
    table = torch.randn(1, trained**2 + 2, 5, generator=torch.Generator().manual_seed(2))
    scale = (side + 0.1) / math.sqrt(trained**2 + 1)
    expected = plain_positions(table[0].numpy(), side, scale)
    resampled = position_embeddings(table, side)
    assert resampled.shape == (1, side**2 + 2, 5)
    np.testing.assert_allclose(resampled[0].numpy(), expected, atol=2e-5)


def test_positions__equal_the_table_at_224():
    table = torch.randn(1, 198, 5)
    assert position_embeddings(table, 14) is table


@pytest.mark.parametrize(("trained", "side"), [(14, 40), (14, 64), (28, 157)])
def test_positions__use_the_scale_of_dino_where_upstream_fails(trained, side):
    table = torch.randn(1, trained**2 + 2, 2, generator=torch.Generator().manual_seed(3))
    upstream = (side + 0.1) / math.sqrt(trained**2 + 1)
    assert int(trained * upstream) == side - 1
    expected = plain_positions(table[0].numpy(), side, (side + 0.1) / trained)
    np.testing.assert_allclose(position_embeddings(table, side)[0].numpy(), expected, atol=2e-5)


@pytest.mark.parametrize("trained", [14, 28])
def test_positions__have_the_right_count_for_every_input_size(trained):
    table = torch.zeros(1, trained**2 + 2, 1)
    for side in range(1, 1024 * trained // 224 + 1):
        assert position_embeddings(table, side).shape[1] == side**2 + 2


def plain_forward(state, shape: VitShape, pixels: np.ndarray) -> np.ndarray:
    """Return the embedding of one image (3, side, side), in float64 without torch."""
    w = {key: tensor.double().numpy() for key, tensor in state.items()}
    side = pixels.shape[-1] // shape.token
    kernel = w["patch_embed.proj.weight"].reshape(shape.dim, -1)
    squares = []
    for row in range(side):
        for column in range(side):
            top, left = row * shape.token, column * shape.token
            square = pixels[:, top : top + shape.token, left : left + shape.token]
            squares.append(kernel @ square.ravel() + w["patch_embed.proj.bias"])
    x = np.concatenate((w["cls_token"][0], squares, w["gsd_register"][0]))
    scale = (side + 0.1) / math.sqrt((224 // shape.token) ** 2 + 1)
    x = x + plain_positions(w["pos_embed"][0], side, scale)

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-6)
        return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]

    def linear(x, name):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    width = shape.dim // shape.heads
    for i in range(shape.depth):
        qkv = linear(norm(x, f"blocks.{i}.norm1"), f"blocks.{i}.attn.qkv")
        q, k, v = (qkv[:, j * shape.dim : (j + 1) * shape.dim] for j in range(3))
        mixed = []
        for head in range(shape.heads):
            part = slice(head * width, (head + 1) * width)
            scores = np.exp(q[:, part] @ k[:, part].T / math.sqrt(width))
            mixed.append(scores / scores.sum(-1, keepdims=True) @ v[:, part])
        x = x + linear(np.concatenate(mixed, axis=1), f"blocks.{i}.attn.proj")
        hidden = linear(norm(x, f"blocks.{i}.norm2"), f"blocks.{i}.mlp.fc1")
        hidden = hidden * 0.5 * (1 + np.vectorize(math.erf)(hidden / math.sqrt(2)))
        x = x + linear(hidden, f"blocks.{i}.mlp.fc2")
    return norm(x, "norm")[0]


@pytest.mark.parametrize(("token", "size"), [(16, 64), (8, 64), (16, 16), (16, 240)])
def test_vit__agrees_with_a_plain_implementation_at_other_sizes(make_network, token, size):
    shape = VitShape(24, 3, 3, token)
    network, state = make_network(shape)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        embeddings = network(pixels).numpy()
    for i in range(2):
        plain = plain_forward(state, shape, pixels[i].double().numpy())
        np.testing.assert_allclose(embeddings[i], plain, atol=5e-5)


def test_vit__last_block_for_only_the_cls_token_equals_the_full_block(make_network):
    network, _ = make_network(VitShape(48, 3, 4, 16))
    pixels = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        cls_only, full = network(pixels), network(pixels, last_queries=18)
    assert (cls_only - full).abs().max() < 1e-5


def test_vit__depends_on_register_position_and_cls_token(make_network):
    network, state = make_network(VitShape(24, 2, 3, 16))
    pixels = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        before = network(pixels)
        for key in ("gsd_register", "pos_embed", "cls_token"):
            network.load_state_dict({**state, key: torch.zeros_like(state[key])})
            assert (network(pixels) - before).abs().max() > 1e-3
