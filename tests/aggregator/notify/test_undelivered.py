"""A receiver that does not deliver is found, by what its answers were; also after a restart."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.progress import Counting, Progress
from coalmine_aggregator.paging.order import Order, Recipients
from coalmine_aggregator.store.store import Store
from coalmine_runtime import clock
from tests.aggregator.notify.receivers import notifying, pagerduty
from tests.aggregator.store.samples import opened
from tests.servers.pagerduty import Answer, PagerDuty
from tests.servers.waiting import until


async def test_a_page_that_was_refused_is_found_until_something_is_taken(database_url: str) -> None:
    store = await Store.open(database_url)
    async with PagerDuty() as provider:
        provider.mood = Answer(400)
        async with notifying(store, pagerduty(provider.url)) as notifier:

            def found() -> list[tuple[AlertClass, str, Severity]]:
                now = clock.wall()
                return [
                    (each.alert_class, each.handle, each.severity)
                    for each in notifier.look(Progress(now, int(now), Counting.UNCHECKED))
                ]

            async def refused() -> bool:
                return bool(found())

            async def taken() -> bool:
                return not found()

            assert found() == []
            store.put_transitions([Recipients(opened(), (Order(opened(), "pd"),))])
            await until(refused, deadline_s=10, what="the refusal is found")
            assert found() == [(AlertClass.UNDELIVERED, "pd", Severity.PAGE)]
            provider.mood = None
            store.put_transitions([Recipients(opened(2), (Order(opened(2), "pd"),))])
            await until(taken, deadline_s=10, what="it delivers again")
    await store.close()
