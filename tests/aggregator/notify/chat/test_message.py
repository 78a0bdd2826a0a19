"""Pages as chat messages: bounded, and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_aggregator.notify.chat.message import message_of
from coalmine_aggregator.notify.chat.platforms import PLATFORMS, Platform

PAGE = ("Restore ingest UDP", "ASSESS  44 of 44\nAck: coalmine alerts ack x")
SLACK, DISCORD = PLATFORMS["slack"], PLATFORMS["discord"]

hostile = st.text(st.characters() | st.sampled_from("@`<>*_\n"), max_size=600)


def test_slack_has_a_title() -> None:
    message = message_of([PAGE], SLACK)
    assert message.title == "Restore ingest UDP"
    assert message.body == "ASSESS  44 of 44\nAck: coalmine alerts ack x"


def test_discord_has_a_block_of_code() -> None:
    message = message_of([PAGE], DISCORD)
    assert message.title == ""
    assert message.body == "```\nRestore ingest UDP\nASSESS  44 of 44\nAck: coalmine alerts ack x\n```"


def test_the_link_stands_below_the_code() -> None:
    link = "https://coalmine.example/?at=2026-11-20T03:12:00Z&scope=protocol:udp"
    assert message_of([PAGE], DISCORD, link).body.endswith(f"\n```\n<{link}>")
    assert link not in message_of([PAGE], SLACK, link).body
    for no_link in ("", "https://x.example/> @everyone", "https://x.example/`", "javascript:x"):
        assert message_of([PAGE], DISCORD, no_link).body.endswith("```")
    assert len(message_of([("s", "x" * 5000)], DISCORD, link).body) <= DISCORD.longest
    far = message_of([PAGE], DISCORD, f"{link}{'x' * 3000}")
    assert far == message_of([PAGE], DISCORD)


def test_several_stand_below_one_another() -> None:
    message = message_of([PAGE, ("Other", "more")], SLACK)
    assert message.title == ""
    assert message.body.split("\n\n") == ["\n".join(PAGE), "Other\nmore"]


def test_what_does_not_fit_is_told_by_its_subject_and_then_by_number() -> None:
    pages = [(f"Restore service {i}", "x" * 300) for i in range(20)]
    body = message_of(pages, DISCORD).body
    assert body.splitlines()[1:-1] == [f"Restore service {i}" for i in range(20)]
    long = [(f"{i} {'y' * 500}", "x" * 300) for i in range(20)]
    body = message_of(long, DISCORD).body
    assert len(body) <= DISCORD.longest
    assert body.splitlines()[-2] == "and 17 more"


@pytest.mark.parametrize(
    "platform", list(dict.fromkeys(PLATFORMS.values())), ids=lambda platform: platform.name
)
@given(pages=st.lists(st.tuples(hostile, hostile), min_size=1, max_size=20))
def test_no_text_breaks_out_or_is_too_long(platform: Platform, pages: list[tuple[str, str]]) -> None:
    message = message_of(pages, platform)
    assert len(message.body) <= platform.longest
    for mention in ("@everyone", "@here", "@channel", "@all", "@room"):
        assert mention not in message.body
    if message.body.startswith("```"):
        assert message.body.count("```") == 2
        assert message.body.endswith("\n```")


def test_one_very_long_page_is_cut() -> None:
    message = message_of([("s", "@" * 5000)], DISCORD)
    assert len(message.body) <= DISCORD.longest
    assert "…" in message.body
