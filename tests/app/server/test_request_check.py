import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app import main
from app.server import request_check
from app.server.request_check import RequestCheck

HOST = "ours:8501"


async def greet(_):
    return PlainTextResponse("hello")


async def greet_by_socket(socket):
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


@pytest.fixture
def client(monkeypatch):
    options = {"server.allowedHosts": ["ours", "*.example.org"]}
    monkeypatch.setattr(request_check.config, "get_option", options.get)
    routes = [
        Route("/", greet, methods=["GET", "POST"]),
        WebSocketRoute("/socket", greet_by_socket),
    ]
    return TestClient(RequestCheck(Starlette(routes=routes)), base_url=f"http://{HOST}")


ALLOWED = [
    {},
    {"Host": "OURS:8501"},
    {"Host": "ours"},
    {"Host": "ours."},
    {"Host": "maps.example.org"},
    {"Origin": f"http://{HOST}"},
    # A reverse proxy that accepts HTTPS and passes on the Host header.
    {"Origin": "https://maps.example.org", "Host": "maps.example.org"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    # A link on another site, and the return from a sign-in.
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
]
REFUSED = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8501"},
    {"Host": "ours.evil.example"},
    {"Host": "example.org"},
    {"Host": "evilexample.org"},
    {"Host": "ours@evil.example"},
    {"Host": "evil.example/ours"},
    {"Host": "[::1]:8501"},
    {"Host": "127.0.0.1"},
    {"Host": ""},
    {"Host": "ours:8501:1"},
    {"Origin": "http://evil.example"},
    {"Origin": f"http://{HOST}.evil.example"},
    {"Origin": "http://ours:3000"},
    {"Origin": "http://ours"},
    {"Origin": f"http://evil.example@{HOST}"},
    {"Origin": f"http://evil.example/{HOST}"},
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": ""},
    # Python cannot parse these.
    {"Origin": "http://["},
    {"Origin": f"http://{HOST}]"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Sec-Fetch-Site": "cross-site"},
]


@pytest.mark.parametrize("headers", ALLOWED)
def test_request__of_an_own_page_is_passed_on(client, headers):
    answer = client.get("/", headers=headers)
    assert (answer.status_code, answer.text) == (200, "hello")
    with client.websocket_connect(f"ws://{HOST}/socket", headers=headers) as socket:
        assert socket.receive_text() == "hello"


@pytest.mark.parametrize("headers", REFUSED)
def test_request__of_another_site_is_refused(client, headers):
    for answer in (client.get("/", headers=headers), client.post("/", headers=headers)):
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/plain")
        assert "not allowed" in answer.text or "another origin" in answer.text
    with (
        pytest.raises(WebSocketDisconnect) as refusal,
        client.websocket_connect(f"ws://{HOST}/socket", headers=headers),
    ):
        pass
    assert refusal.value.code == 1008


def test_request__two_host_headers_are_refused(client):
    headers = [("Host", HOST), ("Host", "evil.example")]
    assert client.get("/", headers=headers).status_code == 403


@pytest.mark.parametrize("allowed", [None, [], ["*"], ["ours", "*"]])
def test_request__any_host_is_allowed_on_request(client, monkeypatch, allowed):
    monkeypatch.setattr(request_check.config, "get_option", {"server.allowedHosts": allowed}.get)
    assert client.get("/", headers={"Host": "anything.example"}).status_code == 200
    headers = {"Host": "anything.example", "Origin": "http://evil.example"}
    assert client.get("/", headers=headers).status_code == 403


def test_response__may_be_framed_by_own_pages_only(client):
    assert client.get("/").headers["content-security-policy"] == "frame-ancestors 'self'"


def test_check__is_the_first_middleware_of_the_app():
    first = main.app._user_middleware[0]
    assert isinstance(first.cls(greet), RequestCheck)


def test_check__lets_the_server_report_a_foreign_package(monkeypatch):
    def import_nothing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(main, "import_module", import_nothing)
    assert main.check_requests(greet) is greet
