"""The version, as a constant: asking the installed metadata costs a megabyte and ten milliseconds."""

from __future__ import annotations

VERSION = "0.1.0"
"""As in pyproject.toml; a test compares."""
