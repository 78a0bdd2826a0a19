"""A template and values, to the text of a configuration. Pure.

`@name@` stands for a value. `@name?@` is one that may be absent: its line is then left out.
`@endpoints@` is a line of its own, in the place of which comes one for each endpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import yaml

from coalmine_install.refusal import Code, RefusalError
from coalmine_runtime.config_error import nearest

PROTOCOLS = ("tcp", "udp", "tls", "pickle", "pickle_tls", "https")

_NAME = re.compile(r"@([a-z_]+)(\??)@")


def names(template: str) -> set[str]:
    """What may be said for this template."""
    found = {match[1] for match in _NAME.finditer(template)}
    if "endpoints" in found:
        found = found - {"endpoints"} | {*PROTOCOLS, "target", "key_file"}
    return found


def check_names(template: str, given: Iterable[str]) -> None:
    """Raises `RefusalError` for a name that the template does not know."""
    known = sorted(names(template))
    for name in given:
        if name not in known:
            raise RefusalError(
                Code.CONFIG,
                f'--set {name}=: this template has no "{name}"{nearest(name, known)}; '
                f"it has {', '.join(known)}",
            )


def render(template: str, values: Mapping[str, str]) -> str:
    """The text. Raises `RefusalError` that names everything that is missing."""
    lines: list[str] = []
    missing: list[str] = []
    for line in template.splitlines():
        found = list(_NAME.finditer(line))
        if [match[1] for match in found] == ["endpoints"]:
            indent = line[: found[0].start()]
            endpoints = _endpoints(values)
            lines.extend(indent + endpoint for endpoint in endpoints)
            if not endpoints:
                missing.append("target")
            continue
        if any(match[2] and not values.get(match[1]) for match in found):
            continue
        missing.extend(match[1] for match in found if not values.get(match[1]))
        lines.append(_NAME.sub(lambda match: scalar(values.get(match[1], "")), line))
    if missing:
        flags = " ".join(f"--set {name}=..." for name in dict.fromkeys(missing))
        raise RefusalError(Code.CONFIG, f"could not be found out, please say: {flags}")
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """The text as YAML that reads as this very text."""
    try:
        plain = yaml.safe_load(f"[{text}]") == [text] and yaml.safe_load(f"a: {text}") == {"a": text}
    except yaml.YAMLError:
        plain = False
    return text if plain else json.dumps(text)


def _endpoints(values: Mapping[str, str]) -> list[str]:
    given = {protocol: values[protocol] for protocol in PROTOCOLS if values.get(protocol)}
    target = values.get("target", "")
    if target:
        host = f"[{target}]" if ":" in target and not target.startswith("[") else target
        given = {"tcp": f"{host}:2003", "udp": f"{host}:2003", **given}
    key = values.get("key_file", "")
    lines = []
    for protocol, address in given.items():
        if key:
            where = "url" if protocol == "https" else "address"
            # Within braces a place is always quoted: it may have a comma, or end in a colon.
            text = f"{{{where}: {json.dumps(address)}, key_file: {json.dumps(key)}}}"
        else:
            text = scalar(address)
        lines.append(f"{protocol}: {text}")
    return lines
