"""Sites made by hand for the tests of how they are shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from coalmine_aggregator.model.incident import IncidentState
from coalmine_aggregator.status.render import Rendered
from coalmine_aggregator.status.site import (
    ComponentChange,
    ComponentImpact,
    ComponentStatus,
    Day,
    Grade,
    MaintenanceState,
    PageInfo,
    PublicComponent,
    PublicIncident,
    PublicMaintenance,
    PublicUpdate,
    Site,
)

TODAY: Final = date(2026, 11, 28)
NOW: Final = datetime(2026, 11, 28, 12, 3, 5, tzinfo=UTC).timestamp()
PAGE: Final = PageInfo(
    id="pagepagepage",
    name="Example",
    url="https://status.example.com",
    time_zone="Etc/UTC",
    description="Metrics over UDP, TCP, TLS and HTTPS, in Europe and America.",
    support="https://example.com/support",
)
PER_DAY: Final = 86_400 * 6

_Bad = Callable[[int], tuple[int, Grade]]


def days(
    bad: _Bad = lambda back: (0, Grade.NONE), known: int = 90, number: int = 90
) -> tuple[Day, ...]:
    """The last days; `bad` says what was lost so many days back, `known` how many were measured."""
    made = []
    for back in range(number - 1, -1, -1):
        when = str(TODAY - timedelta(days=back))
        judged = PER_DAY if back else PER_DAY // 2 + 1_111
        made.append(
            Day(when, judged, *bad(back)[:1], True, bad(back)[1])
            if back < known
            else Day(when, 0, 0, is_known=False)
        )
    return tuple(made)


def component(
    name: str,
    position: int,
    group: str = "Ingestion",
    status: ComponentStatus = ComponentStatus.OPERATIONAL,
    its_days: tuple[Day, ...] | None = None,
    description: str = "",
) -> PublicComponent:
    """A component; its id is made of its name."""
    slug = "".join(each for each in name.lower() if each.isalnum())[:12].ljust(12, "x")
    return PublicComponent(
        id=slug,
        name=name,
        description=description,
        group=group,
        position=position,
        status=status,
        status_since=NOW - 1_500,
        created_at=NOW - 200 * 86_400,
        days=days() if its_days is None else its_days,
    )


def update(
    number: int, at: float, state: IncidentState, body: str, *changes: ComponentChange
) -> PublicUpdate:
    """An update."""
    return PublicUpdate(f"update{number:06d}", at, state, body, changes)


def past_incident(number: int, began: float, lasting: float = 1_460.0) -> PublicIncident:
    """One that is over, written up."""
    ended = began + lasting
    return PublicIncident(
        id=f"incident{number:04d}",
        name="UDP ingestion: datapoints lost in Europe",
        state=IncidentState.POSTMORTEM if number % 2 else IncidentState.RESOLVED,
        grade=(Grade.MINOR, Grade.MAJOR, Grade.CRITICAL)[number % 3],
        started_at=began,
        created_at=began + 12,
        updated_at=ended + 900,
        updates=(
            update(
                number * 10 + 3,
                ended + 600,
                IncidentState.RESOLVED,
                "Datapoints have arrived for ten minutes.",
            ),
            update(
                number * 10 + 2,
                ended,
                IncidentState.MONITORING,
                "Datapoints arrive again. We keep watching.",
            ),
            update(
                number * 10 + 1,
                began + 12,
                IncidentState.INVESTIGATING,
                "Datapoints sent over UDP to Europe are being lost.",
            ),
        ),
        components=("udpeuropexxx",),
        impacts=(ComponentImpact("udpeuropexxx", "UDP Europe", 1_204 + number, 86_400),),
        ended_at=ended,
        monitoring_at=ended,
        resolved_at=ended + 600,
        cause="A network card of a load balancer dropped every third packet.",
        affected="Customers who send over UDP to Europe lost 1.4 % of their datapoints.",
        resolution="The load balancer was taken out of service and its card replaced.",
    )


def open_incident() -> PublicIncident:
    """One that goes on, with two updates."""
    began = NOW - 1_500
    udp = ComponentChange(
        "udpeuropexxx", "UDP Europe", ComponentStatus.OPERATIONAL, ComponentStatus.MAJOR_OUTAGE
    )
    return PublicIncident(
        id="incidentopen",
        name="UDP ingestion: datapoints lost in Europe",
        state=IncidentState.IDENTIFIED,
        grade=Grade.CRITICAL,
        started_at=began,
        created_at=began + 12,
        updated_at=NOW - 300,
        updates=(
            update(
                2,
                NOW - 300,
                IncidentState.IDENTIFIED,
                "We found the cause, a faulty load balancer, and are moving traffic away from it.\n"
                "What you send over TCP, TLS and HTTPS arrives.",
            ),
            update(
                1,
                began + 12,
                IncidentState.INVESTIGATING,
                "Datapoints sent over UDP to Europe are being lost. We are looking into it.",
                udp,
            ),
        ),
        components=("udpeuropexxx",),
        impacts=(ComponentImpact("udpeuropexxx", "UDP Europe", 86_120, 86_400),),
    )


def maintenance(
    state: MaintenanceState = MaintenanceState.SCHEDULED, number: int = 1, at: float = NOW + 86_400
) -> PublicMaintenance:
    """Planned work of two hours."""
    return PublicMaintenance(
        id=f"maintenanc{number:02d}",
        name="New switches in Europe",
        body="Connections over TCP and TLS may be cut once and have to be made anew.",
        state=state,
        scheduled_for=at,
        scheduled_until=at + 7_200,
        created_at=at - 5 * 86_400,
        updated_at=at - 4 * 86_400,
        components=("tcpeuropexxx",),
        completed_at=at + 6_000 if state is MaintenanceState.COMPLETED else None,
    )


def _spotty(back: int) -> tuple[int, Grade]:
    known = {
        3: (7, Grade.NONE),
        9: (1_209, Grade.MINOR),
        10: (23, Grade.NONE),
        31: (61_400, Grade.MAJOR),
        32: (311_000, Grade.CRITICAL),
        60: (2, Grade.NONE),
    }
    return known.get(back, (0, Grade.NONE))


def components() -> tuple[PublicComponent, ...]:
    """Six in two groups, as they are on a good day."""
    return (
        component("UDP Europe", 1, its_days=days(_spotty), description="Plaintext lines over UDP"),
        component("TCP Europe", 2, description="Plaintext and pickle over TCP and TLS"),
        component("HTTPS Europe", 3, its_days=days(lambda back: (back == 20, Grade.NONE))),
        component("UDP America", 4, its_days=days(known=34)),
        component("Dashboards", 5, group="Reading"),
        component("Alerts", 6, group="Reading", its_days=days(known=0)),
    )


def well() -> Site:
    """All is well; the last incident was two days ago."""
    past = tuple(past_incident(40 - back, NOW - (2 + 9 * back) * 86_400) for back in range(40))
    done = maintenance(MaintenanceState.COMPLETED, 2, NOW - 6 * 86_400)
    return Site(
        PAGE, NOW, NOW - 1, False, Grade.NONE, "All systems operational", components(), past, (done,)
    )


def outage() -> Site:
    """All of UDP is lost in Europe, and the dashboards are slow."""
    site = well()
    states = {
        "UDP Europe": ComponentStatus.MAJOR_OUTAGE,
        "UDP America": ComponentStatus.PARTIAL_OUTAGE,
        "Dashboards": ComponentStatus.DEGRADED_PERFORMANCE,
    }
    changed = tuple(
        each._replace(status=states.get(each.name, each.status)) for each in site.components
    )
    hit = changed[0].days[-1]._replace(bad=86_120, grade=Grade.CRITICAL)
    changed = (changed[0]._replace(days=(*changed[0].days[:-1], hit)), *changed[1:])
    return site._replace(
        grade=Grade.CRITICAL,
        headline="Major outage of UDP Europe",
        components=changed,
        incidents=(open_incident(), *site.incidents),
    )


def in_maintenance() -> Site:
    """Work goes on, and more is planned."""
    site = well()
    changed = tuple(
        each._replace(status=ComponentStatus.UNDER_MAINTENANCE) if each.name == "TCP Europe" else each
        for each in site.components
    )
    works = (
        maintenance(MaintenanceState.SCHEDULED, 4),
        maintenance(MaintenanceState.IN_PROGRESS, 3, NOW - 1_800),
        *site.maintenances,
    )
    return site._replace(headline="Maintenance in progress", components=changed, maintenances=works)


def called_off() -> PublicMaintenance:
    """Planned for tomorrow, and called off today."""
    off = maintenance(MaintenanceState.COMPLETED, 5)
    return off._replace(completed_at=NOW - 3_600, updated_at=NOW - 3_600, is_called_off=True)


def stale() -> Site:
    """Nothing was measured for four minutes."""
    return well()._replace(measured_at=NOW - 241, is_stale=True)


def in_part() -> Site:
    """One component is not measured for ten minutes, and another, which was out, for longer."""
    site = well()
    gone = {
        "UDP Europe": (ComponentStatus.OPERATIONAL, NOW - 600),
        "Dashboards": (ComponentStatus.MAJOR_OUTAGE, None),
    }
    changed = tuple(
        each._replace(status=gone[each.name][0], is_measured=False, measured_until=gone[each.name][1])
        if each.name in gone
        else each
        for each in site.components
    )
    return site._replace(headline="All Measured Systems Operational", components=changed)


def large(incidents: int = 2_000, parts: int = 30) -> Site:
    """As large as a site is said to be."""
    past = tuple(
        past_incident(incidents - back, NOW - (2 + back / 2) * 86_400) for back in range(incidents)
    )
    made = tuple(
        component(f"Part {number:02d}", number, its_days=days(_spotty)) for number in range(parts)
    )
    return well()._replace(incidents=past, components=made)


def write(rendered: Rendered, folder: Path) -> None:
    """Every document as a file, as a static host has it."""
    for name, document in rendered.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(document.body)
