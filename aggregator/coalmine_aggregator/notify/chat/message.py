"""Pages as one chat message. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from coalmine_aggregator.notify.chat.platforms import Platform
from coalmine_aggregator.notify.plain import cut, one_line, plain

_ADDRESS = re.compile(r"https?://[!#-;=?-_a-z~]+\Z")
"""What can stand between < and > and is nothing but an address."""


class ChatMessage(NamedTuple):
    """`title` is empty where the platform has none."""

    title: str
    body: str


def message_of(pages: Sequence[tuple[str, str]], platform: Platform, link: str = "") -> ChatMessage:
    """The pages, each a subject and a body, the oldest first. What does not fit whole is told by its
    subject; at the end is told how many more there are. `link` is put below where it could not be
    followed within the text."""
    below = f"\n<{link}>" if platform.in_code and _ADDRESS.match(link) else ""
    if len(below) > platform.longest // 4:
        below = ""  # what happened matters more
    platform = platform._replace(longest=platform.longest - len(below))
    titled = platform.titled and len(pages) == 1
    subjects = [one_line(subject) for subject, _ in pages]
    texts = [plain(body).strip() for _, body in pages]
    if not titled:
        texts = [f"{subject}\n{text}" for subject, text in zip(subjects, texts, strict=True)]
    whole = "\n\n".join(texts)
    body = platform.shown(whole)
    if len(body) > platform.longest:
        body = _shortened(texts if len(texts) == 1 else subjects, platform)
    return ChatMessage(subjects[0] if titled else "", body + below)


def _shortened(lines: Sequence[str], platform: Platform) -> str:
    """As many lines as fit, the last of them cut where it is the only one."""
    for kept in range(len(lines), 1, -1):
        more = [f"and {len(lines) - kept} more"] if kept < len(lines) else []
        body = platform.shown("\n".join([*lines[:kept], *more]))
        if len(body) <= platform.longest:
            return body
    length = platform.longest
    while len(body := platform.shown(cut(lines[0], length))) > platform.longest:
        length -= max(1, len(body) - platform.longest)
    return body
