"""Writes the man pages of `coalmine` to a folder: `python -m release.man_pages FOLDER EPOCH`.

Run by the Python that has the version which the pages are of.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from coalmine_cli.main import main
from coalmine_runtime.version import VERSION
from release.man_page import Edition, pages

_CONFIGS = {
    "/etc/coalmine/agent.yaml": "What the agent of this host sends, and where to.",
    "/etc/coalmine/aggregator.yaml": "What the aggregator listens on, counts and tells.",
    "/etc/coalmine/status-page.yaml": "What customers are shown.",
}
_CREDENTIALS = {
    "/etc/credstore/coalmine.*": "Secrets that the services are given, for root alone to read.",
}
FILES = {
    "coalmine": {
        **_CONFIGS,
        **_CREDENTIALS,
        "/usr/share/doc/coalmine": "Documentation: every key of the configuration, examples.",
    },
    "coalmine-agent": {
        "/etc/coalmine/agent.yaml": "CONFIG of the service coalmine-agent.",
        "/var/lib/coalmine-agent": "Reports that could not be sent yet.",
        **_CREDENTIALS,
    },
    "coalmine-aggregator": {
        "/etc/coalmine/aggregator.yaml": "CONFIG of the service coalmine-aggregator.",
        "/var/lib/coalmine": "The store, where the configuration names no other place.",
        **_CREDENTIALS,
    },
    "coalmine-status-page": {
        "/etc/coalmine/status-page.yaml": "CONFIG of the service coalmine-status-page.",
        "/var/lib/coalmine-status": "Where the service may export to.",
        **_CREDENTIALS,
    },
}
"""What stands under FILES, by the page."""


def write(folder: Path, epoch: int) -> None:
    """Every page, dated by `epoch`, seconds since 1970."""
    folder.mkdir(parents=True, exist_ok=True)
    edition = Edition(VERSION, datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d"))
    for name, text in pages("coalmine", main, edition, FILES).items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
