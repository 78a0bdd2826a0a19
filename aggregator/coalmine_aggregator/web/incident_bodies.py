"""What people send about incidents: openings, updates, titles, post-mortems. Pure."""

from __future__ import annotations

import msgspec

from coalmine_aggregator.incidents.opening import Opening
from coalmine_aggregator.model.alerts import Severity
from coalmine_aggregator.model.incident import ActionItem, IncidentState, Participant, Postmortem
from coalmine_aggregator.model.scopes import PREFERENCE, scope_of
from coalmine_aggregator.web.bodies import Body, bad_body


class OpenBody(Body):
    """An incident that no alert opened. `scopes` are what it affects within the `service`, by labels:
    all of it where nothing is said, nothing that is counted where the list is empty. `since` is when
    that began, epoch seconds; now where absent. `text` is for those who work on it; `public` and
    `public_title` are for customers, who read them once somebody publishes the incident."""

    service: str
    title: str
    scopes: list[dict[str, str]] = msgspec.field(default_factory=lambda: [{}])
    severity: Severity = Severity.PAGE
    since: int | None = None
    text: str = ""
    public: str = ""
    public_title: str = ""

    def opening(self) -> Opening:
        """The same, as the desk takes it. Raises `ProblemError`."""
        try:
            scopes = tuple(scope_of(each) for each in self.scopes)
        except KeyError as error:
            what = f"There is no label {error.args[0][:64]}."
            raise bad_body("scopes", what, f"labels are {', '.join(PREFERENCE)}") from None
        return Opening(
            self.service,
            self.title,
            scopes,
            self.severity,
            self.since,
            self.text,
            self.public,
            self.public_title,
        )


class UpdateBody(Body):
    """How it stands: a `state` (none: as it is), a `text` for those who work on it, one for customers
    (`public`). At least one of these is needed."""

    state: IncidentState | None = None
    text: str = ""
    public: str = ""


class ReopenBody(Body):
    """Why it goes on after all, for those who work on it."""

    text: str = ""


class NoteBody(Body):
    """Something for those who work on it."""

    text: str


class TitleBody(Body):
    """What it is called, inside and for customers; what is left out stays. An empty `public_title` is
    made of the components that it touches. At least one of these is needed."""

    title: str | None = None
    public_title: str | None = None


class MergeBody(Body):
    """It is part of incident number `into`."""

    into: int


class ParticipantBody(Body):
    """Somebody who worked on it, and as what."""

    name: str
    role: str = ""


class ActionBody(Body):
    """What is to be done; `due` is a date, YYYY-MM-DD, or empty."""

    what: str
    owner: str = ""
    due: str = ""
    is_done: bool = False


class PostmortemBody(Body):
    """A post-mortem in place of the one before: either its parts, see `PostmortemItem`, or all of it as
    `markdown`, in the shape of `/api/v1/incidents/{number}/postmortem.md`. With `replaces`, the
    `version` of the one that was read, it is refused where somebody else wrote one meanwhile."""

    markdown: str = ""
    people: list[ParticipantBody] = msgspec.field(default_factory=list)
    summary: str = ""
    factors: list[str] = msgspec.field(default_factory=list)
    actions: list[ActionBody] = msgspec.field(default_factory=list)
    cause: str = ""
    affected: str = ""
    resolution: str = ""
    replaces: str | None = None

    def parts(self) -> Postmortem:
        """The parts, as an incident has them."""
        return Postmortem(
            people=tuple(Participant(each.name, each.role) for each in self.people),
            summary=self.summary,
            factors=tuple(self.factors),
            actions=tuple(
                ActionItem(each.what, each.owner, each.due, each.is_done) for each in self.actions
            ),
            cause=self.cause,
            affected=self.affected,
            resolution=self.resolution,
        )
