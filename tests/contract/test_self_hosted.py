"""A PostHog of one's own: a private authority, a path, older shapes of errors."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bridge.ports import Refused, Unavailable
from bridge.remotes.http import ssl_context
from bridge.remotes.posthog import PostHogTarget
from bridge.remotes.posthog.client import Untrusted
from bridge.sandbox import ORGANIZATION_ID
from tests import faults
from tests.faults import When

STRANGER = "0d3e9f6e-8f3c-4f4c-9d6e-0a0a0a0a0a0a"


def openssl(*arguments: str, where) -> None:
    subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with ca.pem, and a server's certificate that this authority signed."""
    if shutil.which("openssl") is None:
        said = "openssl is needed to make an authority"
        pytest.fail(said) if os.environ.get("CI") else pytest.skip(said)
    folder = tmp_path_factory.mktemp("ca")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    openssl(*new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Our Own Authority", where=folder)
    asked = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(*asked, "-keyout", "key.pem", "-out", "asked.csr", "-subj", "/CN=localhost", where=folder)
    (folder / "san").write_text("subjectAltName=DNS:localhost\n")
    signs = ("x509", "-req", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "san")
    openssl(*signs, "-in", "asked.csr", "-out", "cert.pem", where=folder)
    return folder


@pytest.fixture
def posthog(authority):
    """The address of a server with that certificate, which answers every GET with an account."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"uuid": "%s", "email": "bot@example.com"}' % STRANGER.encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "cert.pem", authority / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def target(url: str, ca_file: str = "") -> PostHogTarget:
    return PostHogTarget(url=url, organization_id=ORGANIZATION_ID, api_key="phx_a", context=ssl_context(ca_file))


def test_a_certificate_of_our_own_authority_is_trusted_when_it_is_named(posthog, authority):
    opened = target(posthog, str(authority / "ca.pem"))
    assert opened.key_owner().email == "bot@example.com"
    opened.close()


def test_without_it_nothing_is_sent_and_ca_file_is_named(posthog):
    opened = target(posthog)
    with pytest.raises(Untrusted) as told:
        opened.key_owner()
    assert "localhost is not trusted here: nothing was sent" in told.value.detail
    assert "ca_file" in told.value.remedy
    (failed,) = [f for f in opened.check() if f.grade == "fail"]
    assert "ca_file" in failed.remedy
    opened.close()


@pytest.mark.parametrize("content", ["", "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"])
def test_a_file_that_holds_no_certificate_is_refused_for_the_whole_target(tmp_path, content):
    (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(Refused) as told:
        ssl_context(str(tmp_path / "ca.pem"))
    assert told.value.is_target_wide
    assert "PEM" in told.value.remedy


@pytest.mark.parametrize(
    ("status", "said", "remedy"),
    [
        (401, "Invalid token.", "region"),
        (403, "Authentication credentials were not provided.", "region"),
        (403, "You do not have permission to perform this action.", "still a member"),
        (404, "Not found.", "next look"),
        (402, "This feature is not available on your plan.", "plan"),
    ],
)
def test_an_error_of_django_alone_means_the_same(side, status, said, remedy):
    side.transport.inject(When(), faults.answer(status, {"detail": said}))
    with pytest.raises(Refused) as told:
        side.target().key_owner()
    assert (told.value.status, told.value.detail) == (status, said)
    assert remedy in told.value.remedy


def test_a_member_who_is_not_found_is_gone_in_the_plain_shape_too(side):
    from bridge.core.organization import Level
    from bridge.core.plan import RemoveMember

    side.transport.inject(When(method="DELETE"), faults.answer(404, {"detail": "Not found."}))
    step = RemoveMember(user_uuid=STRANGER, email="maya@example.com", level=Level.MEMBER)
    assert side.target().apply(step).was_gone


def test_without_a_rate_limit_hundreds_of_calls_in_a_minute_are_answered(side):
    side.world.is_throttling = False
    target = side.target()
    for _ in range(600):
        target.key_owner()


def test_a_server_that_is_away_is_not_called_untrusted():
    opened = target("https://127.0.0.1:9")
    with pytest.raises(Unavailable) as told:
        opened.key_owner()
    assert not isinstance(told.value, Untrusted)
    opened.close()
