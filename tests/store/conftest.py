"""The store's tests run on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import psycopg
import pytest

from bridge.store import db as store
from tests import postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    if postgres.binaries() is None:
        postgres.missing()
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path) -> str:
    """An empty database's URL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bridge.db"
    template = request.getfixturevalue("postgres_url")
    name = f"t{next(_numbers)}"
    host = template.split("host=")[1]
    with psycopg.connect(host=host, user="bridge", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return template.format(name)


@pytest.fixture
def db(url, tmp_path) -> Iterator[store.Database]:
    store.upgrade(url, tmp_path)
    database = store.open_database(url, tmp_path)
    yield database
    database.close()
