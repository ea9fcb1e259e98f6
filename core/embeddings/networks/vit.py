"""A DINO vision transformer with one register, with the parameter names of SatDINO's checkpoints.

Caron et al. 2021 (DINO); Straka and Gruber 2025 (SatDINO): the learned register is the last token,
after those of the image, and has its own position embedding. The output is the normalised CLS
token, so the last block computes only that token; the result is the same.
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

_TRAINED_SIDE = 224
_EPS = 1e-6
_MLP_RATIO = 4


@dataclass(frozen=True)
class VitShape:
    """Width, number of blocks, number of attention heads, and side length of a token in pixels."""

    dim: int
    depth: int
    heads: int
    token: int


class Attention(nn.Module):
    """Multi-head self-attention with queries from the first tokens only."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, n_queries: int) -> Tensor:
        """Attend from the first `n_queries` of (n, length, dim) tokens to all of them."""
        dim = tokens.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        query = F.linear(tokens[:, :n_queries], weight[:dim], bias[:dim])
        key, value = F.linear(tokens, weight[dim:], bias[dim:]).chunk(2, dim=-1)
        per_head = (len(tokens), -1, self.heads, dim // self.heads)
        query, key, value = (t.reshape(per_head).transpose(1, 2) for t in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """A pre-norm transformer block without layer scale."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=_EPS)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=_EPS)
        first, second = nn.Linear(dim, _MLP_RATIO * dim), nn.Linear(_MLP_RATIO * dim, dim)
        self.mlp = nn.Sequential(OrderedDict(fc1=first, gelu=nn.GELU(), fc2=second))

    def forward(self, tokens: Tensor, n_queries: int) -> Tensor:
        """Return the first `n_queries` of (n, length, dim) tokens after this block."""
        attended = tokens[:, :n_queries] + self.attn(self.norm1(tokens), n_queries)
        out: Tensor = attended + self.mlp(self.norm2(attended))
        return out


class Vit(nn.Module):
    """The network; its state dict has the keys of a SatDINO checkpoint's ``teacher``."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        n_tokens = (_TRAINED_SIDE // shape.token) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.gsd_register = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, n_tokens + 2, shape.dim))
        # One convolution maps squares of pixels to tokens.
        proj = nn.Conv2d(3, shape.dim, kernel_size=shape.token, stride=shape.token)
        self.patch_embed = nn.Sequential(OrderedDict(proj=proj))
        self.blocks = nn.ModuleList(Block(shape.dim, shape.heads) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.dim, eps=_EPS)

    def forward(self, pixels: Tensor, last_queries: int = 1) -> Tensor:
        """Embed normalised pixels (n, 3, side, side) as (n, dim).

        The side is a multiple of the token size. `last_queries` is the number of tokens that the
        last block computes; the CLS token alone suffices.
        """
        return self._normalised_tokens(pixels, last_queries)[:, 0]

    def token_grid(self, pixels: Tensor) -> Tensor:
        """Return the normalised tokens of the image, (n, dim, side / token, side / token)."""
        side = pixels.shape[-1] // self.shape.token
        tokens = self._normalised_tokens(pixels, side**2 + 1)[:, 1:]
        return tokens.transpose(1, 2).reshape(len(pixels), -1, side, side)

    def _normalised_tokens(self, pixels: Tensor, last_queries: int) -> Tensor:
        tokens = self.patch_embed(pixels).flatten(2).transpose(1, 2)
        n = len(tokens)
        cls_token, register = (t.expand(n, -1, -1) for t in (self.cls_token, self.gsd_register))
        tokens = torch.cat((cls_token, tokens, register), dim=1)
        tokens = tokens + position_embeddings(self.pos_embed, pixels.shape[-1] // self.shape.token)
        for block in self.blocks[:-1]:
            tokens = block(tokens, tokens.shape[1])
        out: Tensor = self.norm(self.blocks[-1](tokens, last_queries))
        return out


def position_embeddings(table: Tensor, side: int) -> Tensor:
    """Return the position embeddings for an image of `side` x `side` tokens.

    SatDINO resamples its table with bicubic interpolation, without antialiasing, at the scale
    ``(side + 0.1) / sqrt(n + 1)`` for n trained tokens. DINO, on which it is based, divides by
    ``sqrt(n)``; SatDINO also counts the register. The weights were evaluated with SatDINO's scale,
    so it is used here too. That scale gives one row too few, and SatDINO itself fails, if `side`
    is at least 40 tokens (640 px with tokens of 16 px), or at least 157 tokens with tokens of 8 px
    (1,256 px). In these cases DINO's scale is used; it differs by 0.25 %, or 0.06 % with tokens of
    8 px.

    The table, (1, n + 2, dim), holds the position embeddings of the CLS token, of n tokens row by
    row, and of the register, trained at 224 px. The result has the shape (1, side x side + 2, dim).
    """
    n = table.shape[1] - 2
    trained = round(n**0.5)
    if side == trained:
        return table
    scale = (side + 0.1) / (n + 1) ** 0.5
    if int(trained * scale) != side:
        scale = (side + 0.1) / trained
    grid = table[:, 1:-1].reshape(1, trained, trained, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic")
    return torch.cat((table[:, :1], grid.flatten(2).transpose(1, 2), table[:, -1:]), dim=1)
