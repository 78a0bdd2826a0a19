"""Decoding of lines. Invariant: line by line and all at once, any bytes give the same receipts and the
same counts by reason."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coalmine_aggregator.receivers.limits import ReceiverLimits, Window, window_at
from coalmine_aggregator.receivers.lines import (
    FEW_BYTES,
    PADDING,
    Decoded,
    decode,
    decode_few,
    decode_many,
)
from coalmine_aggregator.receivers.reasons import Reason
from coalmine_aggregator.receivers.table import SeriesTable
from coalmine_wire.plaintext import MAX_LINE

NOW = 1763700000
WINDOW = Window(NOW - 300, NOW, NOW + 60)

NAMES = [
    b"canary.ingest.external.eu-west-1.eu-west-1a.host0001.tcp",
    b"canary.ingest.external.eu-west-1.eu-west-1a.host0001.pickle_tls-node_ingest07",
    b"canary.a.internal.r.z.h.udp",
    b"c",
    b"12345678",
    b"1234567",
    b"long." + b"x" * 150,
]


def known(names: list[bytes] = NAMES) -> SeriesTable:
    table = SeriesTable(b"secret")
    for series, name in enumerate(names):
        table.put(name, series)
    return table


TABLE = known()
SHORT_TABLE = known(NAMES[2:6])


def all_at_once(
    block: bytes,
    table: SeriesTable,
    window: Window = WINDOW,
    prefix: bytes = b"",
    behind: bytes = b"\xff",
) -> Decoded:
    padded = bytearray(block + (behind * PADDING)[:PADDING])
    return decode_many(padded, len(block), table, window, prefix)


def receipts(decoded: Decoded) -> Counter[tuple[int, int]]:
    return Counter(zip(decoded.series.tolist(), decoded.slots.tolist(), strict=True))


def agree(block: bytes, table: SeriesTable, window: Window = WINDOW, prefix: bytes = b"") -> Decoded:
    few = decode_few(block, table, window, prefix)
    for behind in (b"\xff", b"\n", b" 1 1763700000\n"):
        many = all_at_once(block, table, window, prefix, behind)
        assert receipts(many) == receipts(few)
        assert many.rejected == few.rejected
        assert many.series.dtype == few.series.dtype
        assert many.slots.dtype == few.slots.dtype
    judged = len(few.series) + sum(few.rejected.values())
    assert judged == block.count(b"\n")  # every line ends in one count
    return few


_values = st.sampled_from(
    [b"1", b"1", b"1", b"1.0", b"1.0", b"1.00", b"+1", b"1e0", b"0", b"2", b"-1", b"-1.0", b"nan",
     b"NaN", b"inf", b"-inf", b"1_0", b"", b"x", b"0x1", b"1e9999", b"\xff"]
)  # fmt: skip
_times = st.one_of(
    st.integers(NOW - 400, NOW + 100).map(lambda slot: b"%d" % slot),
    st.sampled_from(
        [b"%d.5" % NOW, b"%d.0" % NOW, b"%d " % NOW, b" %d" % NOW, b"%d\r" % NOW, b"-%d" % NOW,
         b"0%d" % NOW, b"0", b"", b"-1", b"nan", b"inf", b"17637x0000", b"1863700000", b"9999999999",
         b"9" * 30, b"1e9", b"1.7637e9", b"176370000", b"17637000000", b"17637\x000000", b"1763700/00",
         b"1763700:00"]
    ),
)  # fmt: skip
_some_names = st.one_of(
    st.sampled_from(NAMES),
    st.sampled_from(
        [b"", b" ", b"c ", b" c", b"c\0", b"c\t", b"cc", b"C", b"x" * 127, b"x" * 128, b"x" * 129,
         b"x" * 4070, b"x" * 4090, b"c 1", b"12345678\0", b"unknown.name"]
    ),
    st.binary(max_size=20),
)  # fmt: skip
_lines = st.one_of(
    st.builds(
        lambda name, value, when: b"%b %b %b\n" % (name, value, when), _some_names, _values, _times
    ),
    st.builds(
        lambda name, slot: b"%b 1 %d\n" % (name, slot),
        st.sampled_from(NAMES),
        st.integers(NOW - 3, NOW),
    ),
    st.binary(max_size=30).map(lambda text: text + b"\n"),
    st.just(b"\n"),
    st.integers(MAX_LINE - 20, MAX_LINE + 20).map(lambda size: b"c" * size + b" 1 1763700000\n"),
)
_blocks = st.lists(_lines, max_size=40).map(b"".join)


@settings(max_examples=400)
@given(_blocks, st.sampled_from([TABLE, SHORT_TABLE, SeriesTable(b"empty")]))
@example(b"c 1 1763700000\n", TABLE)
@example(b"\n" * 40, TABLE)
@example(b"1 1763700000\nc 1 1763700000\n", TABLE)
@example(b" 1 1763700000\nc 1 1763700000\n", TABLE)
@example(b"c 1.0 1763700000\n12345678 1 1763700001\n", TABLE)
def test_both_decoders_agree_on_any_lines(block: bytes, table: SeriesTable) -> None:
    agree(block, table)


@settings(max_examples=200)
@given(
    st.lists(
        st.builds(
            bytes.__add__,
            st.sampled_from([b"KEY.", b"KEY.", b"KEY", b"key.", b"", b"KEY.KEY."]),
            _lines,
        ),
        max_size=30,
    ).map(b"".join),
    st.sampled_from([b"KEY.", b"12345678", b"a" * 36 + b".", b"K"]),
)
def test_both_decoders_agree_on_keys(block: bytes, prefix: bytes) -> None:
    agree(block, TABLE, WINDOW, prefix)


@given(st.binary(max_size=3000))
def test_both_decoders_agree_on_noise(noise: bytes) -> None:
    agree(noise[: noise.rfind(b"\n") + 1], TABLE)


@pytest.mark.parametrize(
    "now", [NOW, 1_799_999_999, 1_800_000_000, 1_800_000_003, 999_999_999, 10**10 - 1, 10**10]
)
def test_both_decoders_agree_where_timestamps_change_their_first_digits(now: int) -> None:
    window = window_at(now, ReceiverLimits())
    block = b"".join(b"c 1 %d\n" % (now + ahead) for ahead in range(-320, 80))
    few = agree(block, TABLE, window)
    assert few.rejected == {Reason.PAST: 20, Reason.FUTURE: 19}
    assert sorted(few.slots.tolist()) == list(range(now - 300, now + 61))


def line(name: bytes = b"c", value: bytes = b"1", when: bytes = b"%d" % NOW) -> bytes:
    return b"%b %b %b\n" % (name, value, when)


EXPECTED = {
    line(): None,
    line(value=b"1.0"): None,
    line(value=b"1.000000"): None,
    line(when=b"%d.9" % NOW): None,
    line(when=b"%d\r" % NOW): None,
    line(name=NAMES[-1]): None,
    line(name=b"d"): Reason.UNKNOWN_SERIES,
    line(name=b"c "): Reason.UNKNOWN_SERIES,
    line(name=b"c\0"): Reason.UNKNOWN_SERIES,
    line(name=b"y" * 2000): Reason.UNKNOWN_SERIES,
    line(name=b"y" * MAX_LINE): Reason.TOO_LONG,
    line(value=b"nan"): Reason.NOT_A_NUMBER,
    line(value=b"-1"): Reason.NEGATIVE,
    line(value=b"-inf"): Reason.NEGATIVE,
    line(value=b"0"): Reason.NOT_ONE,
    line(value=b"2"): Reason.NOT_ONE,
    line(value=b"inf"): Reason.NOT_ONE,
    line(value=b"one"): Reason.MALFORMED,
    line(when=b"now"): Reason.MALFORMED,
    line(when=b"nan"): Reason.MALFORMED,
    line(when=b"0"): Reason.PAST,
    line(when=b"-1"): Reason.PAST,
    line(when=b"%d" % (NOW - 301)): Reason.PAST,
    line(when=b"%d" % (NOW + 61)): Reason.FUTURE,
    line(when=b"%d" % (1000 * NOW)): Reason.FUTURE,
    line(when=b"inf"): Reason.FUTURE,
    b"\n": Reason.MALFORMED,
    b"c\n": Reason.MALFORMED,
    b"c 1\n": Reason.MALFORMED,
    b" 1 %d\n" % NOW: Reason.MALFORMED,
    b"GET / HTTP/1.1\r\n": Reason.MALFORMED,
    b"\x16\x03\x01\x02\x00\x01\n": Reason.MALFORMED,
}


@pytest.mark.parametrize("text", EXPECTED, ids=lambda text: repr(text[:40]))
def test_what_each_line_counts_as(text: bytes) -> None:
    reason = EXPECTED[text]
    decoded = agree(text, TABLE)
    assert decoded.rejected == ({} if reason is None else {reason: 1})
    assert len(decoded.series) == (reason is None)


def test_a_key_is_verified_and_taken_off() -> None:
    block = line(b"KEY.c") + line(b"c") + line(b"OTHER.c") + line(b"KEY.d") + line(b"KEY.")
    decoded = agree(block, TABLE, WINDOW, b"KEY.")
    assert receipts(decoded) == {(3, NOW): 1}
    assert decoded.rejected == {Reason.BAD_KEY: 2, Reason.UNKNOWN_SERIES: 2}


def test_many_series_in_random_order_over_several_seconds() -> None:
    chance = random.Random(7)
    names = [b"canary.ingest.external.r.z.host%05d.tcp" % number for number in range(5000)]
    table = known(names)
    sent = [(chance.randrange(5000), NOW - chance.randrange(5)) for _ in range(20_000)]
    block = b"".join(b"%b 1%b %d\n" % (names[s], chance.choice((b"", b".0")), slot) for s, slot in sent)
    assert receipts(all_at_once(block, table)) == Counter(sent)


def test_the_size_of_a_block_chooses_the_decoder_and_nothing_else() -> None:
    for count in (1, FEW_BYTES // 15, FEW_BYTES):
        block = line() * count
        decoded = decode(bytearray(block + bytes(PADDING)), len(block), TABLE, WINDOW)
        assert receipts(decoded) == {(3, NOW): count}


def test_an_empty_block_holds_nothing() -> None:
    for decoded in (decode_few(b"", TABLE, WINDOW), all_at_once(b"", TABLE)):
        assert len(decoded.series) == 0
        assert not decoded.rejected
