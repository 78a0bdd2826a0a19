"""What earlier versions wrote is taken over."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import alembic.command
import alembic.config
import numpy as np
import pytest
import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Alert, Cause
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.endings import COLUMNS
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.fates import FATES, Fate
from coalmine_aggregator.model.slo_minutes import MinuteSums
from coalmine_aggregator.model.unknown import UnknownReason
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.kept import summed
from tests.aggregator.store.samples import START, opened

# An alert's fields as the first version kept them.
FIRST_BODY = {
    "number": 3,
    "fleet": "prod",
    "service": "ingest",
    "alert_class": "loss",
    "ordinal": 1,
    "severity": "page",
    "scope": {"protocol": "udp"},
    "since": START,
    "opened_at": START + 4.2,
    "closed_at": None,
    "counts": {"received": 0, "fates": [0, 0, 0, 44, 0, 0, 0]},
    "beside": {"received": 220, "fates": [220, 0, 0, 0, 0, 0, 2]},
    "window_s": 2,
    "acceptable_loss": 0.001,
    "owner": "ingest-oncall",
    "playbook": "https://wiki.example/ingest",
}


def open_at(url: str, revision: str) -> sa.Engine:
    """A new database as an earlier version left it."""
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed)
    with engine.begin() as connection:
        config = alembic.config.Config()
        config.set_main_option("script_location", "coalmine_aggregator.store:migrations")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, revision)
    return engine


@pytest.fixture
def url(database_url: str) -> str:
    """A database of revision 0001 with an open alert, its transition and a delivery that waits."""
    engine = open_at(database_url, "0001")
    with engine.begin() as connection:
        tables = sa.inspect(connection).get_table_names()
        assert "slo_minutes" not in tables
        assert "learned" not in tables
        body = json.dumps(FIRST_BODY)
        for row in (
            "alerts VALUES (3, 'prod/ingest/loss/1', :at, NULL, :body)",
            "transitions VALUES (5, 3, 'opened', :at, :body)",
            "outbox VALUES (5, 'pd', 1, :at, NULL, NULL, '503')",
        ):
            statement = sa.text(f"INSERT INTO {row}")
            connection.execute(statement, {"at": START + 4.2, "body": body})
    engine.dispose()
    return database_url


async def test_what_was_kept_is_still_read(url: str) -> None:
    store = await Store.open(url)
    restored = await store.load()
    old = opened(3)
    assert restored.open_alerts == (old.alert,)
    assert restored.next_number == 4
    (alert,) = restored.open_alerts
    assert (alert.cause, alert.total, alert.equivalents) == (Cause.UNKNOWN, NOTHING, ())
    assert dict(restored.slo) == {}
    assert dict(restored.learned) == {}
    pending, standing, *_ = await store.standing(0.0)
    assert [delivery.transition for delivery in pending] == [old]
    assert standing == (old,)
    assert await store.explained(3) == [old]
    assert old.explanation == Explanation()
    assert await store.find_alert("ingest-loss-1") == old.alert
    await store.close()


async def test_what_is_new_can_be_written_to_it(url: str) -> None:
    store = await Store.open(url)
    store.put_slo("ingest", 7, MinuteSums(60, 1, 50, 0, 2**60 - 1))
    store.put_learned("noise/ingest", '{"rho":0.01}')
    await store.close()
    again = await Store.open(url)
    restored = await again.load()
    assert restored.slo["ingest"].tolist() == [[7, 60, 1, 50, 0, 2**60 - 1]]
    assert dict(restored.learned) == {"noise/ingest": '{"rho":0.01}'}
    await again.close()


def test_the_sample_has_every_field_without_a_default() -> None:
    assert set(FIRST_BODY) == set(Alert._fields) - set(Alert._field_defaults)


def old_minute(ids: list[int], table: np.ndarray[Any, Any], seen: list[int]) -> bytes:
    """The bytes of the second version: `table` is (leaves, 7 fates and received, 60 seconds)."""
    columns = table.copy()
    columns[:, FATES] -= columns[:, Fate.DELIVERED]
    changes = np.diff(columns, axis=2, prepend=0).ravel()
    places = np.flatnonzero(changes)
    raw = b"".join(
        (
            struct.pack("<QII", sum(1 << second for second in seen), len(ids), len(places)),
            np.array(ids, dtype="<u4").tobytes(),
            np.diff(places, prepend=0).astype("<u4").tobytes(),
            changes[places].astype("<i4").tobytes(),
        )
    )
    return b"\x01" + zlib.compress(raw)


async def test_counts_by_leaf_become_sums(database_url: str) -> None:
    engine = open_at(database_url, "0002")
    random = np.random.default_rng(1)
    leaves = {1: ("ingest", "tcp"), 2: ("logs", "tcp"), 5: ("ingest", "udp")}
    right: dict[tuple[str, int, int], dict[str, list[int]]] = {}
    with engine.begin() as connection:
        for number, (service, protocol) in leaves.items():
            connection.execute(
                sa.text("INSERT INTO leaves VALUES (:n, :s, :p, '', 'external', 'eu', 'eu-1')"),
                {"n": number, "s": service, "p": protocol},
            )
        for service, ids, minute in (
            ("ingest", [5, 1], 100),
            ("ingest", [1], 101),
            ("ingest", [1, 5], 120),
            ("logs", [2], 100),
        ):
            table = random.integers(0, 9, size=(len(ids), FATES + 1, 60))
            seen = sorted(random.choice(60, 40, replace=False).tolist())
            table[:, :, [second for second in range(60) if second not in seen]] = 0
            insert = sa.text("INSERT INTO minutes VALUES (:service, :minute, :body)")
            body = old_minute(ids, table, seen)
            connection.execute(insert, {"service": service, "minute": minute, "body": body})
            for leaf, counts in zip(ids, table.sum(axis=2).tolist(), strict=True):
                row = [*counts[:6], *(0,) * 4, counts[7]]
                row[Fate.UNKNOWN + UnknownReason.AGGREGATOR] = counts[6]
                for step_s in (60, 3_600):
                    start = minute * 60 // step_s * step_s
                    sums = right.setdefault((service, step_s, start), {})
                    before = sums.get(leaves[leaf][1], [0] * COLUMNS)
                    sums[leaves[leaf][1]] = [a + b for a, b in zip(before, row, strict=True)]
        broken = {"service": "logs", "minute": 99, "body": b"\x01junk"}
        connection.execute(insert, broken)
    engine.dispose()
    store = await Store.open(database_url)
    await store.close()
    found = {
        (service, step_s, start): {labels[0]: row for labels, row in rows.items()}
        for step_s in (60, 3_600)
        for (service, start), rows in summed(database_url, step_s).items()
    }
    assert found == right
