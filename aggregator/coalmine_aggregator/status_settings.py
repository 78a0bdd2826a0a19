"""What the configuration file of a status page may say."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from coalmine_aggregator.model.label_filter import glob_pattern
from coalmine_aggregator.notify.web_url import WebUrl
from coalmine_aggregator.paging_settings import Date, Zone
from coalmine_aggregator.settings import LogSettings
from coalmine_aggregator.status.components import ALL, Component, Components, Publish
from coalmine_aggregator.status.days import DayRules
from coalmine_aggregator.status.plan import Plan
from coalmine_aggregator.status.state import MAX_BETTER_S, MAX_WINDOW_S, MAX_WORSE_S, StateRules
from coalmine_aggregator.store.settings import DatabaseUrl
from coalmine_runtime.quantities import is_host
from coalmine_runtime.settings import Address, Fraction, Seconds, SettingError, bind, setting
from coalmine_runtime.tls import TlsServerSettings
from coalmine_runtime.yaml_tree import Node, read_tree
from coalmine_wire.series import is_label
from coalmine_wire.topics import is_topic_part

MAX_COMPONENTS: Final = 200
MAX_NAME: Final = 100
MAX_TEXT: Final = 1_000
MAX_GLOBS: Final = 100

_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?\Z")
_OWN = "_"


def _check_text(key: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise SettingError(key, f"longer than {longest} characters")
    if not text.isprintable():
        raise SettingError(key, "has characters that cannot be shown")


def _check_id(key: str, text: str) -> None:
    if _ID.match(text) is None:
        raise SettingError(key, f'"{text}" is no id such as udp-eu: a-z 0-9 -, 40 characters at most')


@dataclasses.dataclass(frozen=True, kw_only=True)
class ComponentSettings:
    """A part of a service under the name that customers know."""

    id_: str = setting("Its id, part of links; a-z 0-9 -")
    name: str = setting("Its name")
    description: str = setting("What it is, in a sentence", "")
    group: str = setting("The heading that it stands under", "")
    service: str = setting("The service that it is part of")
    protocols: list[str] = setting("Its protocols, * for any part of a name", list(ALL))
    regions: list[str] = setting("Its regions, * for any part of a name", list(ALL))
    publish: Publish = setting(
        "Whether loss is shown at once, or once a person has published an incident", Publish.AUTOMATIC
    )
    since: Date | None = setting(
        "The first day that its bars show; all that is known where absent", None
    )
    retired: bool = setting(
        "It has left the page; incidents that touched it stay in its history", False
    )

    def __post_init__(self) -> None:
        _check_id("id", self.id_)
        if not self.name.strip():
            raise SettingError("name", "is empty")
        _check_text("name", self.name, MAX_NAME)
        _check_text("group", self.group, MAX_NAME)
        _check_text("description", self.description, MAX_TEXT)
        if not is_label(self.service):
            raise SettingError("service", f'"{self.service}" has other characters than a-z 0-9 _ -')
        if self.service.startswith(_OWN):
            raise SettingError("service", f'"{self.service}" is our own, and no business of customers')
        for key, globs in (("protocols", self.protocols), ("regions", self.regions)):
            _check_globs(key, globs)

    def component(self) -> Component:
        """The same, as a page takes it."""
        return Component(
            self.id_,
            self.name,
            self.service,
            self.description,
            self.group,
            tuple(self.protocols),
            tuple(self.regions),
            self.publish,
            self.since,
            self.retired,
        )


def _check_globs(key: str, globs: list[str]) -> None:
    if not globs:
        raise SettingError(key, 'is empty; all of them are "*"')
    if len(globs) > MAX_GLOBS:
        raise SettingError(key, f"more than {MAX_GLOBS}")
    for number, glob in enumerate(globs):
        at = f"{key}[{number}]"
        if not is_label(re.sub(r"[*?]", "", glob) or "x"):
            raise SettingError(at, f'"{glob}" has other characters than a-z 0-9 _ - and * ?')
        try:
            glob_pattern(glob)
        except ValueError as error:
            raise SettingError(at, str(error)) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PageSettings:
    """What stands at the head of the page."""

    id_: str = setting("Part of every public id: with another one, all links change", "status")
    name: str = setting("Whose status it is")
    url: WebUrl | None = setting("Its address as people reach it; feeds and the API name it", None)
    time_zone: Zone = setting("Time zone of its days", ZoneInfo("UTC"))
    description: str = setting("What it is about, in a sentence", "")
    support: WebUrl | None = setting("Where customers may ask", None)

    def __post_init__(self) -> None:
        _check_id("id", self.id_)
        if not self.name.strip():
            raise SettingError("name", "is empty")
        _check_text("name", self.name, MAX_NAME)
        _check_text("description", self.description, MAX_TEXT)
        if self.url is not None and "?" in self.url.text:
            raise SettingError("url", f"{self.url} has a query; links have their own")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateSettings:
    """When a component changes its state."""

    window: Seconds = setting("Loss is counted over so long, up to 10m", 60.0)
    degraded: Fraction = setting("From this loss on its performance is degraded", 0.01)
    partial: Fraction = setting("From this loss on it is a partial outage", 0.1)
    major: Fraction = setting("From this loss on it is a major outage", 0.5)
    worse_after: Seconds = setting("A worse state must last so long, 1s to 5m", 10.0)
    better_after: Seconds = setting("A better state must last so long, 1s to 30m", 120.0)

    def __post_init__(self) -> None:
        for key, most in (
            ("window", MAX_WINDOW_S),
            ("worse_after", MAX_WORSE_S),
            ("better_after", MAX_BETTER_S),
        ):
            if not 1 <= getattr(self, key) <= most or getattr(self, key) % 1:
                raise SettingError(key, f"expected whole seconds from 1s to {most // 60}m")
        _check_rising(self, ("degraded", "partial", "major"))

    def rules(self) -> StateRules:
        """The same, as folds take it."""
        return StateRules(
            int(self.window),
            self.degraded,
            self.partial,
            self.major,
            int(self.worse_after),
            int(self.better_after),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DaySettings:
    """How bad a day was, for the bars."""

    minor: Fraction = setting("From this loss of a whole day on it is minor; 0.1% are 86 s", 0.001)
    major: Fraction = setting("From this loss on it is major; 1% are 14 minutes", 0.01)
    critical: Fraction = setting("From this loss on it is critical; 10% are 2.4 hours", 0.1)

    def __post_init__(self) -> None:
        _check_rising(self, ("minor", "major", "critical"))

    def rules(self) -> DayRules:
        """The same, as bars take it."""
        return DayRules(self.minor, self.major, self.critical)


def _check_rising(settings: object, keys: tuple[str, ...]) -> None:
    if getattr(settings, keys[0]) <= 0:
        raise SettingError(keys[0], "expected more than nothing")
    for lower, higher in itertools.pairwise(keys):
        if getattr(settings, higher) < getattr(settings, lower):
            raise SettingError(higher, f"must not be less than {lower}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """A complete static copy, made again and again."""

    to: Path = setting("The folder that is replaced as a whole")
    every: Seconds = setting("How often, 10s to 1d", 60.0)

    def __post_init__(self) -> None:
        if not 10 <= self.every <= 86_400:
            raise SettingError("every", "expected 10s to 1d")


@dataclasses.dataclass(frozen=True, kw_only=True)
class StatusPageSettings:
    """The whole file."""

    fleet: str = setting("The fleet's name", "default")
    store: DatabaseUrl = setting(
        "Where the aggregator keeps history; it is only read, by a role that may do no more"
    )
    listen: Address = setting("Where to listen", Address("127.0.0.1", 8081))
    certificate: TlsServerSettings | None = setting("TLS", None)
    page: PageSettings = setting("What stands at its head")
    hosts: list[str] = setting(
        "Names under which people reach it, besides that of page.url, addresses and localhost", []
    )
    components: list[ComponentSettings] = setting("The parts that customers know, in their order")
    state: StateSettings = setting("When a component changes its state", StateSettings())
    days: DaySettings = setting("How bad a day was", DaySettings())
    export: ExportSettings | None = setting("A static copy, made again and again", None)
    log: LogSettings = setting("The log", LogSettings())

    def __post_init__(self) -> None:
        if not is_topic_part(self.fleet):
            raise SettingError("fleet", f'"{self.fleet}" has other characters than a-z 0-9 _ . -')
        for number, host in enumerate(self.hosts):
            if not is_host(host):
                raise SettingError(f"hosts[{number}]", f'"{host}" is no host name')
        _check_components(self.components)

    def plan(self) -> Plan:
        """The same, as pages are made by it."""
        page = self.page
        return Plan(
            self.fleet,
            page.id_,
            page.name,
            Components([each.component() for each in self.components], self.state.rules().degraded),
            page.time_zone,
            "" if page.url is None else page.url.text.rstrip("/"),
            page.description,
            "" if page.support is None else page.support.text,
            self.state.rules(),
            self.days.rules(),
        )


def _check_components(components: list[ComponentSettings]) -> None:
    if all(component.retired for component in components):
        raise SettingError("components", "there is none; the page would say nothing")
    if len(components) > MAX_COMPONENTS:
        raise SettingError("components", f"more than {MAX_COMPONENTS}")
    for key in ("id_", "name"):
        first: dict[str, int] = {}
        for number, component in enumerate(components):
            value = getattr(component, key)
            if value in first:
                raise SettingError(
                    f"components[{number}].{key.rstrip('_')}",
                    f'"{value}" is that of components[{first[value]}] as well',
                )
            first[value] = number


_ALONE: Final = ("components", "state")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ComponentsAlone:
    components: list[ComponentSettings] = setting("The parts that customers know")
    state: StateSettings = setting("When an incident touches one", StateSettings())

    def __post_init__(self) -> None:
        _check_components(self.components)


class _Anything(Mapping[str, str]):
    """An environment for who needs nothing of it."""

    def __getitem__(self, name: str) -> str:
        return ""

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def load_components(path: Path) -> Components:
    """The components in the file of a status page, and from which share lost they are touched, for who
    asks what waits for approval and may see neither its certificate nor its password. Raises
    `ConfigError`."""
    tree = read_tree(path, _Anything())
    entries, lines = tree.entries or {}, tree.lines or {}
    alone = {name: entry for name, entry in entries.items() if name in _ALONE}
    node = Node(tree.line, entries=alone, lines={name: lines[name] for name in alone})
    settings = bind(_ComponentsAlone, node, str(path), path.parent)
    components = [each.component() for each in settings.components]
    return Components(components, settings.state.rules().degraded)
