"""Which pages keep which tickets quiet."""

from __future__ import annotations

import pytest

from coalmine_aggregator.model.alerts import Alert, AlertClass, Severity
from coalmine_aggregator.paging.inhibition import INHIBIT, Inhibition, inhibitor_of, may_inhibit
from tests.aggregator.paging.alerts import alert

LOSS = alert(1, AlertClass.LOSS, protocol="udp")
TICKET = Severity.TICKET


@pytest.mark.parametrize(
    "ticket",
    [
        alert(2, AlertClass.LATE, TICKET, protocol="udp"),
        alert(2, AlertClass.SLOW, TICKET, protocol="udp", region="eu"),
        alert(2, AlertClass.DUPLICATES, TICKET, region="eu", equivalents=({"protocol": "udp"},)),
    ],
)
def test_a_loss_holds_tickets_within_its_scope(ticket: Alert) -> None:
    assert inhibitor_of(ticket, [LOSS], INHIBIT) == LOSS


@pytest.mark.parametrize(
    "told",
    [
        alert(2, AlertClass.LATE, TICKET),  # wider
        alert(2, AlertClass.LATE, TICKET, protocol="tcp"),
        alert(2, AlertClass.LATE, TICKET, service="logs", protocol="udp"),
        alert(2, AlertClass.LATE, Severity.PAGE, protocol="udp"),
        alert(2, AlertClass.BUDGET, TICKET, protocol="udp"),
        alert(2, AlertClass.CERTIFICATE, TICKET, protocol="udp"),
    ],
)
def test_all_else_is_told(told: Alert) -> None:
    assert inhibitor_of(told, [LOSS], INHIBIT) is None


def test_a_ticket_holds_nothing_and_nothing_holds_itself() -> None:
    late = alert(2, AlertClass.LATE, TICKET, protocol="udp")
    assert inhibitor_of(late, [LOSS._replace(severity=TICKET)], INHIBIT) is None
    mutual = (Inhibition((AlertClass.LATE,), (AlertClass.LATE,)),)
    assert inhibitor_of(late, [late], mutual) is None


def test_rules_are_as_configured() -> None:
    rules = (Inhibition((AlertClass.SELF_CHECK,), (AlertClass.BUDGET,)),)
    check = alert(1, AlertClass.SELF_CHECK)
    assert inhibitor_of(alert(2, AlertClass.BUDGET, TICKET), [LOSS, check], rules) == check
    assert inhibitor_of(alert(2, AlertClass.LATE, TICKET), [LOSS, check], rules) is None
    assert may_inhibit(check, rules)
    assert not may_inhibit(LOSS, rules)
    assert not may_inhibit(check._replace(severity=TICKET), rules)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (Inhibition((), (AlertClass.LATE,)), r"^by: is empty"),
        (Inhibition((AlertClass.LOSS,), ()), r"^held: is empty"),
        (
            Inhibition((AlertClass.LOSS,), (AlertClass.CERTIFICATE,)),
            r"^held: certificate is never held",
        ),
    ],
)
def test_what_cannot_be_is_told(rule: Inhibition, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        rule.check()
