"""What a template's values are on this machine, where nobody says: the values that can be found out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from coalmine_install import carbon
from coalmine_install.place import Place, find_place
from coalmine_install.sockets import Listening, listening

_PASSWORD = "coalmine.mqtt-password"  # noqa: S105  the name of a credential
_API_KEY = "coalmine.api-key"
_CREDENTIAL = "${{CREDENTIALS_DIRECTORY}}/{}"
_LOCAL_BROKER = "mqtt://127.0.0.1:1883"
_STORE = "sqlite:////var/lib/coalmine/history.db"


class Findings(NamedTuple):
    """Values by name, and a line for each that is worth telling."""

    values: dict[str, str]
    told: list[str]


def find(
    template: str,
    given: Mapping[str, str],
    root: Path = Path("/"),
    place: Callable[[Path], Place | None] = find_place,
    sockets: Callable[[], list[Listening]] = listening,
) -> Findings:
    """The values for a template of this name. What is `given` is not looked for."""
    found = Findings({}, [])
    if template == "aggregator":
        lines = given.get("receive_tcp", "127.0.0.1:2003")
        found.values.update(
            acceptable_loss="0.1%",
            receive_tcp=lines,
            receive_udp=lines,  # a target without more is sent to by both
            web="127.0.0.1:8080",
            metrics="127.0.0.1:9464",
            store=_STORE,
        )
        if "broker" not in given:
            found.values["broker_listen"] = "127.0.0.1:1883"
    elif template == "status-page":
        found.values.update(store=_STORE, listen="127.0.0.1:8081")
        _service(found, root)
    else:
        found.values["metrics"] = "127.0.0.1:9105"
        _place(found, given, root, place)
        _service(found, root)
        if "broker" not in given and (root / "etc/coalmine/aggregator.yaml").is_file():
            found.values["broker"] = _LOCAL_BROKER
            found.told.append(f"broker {_LOCAL_BROKER}: there is an aggregator here")
        if template == "on-machine":
            _carbon(found, given, root, sockets)
    _credentials(found, template, root)
    return Findings({**found.values, **given}, found.told)


def _place(
    found: Findings, given: Mapping[str, str], root: Path, place: Callable[[Path], Place | None]
) -> None:
    if "region" in given:
        found.values["zone"] = given["region"]  # a place of one zone
    elif here := place(root):
        found.values.update(region=here.region, zone=here.zone)
        found.told.append(f"region {here.region}, zone {here.zone}: by {here.source}")


def _carbon(
    found: Findings,
    given: Mapping[str, str],
    root: Path,
    sockets: Callable[[], list[Listening]],
) -> None:
    if any(name in given for name in ("target", "tcp", "udp", "pickle", "tls", "pickle_tls", "https")):
        return
    try:
        config = (root / carbon.CONFIG.lstrip("/")).read_text(errors="replace")
    except OSError:
        config = None
    endpoints = carbon.endpoints(config, sockets())
    found.values.update(endpoints)
    if endpoints:
        shown = ", ".join(f"{protocol} {address}" for protocol, address in endpoints.items())
        found.told.append(f"carbon on this machine: {shown}")


def _service(found: Findings, root: Path) -> None:
    """The aggregator's, where it is here and watches one service alone."""
    try:
        tree = yaml.safe_load((root / "etc/coalmine/aggregator.yaml").read_text())
        services = list(tree["services"])
    except (OSError, yaml.YAMLError, TypeError, KeyError):
        return
    if len(services) == 1:
        found.values["service"] = str(services[0])


def _credentials(found: Findings, template: str, root: Path) -> None:
    names = {"password_file": _PASSWORD} if template != "status-page" else {}
    if template not in ("aggregator", "status-page"):
        names["key_file"] = _API_KEY
    for value, name in names.items():
        if any(
            (root / folder / name).is_file() for folder in ("etc/credstore", "etc/credstore.encrypted")
        ):
            found.values[value] = _CREDENTIAL.format(name)
