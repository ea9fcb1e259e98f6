"""A DINO vision transformer with one register, as SatDINO's checkpoints name its parts.

Caron et al. 2021 (DINO); Straka and Gruber 2025 (SatDINO): the learned register lies last, after
the tokens, and has a position of its own. The output is the normalised CLS token, so the last
block works for that token only, which gives the same numbers.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

TRAINED_SIZE = 224
_EPS = 1e-6
_MLP_RATIO = 4


@dataclass(frozen=True)
class VitShape:
    """The size of a vision transformer.

    Attributes
    ----------
    dim, depth, heads : int
        Width, number of blocks, and attention heads.
    token : int
        Pixels along one side of a token.
    """

    dim: int
    depth: int
    heads: int
    token: int


class Attention(nn.Module):
    """Multi-head self-attention in which only the first tokens may ask."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, asking: int) -> Tensor:
        """Attend from the first `asking` of (n, length, dim) tokens to all of them."""
        dim = tokens.shape[-1]
        weight, bias = self.qkv.weight, self.qkv.bias
        query = F.linear(tokens[:, :asking], weight[:dim], bias[:dim])
        key, value = F.linear(tokens, weight[dim:], bias[dim:]).chunk(2, dim=-1)
        split = (len(tokens), -1, self.heads, dim // self.heads)
        query, key, value = (t.reshape(split).transpose(1, 2) for t in (query, key, value))
        mixed = F.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    """Two linear layers with an exact GELU between them."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, _MLP_RATIO * dim)
        self.fc2 = nn.Linear(_MLP_RATIO * dim, dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., dim) to (..., dim)."""
        out: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return out


class Block(nn.Module):
    """A pre-norm transformer block without layer scale."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=_EPS)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=_EPS)
        self.mlp = Mlp(dim)

    def forward(self, tokens: Tensor, asking: int) -> Tensor:
        """The first `asking` of (n, length, dim) tokens after this block."""
        kept = tokens[:, :asking] + self.attn(self.norm1(tokens), asking)
        out: Tensor = kept + self.mlp(self.norm2(kept))
        return out


class PatchEmbed(nn.Module):
    """Squares of pixels to tokens by one convolution."""

    def __init__(self, dim: int, token: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=token, stride=token)

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, 3, side, side) to (n, rows x columns, dim)."""
        grid: Tensor = self.proj(pixels)
        return grid.flatten(2).transpose(1, 2)


class Vit(nn.Module):
    """The network; its state dict has the keys of a SatDINO checkpoint's ``teacher``."""

    def __init__(self, shape: VitShape) -> None:
        super().__init__()
        self.shape = shape
        n_tokens = (TRAINED_SIZE // shape.token) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.gsd_register = nn.Parameter(torch.zeros(1, 1, shape.dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, n_tokens + 2, shape.dim))
        self.patch_embed = PatchEmbed(shape.dim, shape.token)
        self.blocks = nn.ModuleList(Block(shape.dim, shape.heads) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.dim, eps=_EPS)

    def forward(self, pixels: Tensor, last_asking: int = 1) -> Tensor:
        """Embed normalised pixels.

        Parameters
        ----------
        pixels : Tensor, (n, 3, side, side)
            The side is a multiple of the token size.
        last_asking : int
            Tokens that the last block works for; the CLS token alone suffices.

        Returns
        -------
        Tensor, (n, dim)
        """
        tokens = self.patch_embed(pixels)
        n = len(tokens)
        ends = self.cls_token.expand(n, -1, -1), self.gsd_register.expand(n, -1, -1)
        tokens = torch.cat((ends[0], tokens, ends[1]), dim=1)
        tokens = tokens + positions(self.pos_embed, pixels.shape[-1] // self.shape.token)
        for block in self.blocks[:-1]:
            tokens = block(tokens, tokens.shape[1])
        out: Tensor = self.norm(self.blocks[-1](tokens, last_asking))
        return out[:, 0]


def positions(table: Tensor, side: int) -> Tensor:
    """Position embeddings for an image of `side` x `side` tokens.

    SatDINO resamples its table bicubically, without antialiasing, at the scale
    ``(side + 0.1) / sqrt(n + 1)`` for n trained tokens. DINO, from which it stems, divides by
    ``sqrt(n)``; the one too many is the register's. The weights were judged with it, so it is kept
    here. From 40 tokens (640 px at token 16; 157 tokens, 1,256 px at token 8) that scale gives one
    row too few and SatDINO stops; there DINO's own scale is used, which differs by 0.25 % (0.06 %).

    Parameters
    ----------
    table : Tensor, (1, n + 2, dim)
        CLS, n tokens row by row, register, as trained at 224 px.
    side : int

    Returns
    -------
    Tensor, (1, side x side + 2, dim)
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
