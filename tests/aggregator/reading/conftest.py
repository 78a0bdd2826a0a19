"""Stores with history in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.store.database import open_engine
from tests.aggregator.reading.kept import Past, keep

Keep = Callable[[Past], sa.Connection]


@pytest.fixture
def keep_past(tmp_path: Path) -> Iterator[Keep]:
    """Keeps a past in a store of its own and gives a reader's connection to it."""
    with ExitStack() as stack:

        def kept(past: Past) -> sa.Connection:
            url = f"sqlite:///{tmp_path}/{len(list(tmp_path.iterdir()))}.db"
            engine = open_engine(url)
            keep(engine, past)
            engine.dispose()
            reader = open_read_only(url)
            stack.callback(reader.dispose)
            return stack.enter_context(reader.connect())

        yield kept
