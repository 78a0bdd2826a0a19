"""What msgspec raises where it is given JSON that is none: more than its own errors."""

from __future__ import annotations

from typing import Final

import msgspec

BAD_JSON: Final = (msgspec.DecodeError, UnicodeError, RecursionError)
"""Beside what is malformed or of another shape: text that is no UTF-8, and what is nested without end,
also where that is only read over. Whoever decodes what others wrote catches all of it."""
