"""Templates with places for what a message holds; what is filled in never becomes syntax. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import msgspec

from coalmine_wire.bad_json import BAD_JSON

PLACES = ("to", "text", "id", "subject")

_PLACE = re.compile(r"\{([a-z]+)(:[a-z]*)?\}")


class Template(NamedTuple):
    """A text with places such as `{text}`, or `{text:xml}` where the text is XML.

    It is filled in before it is encoded for the request, so that nobody has to think of how forms or
    JSON escape.
    """

    text: str

    @classmethod
    def parse(cls, text: str, known: Sequence[str] = PLACES) -> Template:
        """Raises ValueError for a place that is not known, and for a bare one within XML."""
        for found in _PLACE.finditer(text):
            name, form = found.groups()
            if name not in known:
                there = ", ".join(f"{{{place}}}" for place in known)
                raise ValueError(f"{found[0]} is no place; there are {there}")
            if form not in (None, ":xml"):
                raise ValueError(f"{found[0]}: after the colon stands xml")
            if form is None and "<" in text:
                raise ValueError(f"within XML write {{{name}:xml}} in place of {found[0]}")
        return cls(text)

    def places(self) -> frozenset[str]:
        """Which places it has."""
        return frozenset(found[1] for found in _PLACE.finditer(self.text))

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with the values in their places."""

        def value(found: re.Match[str]) -> str:
            filling = values[found[1]]
            return filling if found[2] is None else escape(filling, {'"': "&quot;", "'": "&apos;"})

        return _PLACE.sub(value, self.text)

    def __str__(self) -> str:
        return self.text


class JsonTemplate(NamedTuple):
    """A JSON document whose strings are templates; its keys and all else stay as they are."""

    document: Any

    @classmethod
    def parse(cls, text: str, known: Sequence[str] = PLACES) -> JsonTemplate:
        """Raises ValueError where it is no JSON, or a string in it no template."""
        try:
            document = msgspec.json.decode(text)
            return cls(_mapped(document, lambda text: str(Template.parse(text, known))))
        except BAD_JSON as error:
            raise ValueError(f"no JSON: {error}") from None

    def templates(self) -> Iterator[Template]:
        """Every string in it."""
        found: list[Template] = []

        def keep(text: str) -> str:
            found.append(Template(text))
            return text

        _mapped(self.document, keep)
        return iter(found)

    def filled(self, values: Mapping[str, str]) -> bytes:
        """The document with the values in their places, encoded."""
        return msgspec.json.encode(_mapped(self.document, lambda text: Template(text).filled(values)))


def _mapped(tree: Any, change: Callable[[str], str]) -> Any:
    if isinstance(tree, str):
        return change(tree)
    if isinstance(tree, list):
        return [_mapped(each, change) for each in tree]
    if isinstance(tree, dict):
        return {key: _mapped(each, change) for key, each in tree.items()}
    return tree
