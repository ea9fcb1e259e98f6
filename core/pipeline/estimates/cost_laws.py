"""How the cost of each stage grows with the amount of its work, measured on the reference machine.

The constants are those of `benchmarks/estimate.py`, fitted to processor time at three sizes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

PROGRAM_SECONDS = 2.0
"""Core-seconds in which a command starts and loads its libraries."""
PROGRAM_BYTES = 380e6
"""Memory of a command with the libraries of all stages."""


@dataclass(frozen=True)
class CostLaw:
    """The cost of a stage as a function of the amount of its work.

    The core-seconds on the reference machine are ``fixed + rate * amount ** growth``.

    Attributes
    ----------
    amount : str
        What the amount counts.
    parallel : float
        Share of the core-seconds that several cores divide among them, 0..1.
    memory, fixed_memory : float
        Bytes at the peak beyond those of the program, per unit of the amount and in any case.
    """

    amount: str
    fixed: float
    rate: float
    growth: float = 1.0
    parallel: float = 0.0
    memory: float = 0.0
    fixed_memory: float = 0.0

    def core_seconds(self, amount: float) -> float:
        """Return the core-seconds on the reference machine."""
        return self.fixed + self.rate * math.pow(amount, self.growth)

    def peak_bytes(self, amount: float) -> float:
        """Return the memory at the peak beyond that of the program."""
        return self.fixed_memory + self.memory * amount


# Classifiers of pixels: the core-seconds in which their libraries are loaded, and the share of the
# time that several cores divide among them; fits use one core.
_CLASSIFIERS = {
    "knn": (0.3, 0.7),
    "hdbscan": (1.5, 0.5),
    "gmm": (0.3, 0.2),
    "kmeans": (0.3, 0.7),
    "boosting": (0.3, 0.8),
    "uniform": (0.3, 0.0),
    "prevalence": (0.3, 0.0),
    "economy": (0.3, 0.0),
}

LAWS: Mapping[str, CostLaw] = {
    "chips": CostLaw("million values", 0.55, 0.006, parallel=0.8, fixed_memory=150e6),
    "screen": CostLaw("million values", 0.1, 0.03, memory=0.7e6, fixed_memory=100e6),
    "texture": CostLaw("million values", 0.1, 0.115, memory=3.5e6, fixed_memory=50e6),
    "colour": CostLaw("million values", 0.1, 0.02, memory=1e6, fixed_memory=50e6),
    "reduction": CostLaw("billion products", 0.7, 0.05, memory=50e6),
    "mixtures": CostLaw("thousand chips, 8 Gaussians, 5 starts", 0.35, 0.15, 1.25, memory=2e6),
    "trees": CostLaw("thousand chips", 2.6, 0.13, 1.15, memory=5e6),
    "spanning trees": CostLaw("thousand chips, 5 components", 0.05, 0.06, 1.2, memory=5e6),
    "kmeans": CostLaw("thousand chips, 8 clusters, 10 starts", 0.6, 0.0065),
    "ward_trees": CostLaw("million pairs of chips", 0.0, 0.0137, 1.25, memory=8.5e6),
    "quality": CostLaw("thousand chips clustered again", 0.4, 0.075, memory=5e6),
    "quality of trees": CostLaw("thousand chips clustered again", 1.0, 0.1, memory=3e6),
    "projections": CostLaw("thousand chips, 750 iterations", 0.5, 0.85, memory=8e6),
    "comparisons": CostLaw("thousand chips", 3.2, 0.25, 1.5, memory=12e6),
    "trials": CostLaw("encoders tried", 0.0, 2.0, memory=100e6),
    "overviews": CostLaw("million values", 0.1, 0.003, fixed_memory=250e6),
    "exports": CostLaw("core-seconds of the formats", 0.5, 1.0, memory=3e6),
    "land files": CostLaw("million pixels", 0.1, 0.11),
    **{
        f"land {name}": CostLaw("core-seconds of the parts", start, 1.0, 1.0, share, 0.0, 250e6)
        for name, (start, share) in _CLASSIFIERS.items()
    },
}
"""The laws by name: those of the encoders, and those of the stages by the name of the artifacts."""
