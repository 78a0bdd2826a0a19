"""What the weekly review and an explanation read: the pages of a while, and who was told of one."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Change
from coalmine_aggregator.paging.review import review
from coalmine_aggregator.reading.database import open_read_only
from coalmine_aggregator.reading.pages import first_told, opened_between
from coalmine_aggregator.reading.told import Told, told
from coalmine_aggregator.store.pending import Delivery
from coalmine_aggregator.store.store import Store
from tests.aggregator.store.samples import START, acknowledged, closed, opened, routed

BEGAN = START + 4.2
WEEK = START + 604_800.0


async def kept(url: str) -> None:
    """Alert 1 is told to two and acknowledged; 2 is told to nobody; 3 opened a week later."""
    store = await Store.open(url)
    handed: list[Delivery] = []
    store.on_deliveries = handed.extend
    store.put_transitions([routed(opened(1), "chat", "mail"), routed(opened(2))])
    store.put_transitions([routed(acknowledged(1)), routed(closed(1), "chat")])
    store.put_transitions([routed(opened(3, at=WEEK + 1.0), "chat")])
    assert await store.flushed(10.0)
    for each in handed:
        if each.receiver == "chat" and each.transition.change is Change.OPENED:
            store.put_delivery(each._replace(attempts=1, delivered_at=each.made_at + 0.5))
        if each.receiver == "mail":
            store.put_delivery(each._replace(attempts=3, dead="given up after 3 tries", error="550"))
    assert await store.flushed(10.0)
    await store.close()


async def test_the_pages_of_a_week(sqlite_url: str) -> None:
    await kept(sqlite_url)
    engine = open_read_only(sqlite_url)
    with engine.begin() as connection:
        found = opened_between(connection, START, WEEK)
        first = first_told(connection, START, WEEK)
        assert [alert.number for alert in opened_between(connection, WEEK, WEEK + 2.0)] == [3]
    engine.dispose()
    assert sorted(alert.number for alert in found) == [1, 2]
    assert first == {1: BEGAN}
    [(_, numbers)] = review(found, first, START, WEEK).rules
    assert (numbers.pages, numbers.held, numbers.acknowledged, numbers.resolved) == (1, 1, 0, 1)


async def test_who_was_told_of_an_alert_and_what_became_of_it(sqlite_url: str) -> None:
    await kept(sqlite_url)
    engine = open_read_only(sqlite_url)
    with engine.begin() as connection:
        assert told(connection, 2) == []
        assert told(connection, 1) == [
            Told("chat", "", 0, 0, Change.OPENED, BEGAN, 1, BEGAN + 0.5, None, None),
            Told("mail", "", 0, 0, Change.OPENED, BEGAN, 3, None, "given up after 3 tries", "550"),
            Told("chat", "", 0, 0, Change.CLOSED, START + 30.0, 0, None, None, None),
        ]
    engine.dispose()
