"""A command that needs more than what every host installs."""

from __future__ import annotations

import click


class NotInstalledError(click.ClickException):
    """One line in place of a traceback, and the exit code of all that keeps a command from starting."""

    exit_code = 2

    def __init__(self, error: ModuleNotFoundError) -> None:
        package = (error.name or str(error)).partition(".")[0]
        super().__init__(
            f"{package} is not installed; this command needs coalmine with its extra [aggregator]"
        )
