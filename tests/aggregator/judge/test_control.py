"""The aggregator's check of itself, through the engine: what is withheld must be counted lost."""

from __future__ import annotations

import msgspec
import pytest

from coalmine_aggregator.engine import Engine
from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.model.policy import ServicePolicy
from coalmine_wire.control import Choice, fingerprint
from tests.aggregator.fleet import Canary, Desk, T

KEY = b"a key of the control agents"
SHARE = 0.05
POLICIES = {"ingest": ServicePolicy("ingest", 0.001)}


def watched(key: bytes = KEY) -> tuple[Desk, Canary]:
    """An aggregator that holds `KEY`, an agent, and a control agent that holds `key`."""
    at = Desk(Engine(fleet="test", policies=POLICIES, sources=("tcp",), control_key=KEY, now=float(T)))
    other, control = Canary("a1", "h1"), Canary("control", "h2", control=True)
    at.engine.birth(other.birth(), T + 0.5)
    birth = msgspec.structs.replace(control.birth(), control_share=SHARE, control_key=fingerprint(key))
    at.engine.birth(birth, T + 0.5)
    return at, control


def live(at: Desk, control: Canary, slots: range, *, withheld_arrive: bool = False) -> list[Alert]:
    """All goes well, but for what the control agent withholds; the alerts that are open at the end."""
    choice, other = Choice(KEY, SHARE), Canary("a1", "h1")
    for slot in slots:
        sent = [
            name
            for name in control.names()
            if withheld_arrive or not choice.withholds(name.decode(), slot)
        ]
        at.receive([*other.names(), *sent], slot)
        for canary in (other, control):
            at.engine.report(canary.report([slot], sent_at=slot + 1.1), slot + 1.11)
        at.tick(slot + 1.2)
    return at.engine.open_alerts()


def test_what_is_withheld_and_counted_lost_is_the_proof() -> None:
    at, control = watched()
    assert live(at, control, range(T + 1, T + 200)) == []
    view = at.engine.judge.control.view
    assert view is not None
    assert view.state == "ok"
    choice = Choice(KEY, SHARE)
    # Settled are the slots up to three before the last one.
    withheld = sum(
        choice.withholds(name.decode(), slot)
        for slot in range(T + 1, T + 198)
        for name in control.names()
    )
    assert view.right == withheld > 10
    # They are in no rate of the service.
    rates = at.engine.rates((), {"service": "ingest"}, T + 100, T + 190)
    assert all(lost == 0 for group in rates for lost in (row[3] for row in group.fates))


def test_what_is_withheld_and_counted_delivered_pages_at_once() -> None:
    at, control = watched()
    live(at, control, range(T + 1, T + 100))
    (alert,) = live(at, control, range(T + 100, T + 140), withheld_arrive=True)
    assert (alert.alert_class, alert.severity) == (AlertClass.SELF_CHECK, Severity.PAGE)
    assert alert.note
    assert live(at, control, range(T + 140, T + 400)) == []


@pytest.mark.parametrize("key", [b"another key, as long as that one"])
def test_another_key_proves_nothing_and_pages_nobody(key: bytes) -> None:
    at, control = watched(key)
    assert live(at, control, range(T + 1, T + 200)) == []
    view = at.engine.judge.control.view
    assert view is not None
    assert view.state == "unproven"
