"""docs/configuration.md, made from the settings classes.

`python -m tests.project.configuration_page` writes it anew.
"""

from __future__ import annotations

from pathlib import Path

from coalmine_agent.settings import Settings
from coalmine_aggregator.settings import AggregatorSettings
from coalmine_aggregator.status_settings import StatusPageSettings
from coalmine_runtime.settings import Documented, describe

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"

_HEAD = """# Configuration

Each program reads one YAML file. `coalmine agent check FILE`, `coalmine aggregator check FILE` and
`coalmine status-page check FILE` say what is wrong with it: file, line, key, what was expected and the
nearest known key. An unknown key is an error. Annotated examples:
[configs/agent.yaml](../configs/agent.yaml), [configs/aggregator.yaml](../configs/aggregator.yaml),
[configs/status-page.yaml](../configs/status-page.yaml).

- `${NAME}` is replaced from the environment, `$$` stands for `$`.
- A *secret* may be given as a file: `password_file: /etc/coalmine/mqtt` for `password`. Secrets are
  never logged.
- A *duration* is `250ms`, `10s`, `5m`, `24h` or a number of seconds; a *size* is `64KiB`, `1MiB` or a
  number of bytes; a *share* is `0.1%`, `0.001` or `1/1000`.
- An *address* is `host:port`, `[::1]:port` or, to listen on every address, `:port`. What listens is on
  loopback unless told otherwise, and beyond loopback needs protection.
- Paths are relative to the file's folder. `<name>` stands for a name of your choice, `[]` for each
  entry of a list.

This page is made from the settings themselves (`python -m tests.project.configuration_page`); a test
compares.
"""

_AGENT = """
## Agent

Under `services.<name>` stand the endpoints of a service, by protocol: `tcp`, `tls`, `udp`, `pickle`,
`pickle_tls` and `https`, or with a variant, `tcp-ipv6`, for a second one of the same protocol. Short
forms: `tcp: host:port`, `https: https://host/path`, `statsd: host:port`, `metrics: host:port`. A
variant `node_<name>` says that the endpoint leads to that one machine.
"""

_AGGREGATOR = """
## Aggregator

`services` names what is watched. Short forms: `receive.https: host:port`, `metrics: host:port`.
"""

_STATUS_PAGE = """
## Status page

A file of its own, as the page may run elsewhere, and never sees what the aggregator's has. A component
takes every datapoint of its service whose protocol and region fit one of its own.
"""


def render() -> str:
    """The page as it should be."""
    parts = ((_AGENT, Settings), (_AGGREGATOR, AggregatorSettings), (_STATUS_PAGE, StatusPageSettings))
    return _HEAD + "".join(f"{words}\n{_table(cls)}" for words, cls in parts)


def _table(cls: type) -> str:
    rows = ["| key | value | default | what it says |", "| --- | --- | --- | --- |"]
    rows += [_row(entry) for entry in dict.fromkeys(describe(cls))]
    return "\n".join(rows) + "\n"


def _row(entry: Documented) -> str:
    default = "**required**" if entry.default is None else _code(entry.default)
    cells = (f"`{entry.key}`", entry.kind, default, entry.doc)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _code(default: str) -> str:
    return default if default in ("none", "see below") else f"`{default}`"


if __name__ == "__main__":
    PAGE.write_text(render())
