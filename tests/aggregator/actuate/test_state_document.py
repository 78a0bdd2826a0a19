"""The document says everything, and nothing in it becomes syntax."""

from __future__ import annotations

import json
from typing import Any

from coalmine_aggregator.actuate.state_document import (
    MAX_HELD,
    MAX_TEXT,
    cleared_document,
    state_document,
)
from coalmine_aggregator.model.withdrawal import Held, Mode, Phase
from tests.aggregator.actuate.words import NODES, withdrawal, word, words


def read(document: bytes) -> dict[str, Any]:
    decoded = json.loads(document)
    assert isinstance(decoded, dict)
    return decoded


def test_the_whole_of_it() -> None:
    held = (Held("web-1", "many", "3 of 4 look bad"),)
    said = word(
        withdrawal("web-3", Phase.DRAIN, by="ada"), at=1_763_000_000.25, held=held, frozen="many"
    )
    assert read(state_document(words(said), "prod", 1_763_000_001.0)) == {
        "type": "remediation.state",
        "timestamp": "2025-11-13T02:13:21Z",
        "data": {
            "fleet": "prod",
            "services": [
                {
                    "service": "ingest",
                    "mode": "acting",
                    "at": "2025-11-13T02:13:20.250Z",
                    "lease_s": 20.0,
                    "until": "2025-11-13T02:13:40.250Z",
                    "withdrawn": [
                        {
                            "node": "web-3",
                            "zone": "dc1-a",
                            "phase": "drain",
                            "since": "2025-11-13T02:13:20Z",
                            "hold_until": "2025-11-13T02:14:20Z",
                            "repeats": 0,
                            "why": "lost by two vantages",
                            "by": "ada",
                        }
                    ],
                    "serving": ["web-1", "web-2", "web-4"],
                    "decided": [],
                    "held": [{"node": "web-1", "rail": "many", "text": "3 of 4 look bad"}],
                    "frozen": "many",
                }
            ],
        },
    }


def test_in_a_dry_run_everybody_serves_and_what_was_decided_is_shown_apart() -> None:
    for mode in (Mode.DRY_RUN, Mode.STOPPED):
        (service,) = read(state_document(words(word("web-3", mode=mode)), "", 0.0))["data"]["services"]
        assert service["withdrawn"] == []
        assert service["serving"] == list(NODES)
        assert [each["node"] for each in service["decided"]] == ["web-3"]


def test_cleared_names_nobody() -> None:
    assert read(cleared_document("prod", 0.0)) == {
        "type": "remediation.cleared",
        "timestamp": "1970-01-01T00:00:00Z",
        "data": {"fleet": "prod", "services": []},
    }


def test_texts_are_bounded_and_stay_text() -> None:
    nasty = withdrawal(why='"}],"withdrawn":[]\n\x1b[31m' + "x" * 10_000)
    held = tuple(Held(f"n{i}", "many", "y" * 10_000) for i in range(1000))
    document = state_document(words(word(nasty, held=held)), "", 0.0)
    (service,) = read(document)["data"]["services"]
    why = service["withdrawn"][0]["why"]
    assert len(why) == MAX_TEXT
    assert "\n" not in why
    assert "\x1b" not in why
    assert len(service["held"]) == MAX_HELD
    assert b"\n" not in document
