"""Fixtures of the host's tests: the databases that a host may have, and a village on each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import Cluster
from tests.host.village import Village


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL cluster, for all tests of this process."""
    made = Cluster().start()
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database: the test runs once with each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'host.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new_database()


@pytest.fixture
def village(database_url: str) -> Iterator[Village]:
    """A site whose box is connected, on each kind of database."""
    made = Village(database_url)
    made.begin()
    yield made
    made.close()
