"""A real PostgreSQL for the tests: started once, on a unix socket, one database a test."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest


def binaries() -> Path | None:
    """Where PostgreSQL's server programs are, the newest version first; `None` when there are none."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return found[0].parent if found else None


def missing() -> None:
    """Skip on a developer's machine; in CI a missing PostgreSQL is an error."""
    if os.environ.get("CI"):
        pytest.fail("PostgreSQL's server programs are missing; .ci/run installs them", pytrace=False)
    pytest.skip("no PostgreSQL server programs on this machine (apt-get install postgresql)")


@contextmanager
def server() -> Iterator[str]:
    """Run a server of our own; gives the URL without a database's name. It refuses root, so root lends it `nobody`."""
    programs = binaries()
    assert programs is not None
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="bridge-pg-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data, log = folder / "data", folder / "log"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "bridge", "-A", "trust", "-E", "UTF8", "--locale=C"],
            user=user,
            check=True,
            capture_output=True,
            cwd=folder,
        )
        options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
        with log.open("w") as out:
            process = subprocess.Popen(
                [programs / "postgres", "-D", data, *options.replace("'", "").split()],
                user=user,
                stdout=out,
                stderr=out,
                cwd=folder,
            )
        try:
            _wait(folder, process, log)
            yield f"postgresql+psycopg://bridge@/{{}}?host={folder}"
        finally:
            process.terminate()
            process.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        try:
            psycopg.connect(host=str(folder), user="bridge", dbname="postgres").close()
        except psycopg.OperationalError:
            if process.poll() is not None:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()[-2000:]}") from None
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("PostgreSQL did not answer within 10 s")
