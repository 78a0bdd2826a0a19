"""Stores with history in them, in both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.reading.kept import Past, keep
from tests.servers.postgres import Postgres

Keep = Callable[[Past], sa.Connection]


class Stores:
    """A store for each past, made when it is first asked for and kept for the other tests: nobody
    writes to it again."""

    def __init__(self, new_url: Callable[[], str]) -> None:
        self._new_url = new_url
        self._readers: dict[tuple[object, ...], sa.Engine] = {}

    def reader(self, past: Past) -> sa.Engine:
        key = (*past.series, past.endings.tobytes())
        if key not in self._readers:
            url = self._new_url()
            engine = open_engine(url)
            keep(engine, past)
            engine.dispose()
            self._readers[key] = open_read_only(url)
        return self._readers[key]

    def close(self) -> None:
        for reader in self._readers.values():
            reader.dispose()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def stores(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stores]:
    """Those of this run in one of the databases."""
    if request.param == "sqlite":
        stores = Stores(lambda: f"sqlite:///{tmp_path_factory.mktemp('past')}/h.db")
    else:
        server: Postgres = request.getfixturevalue("postgres")
        stores = Stores(server.create)
    yield stores
    stores.close()


@pytest.fixture
def keep_past(stores: Stores) -> Iterator[Keep]:
    """Keeps a past in a store and gives a reader's connection to it."""
    with ExitStack() as stack:
        yield lambda past: stack.enter_context(stores.reader(past).connect())
