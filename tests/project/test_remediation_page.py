"""docs/remediation.md has every rail, in the order in which they are asked, and every output."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from coalmine_aggregator.remediate.rails import RAILS
from coalmine_aggregator.remediation_settings import OutputSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "remediation.md").read_text()


def test_the_rails_are_those_that_hold() -> None:
    table = PAGE.partition("\n## Rails\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [rail.name for rail in RAILS]


def test_every_output_has_its_page() -> None:
    table = PAGE.partition("\n## Outputs\n")[2]
    named = {
        name
        for names in re.findall(r"^\| \[([^\]]+)\]", table, re.MULTILINE)
        for name in names.split(", ")
    }
    assert named == {field.name for field in dataclasses.fields(OutputSettings)}
