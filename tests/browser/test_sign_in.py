"""Sign-in with an OpenID Connect provider on this machine: no page is drawn before it."""

import warnings

import pytest
from playwright.sync_api import expect

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oidc_provider_mock

pytestmark = pytest.mark.browser

WAIT = 60_000
SECRETS = """
[auth]
redirect_uri = "SERVER/oauth2callback"
cookie_secret = "a text for this test"
client_id = "chipscape"
client_secret = "another text for this test"
server_metadata_url = "http://127.0.0.1:{port}/.well-known/openid-configuration"
"""


@pytest.fixture
def provider():
    with oidc_provider_mock.run_server_in_thread() as server:
        yield server


@pytest.mark.long
def test_pages__only_after_signing_in(provider, serve, visit, tmp_path):
    server = serve(tmp_path, secrets=SECRETS.format(port=provider.server_port))
    page = visit(server).page
    page.goto(f"{server.url}/scenes")
    sign_in = page.get_by_role("button", name="Sign in")
    expect(sign_in).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Sign in to see the workspaces of this server.")).to_be_visible()
    expect(page.get_by_role("heading", name="Scenes")).to_have_count(0)
    assert str(tmp_path) not in page.content()

    sign_in.click()
    page.wait_for_url(f"http://127.0.0.1:{provider.server_port}/**", timeout=WAIT)
    page.get_by_role("textbox").first.fill("analyst")
    page.get_by_role("button").first.click()
    page.wait_for_url(f"{server.url}/**", timeout=WAIT)
    sign_out = page.get_by_role("button", name="Sign out")
    expect(sign_out).to_be_visible(timeout=WAIT)
    page.goto(f"{server.url}/scenes")
    expect(page.get_by_role("heading", name="Scenes")).to_be_visible(timeout=WAIT)

    sign_out.click()
    page.get_by_role("button", name="End session").click(timeout=WAIT)
    expect(sign_in).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("heading", name="Scenes")).to_have_count(0)
