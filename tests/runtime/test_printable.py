"""No control byte gets to a terminal, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_runtime.printable import printable, printable_json, quoted

ODD = st.text(st.characters(exclude_categories=())) | st.text(
    st.sampled_from('\x00\x07\t\n\r\x1b\x7f\x9b\u202e\u2028\ud800\udc80\U000e0001a"\\é🐤')
)
JSON = st.recursive(
    ODD | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(ODD, inner)
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("eu-west-1 café 東京", "eu-west-1 café 東京"),
        ("\x1b[2J\x07\x7f\x9b", r"\x1b[2J\x07\x7f\x9b"),
        ("a\u202eb\ud800", r"a\u202eb\ud800"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(ODD)
def test_all_of_it_can_be_printed(text: str) -> None:
    assert printable(text).isprintable()
    assert quoted(text).isprintable()
    quoted(text).encode()


@given(JSON, st.sampled_from([None, 1]))
def test_a_document_says_the_same(document: Any, indent: int | None) -> None:
    shown = printable_json(json.dumps(document, ensure_ascii=False, indent=indent))
    assert json.loads(shown) == json.loads(json.dumps(document))
    assert all(line.isprintable() for line in shown.split("\n"))
