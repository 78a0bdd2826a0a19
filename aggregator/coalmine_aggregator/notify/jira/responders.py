"""Who is to respond, as settings: `team:ops`, `user:anna@example.com`. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

KINDS = ("team", "user", "escalation", "schedule")

MAX_NAME = 200

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class Responder(NamedTuple):
    """`kind` is one of `KINDS`; `name` an id, or the name that people see."""

    kind: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Responder:
        """Raises ValueError."""
        kind, colon, name = text.partition(":")
        name = name.strip()
        if not colon or kind not in KINDS or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ValueError(f'expected {", ".join(KINDS)} and a name, such as team:ops, not "{text}"')
        return cls(kind, name)

    @property
    def by_id(self) -> bool:
        """Whether it is named by its id."""
        return bool(_ID.match(self.name))

    def field(self) -> dict[str, str]:
        """As a request has it."""
        if self.by_id:
            return {"type": self.kind, "id": self.name}
        return {"type": self.kind, "username" if self.kind == "user" else "name": self.name}

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"
