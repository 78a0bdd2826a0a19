"""A file that the first version wrote is taken over as it is."""

from __future__ import annotations

import json
from pathlib import Path

import alembic.command
import alembic.config
import pytest
import sqlalchemy as sa

from coalmine_aggregator.model.alerts import Alert, Cause
from coalmine_aggregator.model.counts import NOTHING
from coalmine_aggregator.model.explanation import Explanation
from coalmine_aggregator.model.slo_minutes import MinuteSums
from coalmine_aggregator.store.store import Store
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


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A file of revision 0001 with an open alert, its transition and a delivery that waits."""
    url = f"sqlite:///{tmp_path}/old.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config = alembic.config.Config()
        config.set_main_option("script_location", "coalmine_aggregator.store:migrations")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
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
    return url


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
    pending, standing = await store.standing(0.0)
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
