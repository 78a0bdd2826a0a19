"""What is seen of the pool from outside: the aggregator's answers, its pages, the balancer's words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from coalmine_aggregator.demo.children import Child
from coalmine_aggregator.demo.pool import words
from coalmine_aggregator.demo.pool.layout import NAMES, SIZE
from coalmine_aggregator.demo.pool.words import Line
from coalmine_aggregator.demo.readings import Reader, ReadingError
from coalmine_aggregator.demo.stage import DemoError, heard
from coalmine_aggregator.demo.words import Page
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.web.alert_answers import AlertItem
from coalmine_aggregator.web.remediation_answers import NodeItem, RemediationAnswer, RemediationLogItem

LOOK_S = 0.25
_FAILED_READS = 20
_RATES_S = 5


class Sightings:
    """The newest of everything; `tell` is called with what is new."""

    def __init__(self, tell: Callable[[Line], None]) -> None:
        self.remediation: RemediationAnswer | None = None
        self.open: list[AlertItem] = []
        self.withdrawn: list[str] = []
        """Every node that was withdrawn since the start, once for each time: by the log, which comes a
        moment late and misses none."""
        self.pages: list[str] = []
        """The subject of every page since the start, without tickets."""
        self.out: tuple[str, ...] | None = None
        """Who gets no new work from the balancer since `out_at`, None before its first word."""
        self.out_at = 0.0
        self.whole = False
        """Whether every datapoint of the newest second arrived."""
        self.calmed = asyncio.Event()
        """Set once it was calm for the first time."""
        self._tell = tell
        self._verdicts: dict[str, str] = {}
        self._decided: list[str] = []
        self._number = 0

    @property
    def nodes(self) -> list[NodeItem]:
        """As the aggregator sees them, by name; empty before it does."""
        if self.remediation is None:
            return []
        return sorted(self.remediation.services[0].nodes, key=lambda each: each.node)

    @property
    def calm(self) -> bool:
        """Whether all nodes are seen to be well and in service, and no alert is open."""
        healthy = [each for each in self.nodes if each.verdict == Verdict.HEALTHY]
        return self.whole and len(healthy) == len(NAMES) and not self.open and self.out == ()

    async def follow_api(self, reader: Reader, shown: Callable[[], None]) -> None:
        """Reads until cancelled, and calls `shown` after each reading. Raises `DemoError`."""
        failures = 0
        while True:
            try:
                await self._read(reader)
                failures = 0
            except ReadingError as error:
                failures += 1
                if failures == _FAILED_READS:
                    raise DemoError(str(error)) from None
            shown()
            await asyncio.sleep(LOOK_S)

    async def follow_balancer(self, balancer: Child) -> None:
        """Hears its words until cancelled."""
        while True:
            message = await heard(balancer)
            before, self.out = self.out, tuple(message["out"])
            self.out_at = message["at"]
            if before is not None:
                self._tell(words.balancer_line(before, self.out))

    def paged(self, page: Page) -> None:
        """Takes in a page."""
        if page.type == "alert.opened" and page.data.severity == "page":
            self.pages.append(page.data.subject)
        for line in words.page_lines(page):
            self._tell(line)

    async def _read(self, reader: Reader) -> None:
        self.remediation = await reader.remediation()
        for node in self.nodes:
            before, self._verdicts[node.node] = self._verdicts.get(node.node), node.verdict
            if before not in (None, node.verdict):
                self._tell(words.verdict_line(node))
        out = [each.node for each in self.remediation.services[0].withdrawn]
        for name in out:
            if name not in self._decided:
                self._tell(words.withdrawn_line(name))
        self._decided = out
        log = await reader.remediation_log()
        for each in reversed(log.events):
            if each.number > self._number:
                self._number = each.number
                self._take(each)
        self.open = (await reader.alerts()).open
        groups = (await reader.rates(_RATES_S)).groups
        last = max((group.slots[-1] for group in groups if group.slots), default=0)
        newest = [group.received[-1] for group in groups if group.slots[-1:] == [last]]
        self.whole = sum(newest) == SIZE
        if self.calm:
            self.calmed.set()

    def _take(self, each: RemediationLogItem) -> None:
        if each.kind == "withdrawn":
            self.withdrawn.append(each.node)
        line = words.log_line(each)
        if line is not None:
            self._tell(line)
