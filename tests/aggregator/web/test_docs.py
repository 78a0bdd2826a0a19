"""docs/api.md names every path, problem, label and bound, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from coalmine_aggregator.reading.question import AUTO_BUCKETS, MAX_BUCKETS, MAX_POINTS
from coalmine_aggregator.reading.readers import MAX_WAITING, PATIENCE_S
from coalmine_aggregator.web.exporting import WRITE_S
from coalmine_aggregator.web.listening import MAX_BODY
from coalmine_aggregator.web.openapi import document
from coalmine_aggregator.web.options import WebOptions
from coalmine_wire.series import LABELS

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "api.md").read_text()
READING = ROOT / "aggregator" / "coalmine_aggregator" / "reading"
CODE = ROOT / "aggregator" / "coalmine_aggregator" / "web"

# Made from the status of what aiohttp raises, not spelled out in the code.
OF_HTTP = {"not-found", "method-not-allowed", "request-entity-too-large"}


def test_paths() -> None:
    for path in document("0")["paths"]:
        assert path in TEXT


def test_problems() -> None:
    told = set(re.findall(r"^\| `([a-z-]+)` \| [45]\d\d \|", TEXT, re.MULTILINE))
    raised: set[str] = set(OF_HTTP)
    for file in [*CODE.glob("*.py"), *READING.glob("*.py")]:
        text = file.read_text()
        raised |= set(re.findall(r'HTTPStatus\.[A-Z_]+,\s+"([a-z-]+)"', text))
        raised |= set(re.findall(r'(?:Refusal|RefusedError\.of)\(\s*\d{3},\s+"([a-z-]+)"', text))
    assert told == raised


def test_labels_and_bounds() -> None:
    for label in LABELS:
        assert f"`{label}`" in TEXT
    options = WebOptions()
    assert f"At most {options.max_viewers} may watch" in TEXT
    assert f"{MAX_POINTS:,} groups times steps" in TEXT
    assert f"{MAX_BUCKETS:,} steps" in TEXT
    assert f"makes {AUTO_BUCKETS:,} steps or fewer" in TEXT
    assert f"{MAX_WAITING} questions wait" in TEXT
    assert f"took more than {PATIENCE_S:.0f} s" in TEXT
    assert f"takes nothing for {WRITE_S:.0f} s" in TEXT
    assert f"above {MAX_BODY // 1024} KiB" in TEXT
