"""The page about paging tells what is so."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from coalmine_aggregator.paging import escalation, silence, silences
from coalmine_aggregator.paging.rota import TEN, TUESDAY, Rota
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_runtime.settings import loads

PAGE = (Path(__file__).parents[3] / "docs" / "paging.md").read_text()


def test_the_example_is_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "pagerduty").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "chat").write_text("slack://" + "A" * 9 + "/" + "B" * 9 + "/" + "c" * 24)
    text = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    text = "services: {ingest: {}}\nreceive: {udp: 127.0.0.1:2003}\n" + text.replace(
        "/etc/coalmine", str(tmp_path)
    )
    policy = loads(AggregatorSettings, text, {}).paging_policy()
    assert [route.escalation for route in policy.routes] == ["ingest", "ingest", ""]
    assert policy.rotas["ingest-rota"].members == {"anna", "ben"}


def test_the_table_of_a_rota_is_what_it_does() -> None:
    rota = Rota(("anna", "ben"), ZoneInfo("Europe/Dublin"), date(2026, 3, 17))
    rows = re.findall(r"^\| Tue (\d+) March 10:00.*\| \**(\d\d):00\** \| (\w+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for day, hour, person in rows:
        handover = datetime(2026, 3, int(day), int(hour), tzinfo=UTC).timestamp()
        assert rota.on_call(handover) == person
        assert rota.on_call(handover - 1) != person


def test_bounds_are_those_of_the_code() -> None:
    told = PAGE.replace("\n", " ")
    assert (TUESDAY, TEN.hour) == (1, 10)
    assert f"{silences.MAX_SILENCES:,} that are not over, each of at most" in told
    assert f"at most {silence.LONGEST_S // 86_400} days; `who` has up to {silence.MAX_WHO}" in told
    assert f"`why` up to {silence.MAX_WHY:,}." in told
    assert f"up to {escalation.MAX_STEPS} steps within a week" in told
    assert escalation.LONGEST_AFTER_S == 7 * 86_400
    every = f"every {escalation.SHORTEST_EVERY_S:g} s at most"
    assert f"may be told {escalation.MAX_TIMES} times, {every}" in told
