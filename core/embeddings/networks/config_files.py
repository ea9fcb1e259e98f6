"""The ``config.json`` that lies beside a hub model's weights."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.embeddings.encoder import EncoderCard
from core.errors import WeightsError


def config_beside(
    path: Path,
    card: EncoderCard,
    kind: Any,
    fixed: Mapping[str, Any],
    width: Callable[[Any], int],
    sizes: Mapping[str, Any] | None = None,
) -> Any:
    """The sizes of a network, from ``config.json`` where it lies beside the weights.

    Parameters
    ----------
    path : Path
        The weight file.
    card : EncoderCard
    kind : type
        The transformers configuration.
    fixed : mapping
        What no key and no shape of the weights shows, and so must be as the card's network has it.
    width : callable
        From a configuration to the length of one embedding.
    sizes : mapping, optional
        What else differs from the configuration's defaults, where no file says it.

    Raises
    ------
    WeightsError
        If the file is no configuration, or is that of another network.
    """
    beside = path.with_name("config.json")
    if not beside.is_file():
        return kind(**fixed, **(sizes or {}))
    try:
        config = kind.from_json_file(beside)
    except Exception as error:  # the library's validators raise kinds of their own
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise WeightsError(
            f"is not a configuration ({reason})",
            where=str(beside),
            remedy=f"Bring config.json anew from {card.source}, or take it away.",
        ) from error
    found = {name: getattr(config, name, None) for name in fixed}
    wrong = [f"{name} {value}" for name, value in found.items() if value != fixed[name]]
    features = width(config)
    wrong += [f"{features} features"] if features != card.dim else []
    if wrong:
        raise WeightsError(
            f"describes another network than {card.name}: {', '.join(wrong)}",
            where=str(beside),
            remedy=f"Bring {card.weights_file} from {card.source}",
        )
    return config
