"""A page as a phone takes it: short, in the alphabet of SMS. Pure."""

from __future__ import annotations

from coalmine_aggregator.notify.gateway.gsm import fitted, spelled
from coalmine_aggregator.notify.plain import one_line, plain

ACKNOWLEDGE = "Ack: "
"""So begins the line of a page that says how to acknowledge: it is kept, what is before it is cut."""


def sms_of(subject: str, body: str, segments: int) -> str:
    """The page in at most so many SMS: its subject, as much of the body as fits, how to acknowledge."""
    lines = [one_line(line) for line in plain(body).split("\n")]
    lines = [one_line(subject), *(line for line in lines if line)]
    tail = ""
    if len(lines) > 1 and lines[-1].startswith(ACKNOWLEDGE):
        tail = f"\n{spelled(lines.pop())}"
    text = spelled("\n".join(lines))
    try:
        return fitted(text, segments, tail)
    except ValueError:  # the name of the alert is longer than an SMS
        return fitted(text, segments)


def spoken(subject: str) -> str:
    """The subject on one line, without what a voice would read out or a phone not show."""
    return spelled(one_line(subject))
