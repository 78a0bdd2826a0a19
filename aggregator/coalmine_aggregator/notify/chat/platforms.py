"""The chats that are spoken to, and how text stays text in each of them. Pure.

apprise knows many more. What is here is tested down to the request that leaves.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

_INVISIBLE = "\u200b"
"""A space of no width. Behind an @ or between backticks it keeps them from meaning anything."""


class Platform(NamedTuple):
    """`plugin` and `plugin_class` are apprise's. `longest` is what one message holds, in characters;
    `shown` makes a text literal. Where `titled`, the subject is a title of its own, which apprise
    escapes. Where the text stands `in_code`, addresses in it cannot be followed."""

    name: str
    plugin: str
    plugin_class: str
    longest: int
    shown: Callable[[str], str]
    titled: bool = False
    in_code: bool = False


def without_mentions(text: str) -> str:
    """No @ is followed by a name."""
    return re.sub(r"@(?=\S)", f"@{_INVISIBLE}", text)


def fenced(text: str) -> str:
    """A block of code: nothing in it is markup, and columns stay columns."""
    return f"```\n{without_mentions(text).replace('```', _INVISIBLE.join('```'))}\n```"


# Slack's texts are plain, apprise escapes &, < and >; without `link_names` an @name is a text.
_SLACK = Platform("Slack", "slack", "NotifySlack", 8_000, without_mentions, titled=True)
_DISCORD = Platform("Discord", "discord", "NotifyDiscord", 2_000, fenced, in_code=True)
_MATTERMOST = Platform("Mattermost", "mattermost", "NotifyMattermost", 4_000, fenced, in_code=True)
_MATRIX = Platform("Matrix", "matrix", "NotifyMatrix", 8_000, without_mentions)

PLATFORMS = {
    "slack": _SLACK,
    "discord": _DISCORD,
    "mmost": _MATTERMOST,
    "mmosts": _MATTERMOST,
    "matrix": _MATRIX,
    "matrixs": _MATRIX,
}
"""By the scheme of apprise's URL."""

TOKEN_ALONE = frozenset({"matrix", "matrixs"})
"""With user and password each message would be a sign-in of its own, with a device of its own."""

UNENCRYPTED = frozenset({"mmost", "matrix"})
