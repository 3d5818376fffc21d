"""Getting into the status page without a password: a link that works once, then a signed session.

Only who may read the data folder can make a link. Standard library only, so that the supervisor can make one without
importing the web part.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

LINK_FILE = "admin.login"
"""The SHA-256 of the one login link that works; empty once it was used."""
SECRET_FILE = "admin.secret"  # noqa: S105 - the file's name
SESSION_FOR = timedelta(hours=12)
"""How long a session lasts: a working day."""


def new_login_token(data_dir: Path) -> str:
    """A fresh token for `/login?token=…`; it works once, and the one before it no longer."""
    token = secrets.token_urlsafe(32)
    _write(data_dir / LINK_FILE, _digest(token))
    return token


def use_login_token(data_dir: Path, token: str) -> bool:
    """Whether that is the token; it is worthless from then on. A wrong one changes nothing."""
    try:
        file = (data_dir / LINK_FILE).open("r+", encoding="utf-8")
    except OSError:
        return False
    with file:
        # Of two who come at once only one finds it.
        fcntl.flock(file, fcntl.LOCK_EX)
        kept = file.read().strip()
        if not kept or not hmac.compare_digest(kept, _digest(token)):
            return False
        file.seek(0)
        file.truncate()
        return True


def new_session(data_dir: Path, now: datetime) -> str:
    """A session's cookie, good for `SESSION_FOR`."""
    said = f"{int((now + SESSION_FOR).timestamp())}.{secrets.token_urlsafe(12)}"
    return f"{said}.{_signature(data_dir, said)}"


def is_session(data_dir: Path, cookie: str, now: datetime) -> bool:
    """Whether the cookie is one of ours and not over."""
    said, _, signature = cookie.rpartition(".")
    until = said.partition(".")[0]
    if not said or not hmac.compare_digest(signature.encode(), _signature(data_dir, said).encode()):
        return False
    return int(until) > now.timestamp()


def _signature(data_dir: Path, said: str) -> str:
    return hmac.new(_secret(data_dir), said.encode(), hashlib.sha256).hexdigest()


def _secret(data_dir: Path) -> bytes:
    """The key that signs sessions; made at first use. Taking the file away ends every session."""
    path = data_dir / SECRET_FILE
    try:
        secret = _key(path)
    except FileNotFoundError:
        secret = b""
    if secret:
        return secret
    # Worth nothing: an empty key, as a power cut may leave, is one that anybody can sign with.
    path.unlink(missing_ok=True)
    part = path.with_name(f"{SECRET_FILE}.{secrets.token_hex(4)}")
    _write(part, secrets.token_hex(32))
    with suppress(FileExistsError):
        # Unlike a rename, a link never replaces what another process has just made.
        path.hardlink_to(part)
    part.unlink()
    return _key(path)


def _key(path: Path) -> bytes:
    """The key in the file; empty when it holds none. Raises: `FileNotFoundError`."""
    said = path.read_text(encoding="utf-8", errors="replace").strip()
    return bytes.fromhex(said) if re.fullmatch("[0-9a-f]{64}", said) else b""


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
