"""A silence put and ended through the API: nobody is told meanwhile, over a restart too."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from coalmine_runtime import clock
from tests.e2e.fleet import SERVICE
from tests.e2e.paged import Servers, paged
from tests.e2e.wired_fleet import REGIONS


@pytest.mark.prove
async def test_a_silence_holds_a_page_until_it_is_ended(tmp_path: Path) -> None:
    calls = [{"after": "1h", "to": [{"receiver": "sms", "to": "anna"}]}]
    async with Servers(tmp_path) as servers, paged("silenced", 4, servers, calls) as subject:
        api = subject.aggregator.api
        body = {"match": {"service": [SERVICE]}, "why": "new disks", "ends_at": clock.wall() + 3600}
        status, answer = await api.post("/api/v1/silences", body)
        assert status == 201, answer
        silence = msgspec.json.decode(answer)["silence"]["id"]
        subject.fleet.broken = {REGIONS[0]}
        await api.until_alert(service=SERVICE)
        # It is remembered by the next process, which tells nobody either.
        await subject.aggregator.kill()
        await subject.restart()
        alert = await api.until_alert(service=SERVICE)
        await api.until_settled(int(clock.wall()) + 1)
        assert alert["held"]["kind"] == "silence"
        assert subject.pagerduty.requests == 0
        assert await subject.firing() == []
        assert await subject.rows() == []
        status, answer = await api.post(f"/api/v1/silences/{silence}/end", {})
        assert status == 200, answer
        await subject.until(lambda: subject.pagerduty.incidents, "it is paged", 5)
        await subject.until(subject.firing, "Alertmanager fires", 5)
        subject.fleet.broken = set()
        await subject.until(lambda: subject.pagerduty.incidents[0].resolved, "it is resolved", 60)
        assert len(subject.pagerduty.incidents[0].triggers) == 1
