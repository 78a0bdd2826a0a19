"""Verdicts over time, from what vantages agree on."""

from __future__ import annotations

import numpy as np

from coalmine_aggregator.ledger.series import AllSeries
from coalmine_aggregator.model.node_view import Verdict
from coalmine_aggregator.model.remediation_policy import RemediationPolicy
from coalmine_aggregator.remediate.quorum import Agreement
from coalmine_aggregator.remediate.vantage_detector import GOOD, NEVER
from coalmine_aggregator.remediate.vantages import vantages_of
from coalmine_aggregator.remediate.verdicts import VERDICTS, Verdicts
from coalmine_wire.protocols import Protocol
from tests.aggregator.remediate.watched import series_of


class Node:
    """One node with two vantages, both of which have been good since slot `clean` where they are."""

    def __init__(self) -> None:
        series = AllSeries()
        made = [each for each in series_of(["n1"], ["a"], [Protocol.TCP]) if each.node]
        self._them = vantages_of(series, np.array([series.add(each, control=False) for each in made]))
        self.verdicts = Verdicts(self._them, RemediationPolicy(recovery_s=30.0))
        self.clean = 0

    def at(self, slot: int, *said: str) -> Verdict:
        """The verdict in a slot in which these things hold of `bad`, `good`, `enough`, `doubted`."""
        agreed = Agreement(*(np.array([each in said]) for each in Agreement._fields))
        opinions = np.full(2, GOOD, dtype=np.int8)
        self.verdicts.judge(slot, agreed, opinions, np.array([self.clean, self.clean - 5]))
        return VERDICTS[self.verdicts.verdict[0]]


BAD = ("bad", "enough", "doubted")
WELL = ("good", "enough")


def test_a_node_goes_through_failure_and_recovery() -> None:
    node = Node()
    assert node.at(100, *WELL) is Verdict.HEALTHY
    assert node.at(101, "enough", "doubted") is Verdict.SUSPECT
    assert node.at(102, *BAD) is Verdict.FAILED
    assert node.at(103, "enough", "doubted") is Verdict.SUSPECT
    node.clean = 101
    assert node.at(110, *WELL) is Verdict.RECOVERING
    assert node.verdicts.good_since.tolist() == [101]
    assert node.at(130, *WELL) is Verdict.RECOVERING
    assert node.at(131, *WELL) is Verdict.HEALTHY
    assert node.verdicts.since.tolist() == [131]
    assert node.verdicts.good_since.tolist() == [101]


def test_a_node_that_nobody_knows_still_has_to_recover() -> None:
    node = Node()
    assert node.at(100, *BAD) is Verdict.FAILED
    assert node.at(101) is Verdict.UNKNOWN
    assert node.verdicts.good_since.tolist() == [NEVER]
    node.clean = 200
    assert node.at(200, *WELL) is Verdict.RECOVERING
    assert node.at(230, *WELL) is Verdict.HEALTHY


def test_one_that_still_doubts_keeps_nobody_from_recovering() -> None:
    node = Node()
    assert node.at(100, *BAD) is Verdict.FAILED
    node.clean = 101
    assert node.at(120, *WELL, "doubted") is Verdict.RECOVERING
    assert node.at(131, *WELL, "doubted") is Verdict.SUSPECT
    assert node.verdicts.good_since.tolist() == [101]


def test_a_relapse_ends_what_was_good() -> None:
    node = Node()
    node.at(100, *BAD)
    node.clean = 101
    node.at(125, *WELL)
    assert node.at(126, "enough", "doubted") is Verdict.SUSPECT
    node.clean = 127
    assert node.at(135, *WELL) is Verdict.RECOVERING
    assert node.verdicts.good_since.tolist() == [127]
