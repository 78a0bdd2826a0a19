"""What the configuration says of the program that is told who is out."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from coalmine_runtime.settings import Seconds, SettingError, setting

MAX_ARGUMENTS = 100
MAX_ARGUMENT = 4096


@dataclasses.dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """A program that takes the full state as JSON on its standard input."""

    argv: list[str] = setting("The program, by its absolute path, and its arguments; no shell")
    every: Seconds = setting(
        "How often it runs while nothing changes, 1s to 5m; three times in a lease while a node is out",
        30.0,
    )
    timeout: Seconds = setting("It is killed, with its process group, after so long, 1s to 60s", 10.0)

    def __post_init__(self) -> None:
        if not self.argv:
            raise SettingError("argv", "is empty: name a program")
        if len(self.argv) > MAX_ARGUMENTS:
            raise SettingError("argv", f"has more than {MAX_ARGUMENTS} entries")
        for index, argument in enumerate(self.argv):
            if len(argument) > MAX_ARGUMENT:
                raise SettingError(f"argv[{index}]", f"has more than {MAX_ARGUMENT} characters")
        program = Path(self.argv[0])
        if not program.is_absolute():
            raise SettingError("argv[0]", f'expected an absolute path, not "{program}"')
        if not program.is_file() or not os.access(program, os.X_OK):
            raise SettingError("argv[0]", f"{program} is no program that may be run")
        if not 1 <= self.every <= 300:
            raise SettingError("every", "expected 1s to 5m")
        if not 1 <= self.timeout <= 60:
            raise SettingError("timeout", "expected 1s to 60s")
