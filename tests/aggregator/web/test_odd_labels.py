"""Labels of markup, escapes and formulas, as a foreign database may hold them, come back as data."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest
from aiohttp.test_utils import TestServer

from coalmine_aggregator.model.endings import PLAIN_ENDING
from coalmine_aggregator.reading.readers import Readers
from coalmine_aggregator.store.database import open_engine
from coalmine_aggregator.web import reader_tasks
from coalmine_aggregator.web.app import make_app
from coalmine_wire.protocols import Protocol
from coalmine_wire.series import Location, Series
from tests.aggregator.reading.kept import START, Past, keep
from tests.aggregator.web.fake_view import FakeView

ODD = Series(
    service="ingest",
    protocol=Protocol.UDP,
    variant="</script><script>alert(1)</script>",
    location=Location.EXTERNAL,
    region="\x1b[31mred\x1b[0m\x1b]0;title\x07",
    zone='=HYPERLINK("http://x")',
    host="x" * 200,
    node="\u202eevil\n\r\t,\"'",
)


@pytest.fixture
async def client(sqlite_url: str) -> AsyncIterator[aiohttp.ClientSession]:
    engine = open_engine(sqlite_url)
    keep(engine, Past([ODD], np.full((60, 1), PLAIN_ENDING, dtype=np.uint8)))
    engine.dispose()
    view = FakeView(series=[])  # memory knows nothing of it
    readers = Readers(reader_tasks.MODULE, sqlite_url)
    readers.start()
    app = make_app(view, readers=readers, now=lambda: view.now, paced=False)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    async with aiohttp.ClientSession(server.make_url("/")) as session:
        yield session
    await server.close()
    await readers.close()


async def get(client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(path) as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        return msgspec.json.decode(await response.read())


async def test_labels_come_back_as_they_are(client: aiohttp.ClientSession) -> None:
    labels = {label: str(value) for label, value in ODD._asdict().items()}
    by = ",".join(labels)
    span = f"from={START}&to={START + 60}"
    rates = await get(client, f"/api/v1/rates?by={by}&{span}")
    assert [group["labels"] for group in rates["groups"]] == [labels]
    assert rates["groups"][0]["received"] == [1] * 60
    assert (await get(client, "/api/v1/series"))["series"] == [labels]
    [row] = (await get(client, f"/api/v1/strip?service=ingest&{span}"))["rows"]
    assert row == {label: value for label, value in labels.items() if label != "service"}
    exported = await get(client, f"/api/v1/export/rates.json?by={by}&{span}")
    assert exported["rows"][0]["labels"] == labels
    async with client.get(
        "/api/v1/rates", params={"from": START, "to": START + 60, "region": ODD.region, "by": "zone"}
    ) as response:
        assert [group["labels"] for group in (await response.json())["groups"]] == [{"zone": ODD.zone}]
    async with client.get(f"/api/v1/export/rates.csv?by={by}&{span}&step=60") as response:
        text = (await response.read()).decode()
    [line] = csv.DictReader(io.StringIO(text, newline=""))
    told = {label: line[label] for label in labels}
    assert told == labels | {"zone": f"'{ODD.zone}"}
