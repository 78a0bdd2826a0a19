"""The page's first line: the worst of what is wrong, or that all is well."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.fates import Fate
from coalmine_aggregator.web.headline import Headline
from coalmine_aggregator.web.options import WebOptions
from coalmine_aggregator.web.snapshot import MAX_OPEN, Snapshot, take_snapshot
from coalmine_aggregator.web.view import Check
from tests.aggregator.web.fake_view import START, FakeView, Trouble, make_alert


def taken(view: FakeView) -> Snapshot:
    return take_snapshot(view, WebOptions(), now=view.now, viewers=0)


def told(view: FakeView) -> tuple[str, str, int | None, int]:
    line = taken(view).headline
    assert isinstance(line, Headline)
    return str(line.status), line.text, line.since, line.more


def test_the_worst_alert_is_named_and_the_others_counted() -> None:
    view = FakeView()
    narrow = make_alert(1, since=START + 10)
    wide = make_alert(2, scope={"protocol": "udp"}, since=START + 20)
    ticket = make_alert(3, scope={}, severity=Severity.TICKET, since=START)
    view.alerts = [ticket, narrow, wide]
    assert told(view) == ("down", "All UDP of ingest is lost, all regions", START + 20, 2)
    assert [alert.number for alert in taken(view).open] == [2, 1, 3]
    view.alerts = [ticket]
    assert told(view)[0] == "partial"


def test_of_very_many_alerts_the_worst_are_listed() -> None:
    view = FakeView()
    view.alerts = [make_alert(n, severity=Severity.TICKET) for n in range(MAX_OPEN + 10)]
    view.alerts.append(make_alert(999, scope={"protocol": "udp"}))
    snapshot = taken(view)
    assert snapshot.open[0].number == 999
    assert (len(snapshot.open), snapshot.open_total) == (MAX_OPEN, MAX_OPEN + 11)
    assert snapshot.headline.more == MAX_OPEN + 10


def test_what_is_said_while_nothing_is_open() -> None:
    view = FakeView()
    assert told(view) == ("ok", "Every datapoint arrives", None, 0)
    where = {"protocol": "udp", "region": "eu-west-1", "location": "external"}
    view.troubles = [Trouble(where=where, first=view.settled - 5, fate=Fate.UNKNOWN)]
    assert told(view)[0] == "ok", "a few unknown ones are no status of a cell"
    view.troubles = [Trouble(where=where, first=view.settled - 60, fate=Fate.UNKNOWN)]
    assert told(view)[:2] == ("unknown", "No loss is seen; 1 cell is unknown")
    view.troubles = [Trouble(where={"protocol": "udp"}, first=view.settled - 5)]
    assert told(view)[:2] == ("partial", "No alert is open; 12 cells are losing datapoints")
    view.checks = [Check(name="store", ok=False)]
    assert told(view)[:2] == ("partial", "Coalmine itself is not well: store")
    view.checks, view.series = [], []
    assert told(view)[:2] == ("unknown", "No agent has been heard yet")
