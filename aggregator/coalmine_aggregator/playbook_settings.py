"""What to do about alerts, as the configuration says it: carried to every page."""

from __future__ import annotations

import dataclasses

from coalmine_aggregator.model.alerts import AlertClass
from coalmine_aggregator.model.policy import Playbook
from coalmine_aggregator.model.scopes import PREFERENCE, scope_of
from coalmine_runtime.settings import SettingError, setting

MAX_STEPS = 9
MAX_STEP_CHARS = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class PlaybookSettings:
    """What to do about one kind of trouble; the one that fits an alert best is on its page."""

    url: str = setting("Link to all of it", "")
    steps: list[str] = setting("The first steps, in short: they are on the page itself", [])
    classes: list[AlertClass] = setting("Alerts of these classes; all where absent", [])
    labels: dict[str, str] = setting("Alerts whose scope has these labels, such as protocol: udp", {})

    def __post_init__(self) -> None:
        if not self.url and not self.steps:
            raise SettingError("url", "a playbook needs a link or steps")
        if len(self.steps) > MAX_STEPS:
            raise SettingError("steps", f"{len(self.steps)} steps; a page has room for {MAX_STEPS}")
        for index, step in enumerate(self.steps):
            if not step.strip() or len(step) > MAX_STEP_CHARS:
                raise SettingError(f"steps[{index}]", f"expected 1 to {MAX_STEP_CHARS} characters")
        for label in self.labels:
            if label not in PREFERENCE:
                raise SettingError(
                    f"labels.{label}", f"a scope has no such label; expected {', '.join(PREFERENCE)}"
                )

    def playbook(self) -> Playbook:
        """The same, as alerts take it."""
        return Playbook(self.url, tuple(self.steps), tuple(self.classes), scope_of(self.labels))


@dataclasses.dataclass(frozen=True, kw_only=True)
class OwnSettings:
    """Who looks after Coalmine itself."""

    owner: str = setting("Who is responsible for agents, counting and paging", "")
    playbook: str = setting("Link to what to do", "")
    playbooks: list[PlaybookSettings] = setting("What to do, by kind of alert", [])


def playbooks_of(settings: list[PlaybookSettings], playbook: str) -> tuple[Playbook, ...]:
    """All of them; the plain link stands for what no other one fits."""
    every = (Playbook(playbook),) if playbook else ()
    return (*(each.playbook() for each in settings), *every)
