"""What people on duty send: notes, answers, silences. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from coalmine_aggregator.model.alerts import AlertClass, Severity
from coalmine_aggregator.paging.match import Match
from coalmine_aggregator.paging.silence import MAX_WHO, MAX_WHY, Silence, SilenceKind
from coalmine_aggregator.web.bodies import Body, bad_body

Note = Annotated[str, msgspec.Meta(max_length=MAX_WHY)]


class AckBody(Body):
    """`note` goes into the audit log."""

    note: Note = ""


class ReviewBody(Body):
    """Whether there was anything to do; `note` goes into the audit log."""

    actionable: bool
    note: Note = ""


class MatchBody(Body, rename={"class_": "class"}):
    """Which alerts; see `MatchItem`. At least one of these is needed."""

    service: list[str] = msgspec.field(default_factory=list)
    class_: list[AlertClass] = msgspec.field(default_factory=list)
    severity: list[Severity] = msgspec.field(default_factory=list)
    location: list[str] = msgspec.field(default_factory=list)
    labels: dict[str, str] = msgspec.field(default_factory=dict)

    def match(self) -> Match:
        """The same, as paging takes it."""
        return Match(
            tuple(self.service),
            tuple(self.class_),
            tuple(self.severity),
            tuple(self.location),
            tuple(self.labels.items()),
        )


class SilenceBody(Body):
    """A silence holds from now on; a `maintenance` may begin later, at `starts_at`. It lasts until
    `ends_at` (epoch seconds, as all times); `why` says what for; `public` is what customers
    read of a maintenance on the status page, which says nothing of one without it. With `preview`
    nothing is silenced: the answer says how many open alerts it would be about."""

    match: MatchBody
    why: str
    ends_at: float
    kind: Literal["silence", "maintenance"] = "silence"
    starts_at: float | None = None
    public: str = ""
    preview: bool = False

    def silence(self, id_: str, who: str, now: float) -> Silence:
        """The same, as paging takes it. Raises `ProblemError` for one that cannot be."""
        if self.starts_at is not None and self.kind == "silence":
            raise bad_body(
                "starts_at", "A silence begins at once.", "maintenance is what may begin later"
            )
        if self.starts_at is not None and self.starts_at < now:
            raise bad_body("starts_at", "starts_at is over already.", "without it, it begins at once")
        silence = Silence(
            id=id_,
            kind=SilenceKind(self.kind),
            match=self.match.match(),
            who=who[:MAX_WHO],
            why=self.why,
            starts_at=now if self.starts_at is None else self.starts_at,
            ends_at=self.ends_at,
            created_at=now,
            public=self.public,
        )
        try:
            silence.check()
        except ValueError as error:
            raise bad_silence(error) from None
        return silence


def bad_silence(error: ValueError) -> Exception:
    """The problem of a silence that cannot be; the error begins with the field, if it is one's."""
    field, colon, what = str(error).partition(": ")
    if not colon or not field.replace("_", "").isalnum():
        return bad_body("", f"{error}.")
    member = f"match.{field}" if field in ("service", "location", "labels") else field
    return bad_body(member, f"{field} {what}.")
