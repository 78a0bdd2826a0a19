"""Templates: what is filled in stays text."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.gateway.pointer import JsonPointer
from coalmine_aggregator.notify.gateway.template import JsonTemplate, Template

VALUES = {"to": "+353861234567", "text": "t", "id": "i", "subject": "s"}


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from("<>&\"'{}")))
def test_a_text_is_the_same_at_the_other_end(text: str) -> None:
    values = {**VALUES, "text": text}
    document = JsonTemplate.parse('{"a": [{"m": "x {text} y"}], "n": 1, "to": "{to}"}').filled(values)
    assert json.loads(document) == {"a": [{"m": f"x {text} y"}], "n": 1, "to": "+353861234567"}
    root = ET.fromstring(Template.parse('<R a="{text:xml}"><Say>{text:xml}</Say></R>').filled(values))
    assert root[0].text in (text, None)
    assert not len(root[0])
    assert root.get("a") == text
    assert Template.parse("{text}").filled(values) == text


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    assert Template.parse("{text} {id}").filled({**VALUES, "text": "{to}"}) == "{to} i"


def test_places_are_told() -> None:
    assert Template.parse("{to}: {text:xml}").places() == {"to", "text"}
    templates = JsonTemplate.parse('{"x": ["{id}"], "y": {"{to}": "{subject}"}}').templates()
    assert frozenset().union(*(each.places() for each in templates)) == {"id", "subject"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{who}", "no place"),
        ("{text:html}", "xml"),
        ("<Say>{text}</Say>", r"write \{text:xml\}"),
        ("<Say>{to}</Say>", r"write \{to:xml\}"),
    ],
)
def test_bad_templates_are_told(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        Template.parse(text)
    with pytest.raises(ValueError, match=what):
        JsonTemplate.parse(json.dumps({"x": [text]}))


@pytest.mark.parametrize("text", ['{"to": {to}}', "[" * 700 + "]" * 700, "[" * 100_000])
def test_json_must_be_json(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        JsonTemplate.parse(text)


@pytest.mark.parametrize(
    ("pointer", "found"),
    [
        ("/status", "ok"),
        ("/messages/0/code", "0"),
        ("/messages/0/sent", "true"),
        ("/messages/1", None),
        ("/messages/x", None),
        ("/status/x", None),
        ("/a~1b/c~0d", "deep"),
        ("/none", "null"),
    ],
)
def test_pointers(pointer: str, found: str | None) -> None:
    document = {
        "status": "ok",
        "messages": [{"code": 0, "sent": True}],
        "a/b": {"c~d": "deep"},
        "none": None,
    }
    assert JsonPointer.parse(pointer).found_in(document) == found


@pytest.mark.parametrize("text", ["", "status", "/~2", "/a~"])
def test_what_is_no_pointer(text: str) -> None:
    with pytest.raises(ValueError, match="JSON pointer"):
        JsonPointer.parse(text)
