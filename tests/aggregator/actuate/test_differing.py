"""Outputs that do not do as they are told: told after a while, and until they do."""

from __future__ import annotations

import pytest

from coalmine_aggregator.actuate.differing import PATIENCE_S, Differing, what_is_wrong
from coalmine_aggregator.actuate.output import Standing
from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.model.withdrawal import Mode, Phase, Wanted, Withdrawal

NODES = tuple(f"web-{i}" for i in range(10))
NOW = 1_000.0


def wanted(*out: str, mode: Mode = Mode.ACTING) -> dict[str, Wanted]:
    withdrawals = tuple(
        Withdrawal("ingest", node, "z", NOW, Phase.DOWN, NOW, 0, "it fails") for node in out
    )
    return {"ingest": Wanted("ingest", NOW, 20.0, mode, NODES, withdrawals)}


def standing(*out: str, trouble: str = "") -> Standing:
    return Standing("etcd", {"ingest": out}, NOW, trouble)


@pytest.mark.parametrize(
    ("stands", "shall", "said"),
    [
        (standing("web-1"), wanted("web-1"), ""),
        (standing(), wanted("web-1"), "etcd: web-1 of ingest shall be out, and serve"),
        (
            standing("web-1"),
            wanted("web-3"),
            "etcd: web-3 of ingest shall be out, and serve; web-1 of ingest shall serve, and are out",
        ),
        (
            standing(*NODES[:7]),
            wanted(mode=Mode.STOPPED),
            "etcd: web-0, web-1, web-2, web-3, web-4 and 2 more of ingest shall serve, and are out",
        ),
        (standing(), wanted("web-1", mode=Mode.DRY_RUN), ""),
        (standing("web-2"), wanted("web-1", mode=Mode.STANDBY), ""),
        (standing(trouble="refused"), wanted(), "etcd: refused"),
        (Standing("etcd", None, None, ""), wanted("web-1"), ""),
        (Standing("etcd", {}, None, ""), wanted("web-1"), ""),
        (standing("web-1"), {}, ""),
    ],
)
def test_what_is_wrong(stands: Standing, shall: dict[str, Wanted], said: str) -> None:
    assert what_is_wrong(stands, shall) == said


def test_it_is_told_once_it_lasts_and_ends_at_once() -> None:
    differing = Differing()
    assert differing.look([standing()], wanted("web-1"), NOW) == []
    assert differing.look([standing()], wanted("web-1"), NOW + PATIENCE_S - 1) == []
    (found,) = differing.look([standing()], wanted("web-1"), NOW + PATIENCE_S)
    assert found[:6] == (
        AlertClass.REMEDIATION_OUTPUT,
        "_fleet",
        "output-etcd",
        Severity.TICKET,
        (),
        int(NOW),
    )
    assert differing.look([standing("web-1")], wanted("web-1"), NOW + PATIENCE_S + 1) == []
    assert differing.look([standing()], wanted("web-1"), NOW + PATIENCE_S + 2) == []


def test_a_clock_that_went_back_begins_anew() -> None:
    differing = Differing()
    differing.look([standing()], wanted("web-1"), NOW + 1_000)
    assert differing.look([standing()], wanted("web-1"), NOW) == []
    assert differing.look([standing()], wanted("web-1"), NOW + PATIENCE_S - 1) == []
    assert len(differing.look([standing()], wanted("web-1"), NOW + PATIENCE_S)) == 1
