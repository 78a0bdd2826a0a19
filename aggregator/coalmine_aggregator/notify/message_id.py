"""What one message is known by, however often it is tried. Pure."""

from __future__ import annotations

import hashlib

from coalmine_aggregator.notify.notice import Notice


def message_id(notice: Notice) -> str:
    """The same for every try, over restarts too; another for any other transition, for each person, and
    for each step and repeat of an escalation. `msg_` and 32 hexadecimal digits."""
    transition = notice.transition
    alert = transition.alert
    parts: tuple[object, ...] = (
        alert.dedup_key,
        alert.number,
        alert.opened_at,
        transition.change,
        transition.at,
    )
    if notice.contact or notice.step or notice.repeat:
        parts += (notice.contact, notice.step, notice.repeat)
    whole = "\n".join(str(part) for part in parts)
    return f"msg_{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
