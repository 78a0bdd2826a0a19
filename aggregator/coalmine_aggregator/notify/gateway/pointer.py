"""JSON pointers, RFC 6901. Pure."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_POINTER = re.compile(r"(/([^/~]|~[01])*)+\Z")


class JsonPointer(str):
    """`/messages/0/status`."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> JsonPointer:
        """Raises ValueError."""
        if not _POINTER.match(text):
            raise ValueError(f'expected a JSON pointer such as /messages/0/status, not "{text}"')
        return cls(text)

    def found_in(self, document: Any) -> str | None:
        """What stands there: a string as it is, all else as JSON (`0`, `true`); None for nothing."""
        for step in self.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(document, dict) and key in document:
                document = document[key]
            elif (
                isinstance(document, list)
                and key.isascii()
                and key.isdigit()
                and int(key) < len(document)
            ):
                document = document[int(key)]
            else:
                return None
        return document if isinstance(document, str) else msgspec.json.encode(document).decode()
