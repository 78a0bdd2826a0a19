"""The configuration file that a command takes, and what ends it where that file is wrong.

Whether it can be read is said by who reads it, in the words of every other problem with it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

CREDENTIALS = Path("/etc/credstore")
"""Where the units of systemd have their credentials from, by the same names."""

CONFIG = click.argument("config", type=click.Path(path_type=Path, readable=False))


def environment(
    given: Mapping[str, str] = os.environ, credentials: Path = CREDENTIALS
) -> dict[str, str]:
    """What a configuration may name. Outside of a unit credentials are read where units get them."""
    found = dict(given)
    if credentials.is_dir():
        found.setdefault("CREDENTIALS_DIRECTORY", str(credentials))
    return found


@contextmanager
def problems_end_it() -> Iterator[None]:
    """Around what reads it: every problem goes to standard error, and ends the command."""
    from coalmine_runtime.config_error import ConfigError

    try:
        yield
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
