"""Why an installation does not go on: a sentence, and the exit code that the script ends with. Pure."""

from __future__ import annotations

import enum


class Code(enum.IntEnum):
    """Exit codes of `install.sh`, as far as they are found out here; the script has the others."""

    DISK = 6
    PORT = 10
    CONFIG = 11
    UNHEALTHY = 12
    STORE = 14


class RefusalError(Exception):
    """One line, or several where several things are wrong."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
