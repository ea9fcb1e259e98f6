"""Undocumented parts of huggingface_hub: its session, its address and its errors."""

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HfHubHTTPError


def probe_hub(timeout: float) -> None:
    """Send a short request to the hub, so that a missing connection is noticed within seconds."""
    get_session().head(constants.ENDPOINT, timeout=timeout)


def transport_error() -> type[Exception]:
    """Return the base class of connection errors, of httpx or requests depending on the version."""
    return HfHubHTTPError.__mro__[1]
