"""The check that every request passes first: only this server's own pages may talk to it.

A web page of another site can send requests to a server on the same machine, also under a host name
that it points here (DNS rebinding). Streamlit refuses most of them, but before it refuses a
WebSocket, it asks an outside service for the address of this machine, and waits for the answer.
"""

import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose
from streamlit import config

POLICY_VIOLATION = 1008
"""The code that closes a WebSocket for breaking a rule of the server (RFC 6455, section 7.4.1)."""
HOST_REFUSED = (
    "This host name is not allowed. To allow it, add it to server.allowedHosts in "
    "app/.streamlit/config.toml.\n"
)
ORIGIN_REFUSED = (
    "This request comes from a page of another origin. If Chipscape runs behind a reverse proxy, "
    "the proxy must pass on the Host header of the request.\n"
)


class RequestCheck:
    """Middleware that refuses requests of other sites, and forbids other sites to frame a page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refused request; pass all others on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif not (reason := find_refusal(Headers(scope=scope))):
            await self.app(scope, receive, _forbid_framing(send))
        elif scope["type"] == "websocket":
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)
        else:
            await PlainTextResponse(reason, 403)(scope, receive, send)


def find_refusal(headers: Headers) -> str:
    """Return why a request is refused; an empty string if it is allowed."""
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_allowed_host(hosts[0]):
        return HOST_REFUSED
    # Only browsers send these headers, and no page can change them.
    origins = headers.getlist("origin")
    if any(not _is_same_origin(origin, hosts[0]) for origin in origins):
        return ORIGIN_REFUSED
    # Images and scripts are fetched without an origin. A link to the app is a navigation.
    is_navigation = headers.get("sec-fetch-mode") == "navigate"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_navigation:
        return ORIGIN_REFUSED
    return ""


def is_allowed_host(host: str) -> bool:
    """Return True if ``server.allowedHosts`` names this host, or is empty; the port is ignored."""
    allowed = [str(name).strip().lower() for name in config.get_option("server.allowedHosts") or ()]
    name = re.sub(r":[0-9]+$", "", host.lower()).removesuffix(".")
    endings = tuple(name[1:] for name in allowed if name.startswith("*."))
    return not allowed or "*" in allowed or name in allowed or name.endswith(endings)


def _is_same_origin(origin: str, host: str) -> bool:
    try:
        # The scheme is not compared: a reverse proxy may have accepted the request by HTTPS.
        return urlsplit(origin.lower()).netloc == host.lower()
    except ValueError:
        # For example an unclosed bracket, as in "http://[".
        return False


def _forbid_framing(send: Send) -> Send:
    """Return a `send` whose responses may only be framed by this server's own pages."""

    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.append("Content-Security-Policy", "frame-ancestors 'self'")
        await send(message)

    return send_with_header
