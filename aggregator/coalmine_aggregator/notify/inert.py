"""Text for platforms that render markup of kinds unknown: it stays text in all of them. Pure."""

from __future__ import annotations

from coalmine_aggregator.notify.chat.platforms import fenced, without_mentions

_ANGLES = str.maketrans("<>", "‹›")


def inert(text: str) -> str:
    """No tag and no mention is in it. Angles that look alike take the place of < and >: escaped ones
    would be read as they stand wherever HTML is not rendered."""
    return without_mentions(text.translate(_ANGLES))


def block(text: str) -> str:
    """The same as a block of code of Markdown's: columns stay columns, and nothing else is markup."""
    return fenced(text.translate(_ANGLES))
