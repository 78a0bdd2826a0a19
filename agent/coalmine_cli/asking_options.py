"""What every command that asks an aggregator takes, and how it ends.

Exit codes: 0 fine; 1 what was asked for is not there; 2 the aggregator could not be asked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from coalmine_cli.asking import Aggregator, AskingError, NotThereError, read_token

URL = "http://127.0.0.1:8080"

_OPTIONS = (
    click.option("--url", envvar="COALMINE_URL", default=URL, show_default=True, show_envvar=True),
    click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        help="Where a token is needed; or the token itself in COALMINE_TOKEN.",
    ),
    click.option(
        "--ca-file",
        envvar="COALMINE_CA_FILE",
        show_envvar=True,
        type=click.Path(path_type=Path),
        help="Certificates to trust, PEM; the system's where absent.",
    ),
)

as_json = click.option("--json", "as_json", is_flag=True, help="The API's answer as it is.")

Command = Callable[..., None]


def asking(name: str) -> Callable[[Command], Command]:
    """Gives a command the aggregator that the options name, and its exit codes."""

    def decorate(command: Command) -> Command:
        @wraps(command)
        def run(url: str, token_file: Path | None, ca_file: Path | None, **rest: Any) -> None:
            try:
                # On the command line every user of the host could read it. An empty one is none.
                secret = read_token(os.environ.get("COALMINE_TOKEN") or None, token_file)
                command(Aggregator(url, secret, ca_file), **rest)
            except NotThereError as error:
                print(error, file=sys.stderr)
                sys.exit(1)
            except AskingError as error:
                print(f"{name}: {error}", file=sys.stderr)
                sys.exit(2)

        for option in reversed(_OPTIONS):
            run = option(run)
        return run

    return decorate
