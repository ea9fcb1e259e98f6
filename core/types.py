"""Array types, and the choices that several settings share."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

AnyArray = NDArray[Any]
FloatArray = NDArray[np.float32]
DoubleArray = NDArray[np.float64]
IntArray = NDArray[np.int32]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
Geometries = NDArray[np.object_]

Align = Literal["north", "long-axis"]
Background = Literal["keep", "mask"]
Harmonisation = Literal["none", "centre"]
Nuisance = Literal["none", "brightness", "sharpness"]
NoiseMethod = Literal["keep", "nearest", "soft"]
Covariance = Literal["auto", "shrunk", "full", "tied", "diag", "spherical"]
CutMethod = Literal["eom", "leaf"]
BandsRule = Literal["first", "triples"]
Precision = Literal["auto", "full"]
Stretch = Literal["auto", "percentiles"]
Initialisation = Literal["pca", "spectral", "random"]
Metric = Literal["euclidean", "cosine"]
