"""The answer's head: any chunking gives the same status, and no bytes do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coalmine_agent.http_head import MAX_HEAD, HeadError, Status, read_status

ANSWER = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("received", "status"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", Status(204, "No Content")),
        (b"HTTP/1.0 200 OK\r\nA: b\r\n\r\nbody", Status(200, "OK")),
        (b"HTTP/1.1 503\r\n\r\n", Status(503, "")),
        (b"HTTP/1.1 200 OK\n\n", Status(200, "OK")),
        (ANSWER, Status(202, "Accepted")),
    ],
)
def test_reads_the_final_status(received: bytes, status: Status) -> None:
    assert read_status(received) == status


# However much of an answer has come: nothing is said before the head is complete, and the same after.
def test_says_nothing_before_the_head_is_complete() -> None:
    complete = ANSWER.rindex(b"\r\n\r\n") + 4
    for end in range(len(ANSWER) + 1):
        expected = Status(202, "Accepted") if end >= complete else None
        assert read_status(ANSWER[:end]) == expected


@pytest.mark.parametrize(
    "received",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/2 200\r\n\r\n", b"HTTP/1.1 999 No\r\n\r\n", b"\r\n\r\n"],
)
def test_refuses_what_is_no_answer(received: bytes) -> None:
    with pytest.raises(HeadError, match="no HTTP answer"):
        read_status(received)


def test_bounds_the_head() -> None:
    with pytest.raises(HeadError, match="no end"):
        read_status(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * (MAX_HEAD // 6))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_status_a_refusal_or_not_enough(received: bytes) -> None:
    try:
        status = read_status(received)
    except HeadError as refusal:
        text = str(refusal)
    else:
        text = status.reason if status else ""
    assert text.isprintable()


def test_an_echo_of_the_request_shows_no_header() -> None:
    with pytest.raises(HeadError) as told:
        read_status(b"POST / HTTP/1.1\r\nAuthorization: Basic c2VzYW1l\r\n\r\n")
    assert "POST / HTTP/1.1" in str(told.value)
    assert "c2VzYW1l" not in str(told.value)
