"""What an agent-check is answered for a node. Pure."""

from __future__ import annotations

from coalmine_aggregator.model.withdrawal import Wanted
from coalmine_wire.agent_check import word_for
from coalmine_wire.withdrawals import Phase


def split_name(name: str) -> tuple[str, str]:
    """Service and node of what `agent-send` named; both empty where it names no such thing."""
    service, slash, node = name.partition("/")
    return (service, node) if slash and service and node and "/" not in node else ("", "")


def answer(wanted: Wanted | None, node: str) -> str:
    """`wanted` is the newest word on the service while its lease lasts, None without.

    A node is out only by a withdrawal that is in force. Where nothing is known of it, it is in service:
    it may have been told otherwise before, and only another word undoes that.
    """
    for each in wanted.effective if wanted is not None else ():
        if each.node == node:
            return word_for(Phase(each.phase.value))
    return word_for(None)
