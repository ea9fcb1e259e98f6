"""Parts of huggingface_hub that are not documented: its session, its address, its errors."""

from huggingface_hub import constants, get_session
from huggingface_hub.errors import HfHubHTTPError


def probe_hub(timeout: float) -> None:
    """Ask the hub for a sign of life, so that a missing network is noticed within seconds."""
    get_session().head(constants.ENDPOINT, timeout=timeout)


def transport_error() -> type[Exception]:
    """Return the base class of connection errors, of httpx or requests depending on the version."""
    return HfHubHTTPError.__mro__[1]
