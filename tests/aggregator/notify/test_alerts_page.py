"""docs/alerts.md has every class with its order, severity and what to do, every cause, every effect."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from coalmine_aggregator.model.alerts import AlertClass, Cause
from coalmine_aggregator.notify.text import EFFECTS

TEXT = (Path(__file__).parents[3] / "docs" / "alerts.md").read_text()
SECTIONS = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##)", TEXT, re.MULTILINE | re.DOTALL))


def test_every_class_has_a_section_in_the_order_of_their_weight() -> None:
    assert list(SECTIONS) == [str(each) for each in AlertClass]


@pytest.mark.parametrize("name", [str(each) for each in AlertClass])
def test_a_section_says_what_it_means_and_what_to_do(name: str) -> None:
    section = SECTIONS[name]
    assert section.strip().startswith("*")
    order = section.strip()[1:].partition(".*")[0].replace("\n", " ")
    assert len(order) < 50, "an example of a subject is one"
    assert re.search(r"\*\*(Page|Ticket)\*\*|\*\*(Page|Ticket)\.\*\*", section)
    assert "What to do:" in section
    assert re.search(r"\b(closes?|ends?)\b", section)


def test_every_cause_and_every_effect_has_a_row() -> None:
    for name in (*Cause, *EFFECTS):
        assert f"\n| `{name}` |" in TEXT
