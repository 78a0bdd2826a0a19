"""The audit log: who changed what, and who signed in, or tried to.

Nothing is dropped silently: an entry is the store's to write, which counts what it had to give up. Of
refused sign-ins, which anybody can cause, no more are written than `REFUSALS` at once and one a minute;
the next one tells how many were left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from coalmine_aggregator.access.identity import Identity
from coalmine_aggregator.access.throttle import Throttle
from coalmine_aggregator.model.audit_entry import MAX_DETAIL, AuditEntry, plain
from coalmine_runtime.logs import get_logger

log = get_logger("audit")

REFUSALS = 100
REFUSALS_S = REFUSALS * 60.0

_EVERYBODY = "everybody"


class Audit:
    """`put` is where entries go, `now` reads the wall clock, `boottime` one that never steps."""

    def __init__(
        self,
        put: Callable[[AuditEntry], None],
        now: Callable[[], float],
        boottime: Callable[[], float],
    ) -> None:
        self._put = put
        self._now = now
        self._boottime = boottime
        self._refusals = Throttle(REFUSALS, REFUSALS_S, addresses=1)
        self._left_out = 0

    def put(
        self,
        actor: Identity,
        action: str,
        object_: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Somebody did something: a dotted word, what it was done to, and what else belongs to it.

        `detail` may hold what JSON can; past `MAX_DETAIL` characters it is cut to a note of its length.
        """
        self._write(actor.name, str(actor.role), str(actor.via), actor.address, action, object_, detail)

    def refused(self, name: str, via: str, address: str, action: str, reason: str) -> None:
        """Somebody without an identity was refused; `name` is who they claim to be, or empty."""
        boottime = self._boottime()
        if self._refusals.wait_s(_EVERYBODY, boottime) > 0:
            self._left_out += 1
            return
        self._refusals.failed(_EVERYBODY, boottime)
        detail: dict[str, Any] = {"reason": plain(reason)}
        if self._left_out:
            detail["left_out"] = self._left_out
            self._left_out = 0
        self._write(name, "", via, address, action, "", detail)

    def _write(
        self,
        actor: str,
        role: str,
        via: str,
        address: str,
        action: str,
        object_: str,
        detail: Mapping[str, Any] | None,
    ) -> None:
        entry = AuditEntry(
            at=self._now(),
            actor=plain(actor),
            role=role,
            via=via,
            address=plain(address),
            action=action,
            object_=plain(object_),
            detail=_detail(detail or {}),
        )
        log.info(
            action,
            actor=entry.actor,
            via=via,
            address=entry.address,
            object=entry.object_,
            detail=entry.detail,
        )
        self._put(entry)


def _detail(detail: Mapping[str, Any]) -> str:
    # ASCII alone, so that no database has to take NUL characters or halves of surrogate pairs.
    text = json.dumps(detail, allow_nan=False, separators=(",", ":"))
    return text if len(text) <= MAX_DETAIL else json.dumps({"too_long": len(text)})
