"""People, and by what addresses they are told. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

ADDRESSES: Final = ("mail", "phone")
"""The addresses that a person may have, as receivers name what they need."""


class Person(NamedTuple):
    """Addresses are empty where there are none. `names` are pairs of a receiver's name and what the
    person is called there."""

    mail: str = ""
    phone: str = ""
    names: tuple[tuple[str, str], ...] = ()

    def address(self, field: str) -> str:
        """The address of one of `ADDRESSES`; empty for none. Raises KeyError for another field."""
        return {"mail": self.mail, "phone": self.phone}[field]
