"""The bytes of a minute: what `minute` writes and `columns` reads. Pure.

Little-endian words of 16 bits:

    version (low byte), flags (high byte)
    number of spans (low byte), number of blocks (high byte)
    seen: 4 words, bit s for second s; left out if all 60 were seen
    each span: its first second (low byte) and the usual ending (high byte); its roster: 2 words
    each block: an ending (low byte) and the block's form (high byte); its number of units: 2 words
    each block's units, and what is beside them: in a block of runs as many bytes of lengths, filled up
        to a word; in a block of masks as many masks of 4 words
    the check of `seal`

A span is a stretch of the minute with one roster and one usual ending. A block holds the exceptions of
one ending, each as a key `number * 60 + second`, ascending; a unit is the distance from the key before,
a word. What is farther is reached over units of `FAR`, which are no exceptions by themselves. Where
that would be longer, a wide block has units of 2 words. Exceptions that last longer than a second, in
one span, are in a block of runs. Series that ended so again and again in a minute of one span are in a
block of masks: the key is where it was so first, and bit s of the mask is set if it was so s seconds
later. Bytes of version 1 have no blocks of masks. With the flag `PACKED`, all between the first word
and the check is a zlib stream.
"""

from __future__ import annotations

from typing import Final

SECONDS: Final = 60

MAX_NUMBERS: Final = 1 << 24
"""Numbers of series lie below it; keys fit into 32 bits."""

MAX_EXCEPTIONS: Final = 1_000_000
"""Exceptions of one second."""

MAX_BODY: Final = 1 << 27
"""Bytes of a minute before it is packed: 60 million exceptions of a word each, and some."""

VERSION: Final = 2
VERSIONS: Final = (1, VERSION)
"""What can be read."""

PACKED: Final = 1
ALL_SEEN: Final = 2
FLAGS: Final = PACKED | ALL_SEEN

RUNS: Final = 1
WIDE: Final = 2
MASKS: Final = 4
FORMS: Final = RUNS | WIDE | MASKS

FAR: Final = 0xFFFF

HEAD_WORDS: Final = 2
SEEN_WORDS: Final = 4
SPAN_WORDS: Final = 3
BLOCK_WORDS: Final = 3
MASK_WORDS: Final = 4
