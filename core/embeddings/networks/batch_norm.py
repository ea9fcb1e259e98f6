"""Batch norm folded into the convolution before it: the same numbers, one pass less."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def fold_batch_norms(network: "nn.Module") -> int:
    """Fold every batch norm of a transformers CNN into its convolution, in place.

    Looks for modules with a ``convolution`` and a ``normalization``, as ResNetModel has them. The
    network computes in evaluation mode only afterwards.

    Returns
    -------
    int
        How many were folded.
    """
    from torch import nn
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network.eval()
    folded = 0
    for module in list(network.modules()):
        convolution = getattr(module, "convolution", None)
        norm = getattr(module, "normalization", None)
        if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            module.convolution = fuse_conv_bn_eval(convolution, norm)
            module.normalization = nn.Identity()
            folded += 1
    return folded
