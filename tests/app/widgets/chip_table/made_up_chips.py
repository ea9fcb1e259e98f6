from types import SimpleNamespace

import pandas as pd

from core.chips.chip_set import ChipSet


class Chips(SimpleNamespace):
    """The tables of a chip set."""

    varying_facts, row_by_id = ChipSet.varying_facts, ChipSet.row_by_id

    def __len__(self) -> int:
        return len(self.facts)


def chips_with(**attributes: list[object]) -> Chips:
    """Return the tables of a chip set of seven chips."""
    facts = pd.DataFrame(
        {
            "chip_id": list("abcdefg"),
            "scene": ["quay", "quay", "bay", "bay", "bay", "quay", "bay"],
            "length": [4.26, 20.04, 123.44, 4.26, float("nan"), 7.0, 1.0],
            "breadth": [float("nan")] * 7,
        }
    )
    return Chips(facts=facts, properties=pd.DataFrame(attributes, index=facts.index))
