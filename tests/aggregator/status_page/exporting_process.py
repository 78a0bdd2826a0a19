"""A process that exports one version after the other until it is killed: `python -m <this> DIR`.

Each version has the same files, all of which name it."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

from coalmine_aggregator.status.documents import PLAIN, SETTLED, document
from coalmine_aggregator.status_page.export import export

FILES = [f"folder{number % 5}/file{number}" for number in range(40)] + ["index.html"]


def version_of(body: bytes) -> int:
    """The version that a file names."""
    return int(body.partition(b" ")[0])


def main(target: Path) -> None:
    for number in itertools.count(os.getpid() * 1_000_000):
        body = f"{number} {'x' * 5_000}".encode()
        export(dict.fromkeys(FILES, document(body, PLAIN, SETTLED, 1)), target)
        if number % 1_000_000 == 0:
            sys.stdout.write("ready\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
