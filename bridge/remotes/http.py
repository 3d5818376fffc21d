"""The only place that builds an HTTP client: what every call has in common.

Building a client or an SSL context opens no connection, so both may be made before a process forks. May import:
`bridge` for its version, `ports`.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable, Generator

import httpx

from bridge import __version__
from bridge.ports import Refused

USER_AGENT = f"posthog-bridge/{__version__}"
"""Some content delivery networks refuse requests without one."""
READ_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
"""Seconds for a call that changes nothing."""
WRITE_TIMEOUT = httpx.Timeout(5.0, connect=3.0)
"""Seconds for a call that changes something: shorter than the 8 s of a claim; a slower answer counts as lost."""
MARK = {"x-posthog-client": "posthog-bridge"}
"""Names us in the "clients" filter of PostHog's activity log; others ignore it."""
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
"""Hosts on this machine: never behind a proxy, and fit for plain HTTP."""


class Bearer(httpx.Auth):
    """Puts a token into `Authorization`, and shows it to nobody else: neither its `repr` nor its attributes hold it.

    `fingerprint` changes when the token changes, and says nothing else about it.
    Raises: Refused when the token cannot be one; it is not shown.
    """

    def __init__(self, token: str) -> None:
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            said = "Nothing was sent: the API key is empty, or holds a space or an odd character."
            remedy = "Put exactly one line with the key where the configuration says that it is to be read."
            raise Refused(401, said, remedy=remedy, is_target_wide=True)
        self._header: Callable[[], str] = lambda: f"Bearer {token}"
        self.fingerprint = hashlib.sha256(f"key fingerprint:{token}".encode()).hexdigest()[:16]

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its token."""
        request.headers["Authorization"] = self._header()
        yield request

    def __repr__(self) -> str:
        return "Bearer(...)"


def ssl_context(ca_file: str = "") -> ssl.SSLContext:
    """What verifies the other side's certificate; takes about 20 ms to build, so build it once and before a fork.

    `ca_file`: certificates of authorities that are trusted besides the usual ones.
    Raises: Refused when that file cannot be used.
    """
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            why = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
            said = f"Nothing was sent: the certificates in {ca_file} cannot be used ({why})."
            remedy = "Put the authority's certificates there in PEM form, or empty ca_file."
            raise Refused(400, said, remedy=remedy, is_target_wide=True) from error
    return context


def client(
    base_url: str,
    auth: httpx.Auth | None,
    *,
    transport: httpx.BaseTransport | None = None,
    context: ssl.SSLContext | None = None,
) -> httpx.Client:
    """A client for one host that connects at the first call, follows no redirect, and repeats nothing by itself.

    `auth`: usually a `Bearer`, or `None` for none. `transport` stands in for the network in tests. `context`:
    what `ssl_context` made, or `None` to make one. Proxies are taken from the environment, but never for this machine
    itself.
    Raises: Refused when the address cannot be right.
    """
    base = _address(base_url)
    return httpx.Client(
        base_url=base,
        auth=auth,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity", **MARK},
        timeout=READ_TIMEOUT,
        follow_redirects=False,
        transport=transport,
        trust_env=transport is None and base.host not in LOOPBACK,
        verify=True if context is None else context,
    )


def _address(base_url: str) -> httpx.URL:
    try:
        base = httpx.URL(base_url.strip().rstrip("/"))
    except httpx.InvalidURL:
        base = httpx.URL()
    if base.scheme not in {"http", "https"} or not base.host or base.userinfo or base.query:
        said = "Nothing was sent: the url is no plain http or https address."
        raise Refused(400, said, remedy="Write it like https://us.posthog.com.", is_target_wide=True)
    return base
