"""Which playbook is on a page."""

from __future__ import annotations

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.policy import NO_PLAYBOOK, Playbook, ServicePolicy
from coalmine_aggregator.model.scopes import scope_of

EVERY = Playbook("https://wiki.example/ingest")
LOSS = Playbook("https://wiki.example/loss", classes=(AlertClass.LOSS,))
UDP = Playbook("https://wiki.example/udp", ("check the decoder",), (), scope_of({"protocol": "udp"}))
UDP_EU = Playbook("https://wiki.example/udp-eu", (), (), scope_of({"protocol": "udp", "region": "eu"}))
POLICY = ServicePolicy("ingest", 0.001, playbooks=(EVERY, LOSS, UDP, UDP_EU))


def test_the_one_for_most_of_the_scope_is_the_best() -> None:
    eu = scope_of({"protocol": "udp", "region": "eu"})
    assert POLICY.playbook_for(AlertClass.LOSS, eu) is UDP_EU
    assert POLICY.playbook_for(AlertClass.LOSS, scope_of({"protocol": "udp"})) is UDP


def test_a_wider_alert_is_not_told_a_narrower_playbook() -> None:
    assert POLICY.playbook_for(AlertClass.LOSS, ()) is LOSS
    assert POLICY.playbook_for(AlertClass.BLIND, ()) is EVERY


def test_where_none_fits_there_is_none() -> None:
    only = ServicePolicy("ingest", 0.001, playbooks=(UDP,))
    assert only.playbook_for(AlertClass.LOSS, ()) is NO_PLAYBOOK
