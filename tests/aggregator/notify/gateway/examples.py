"""The entries for Twilio, as docs/receivers/gateway.md has them, below `gateway:`."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from tests.servers.twilio import ACCOUNT

PAGE = Path(__file__).resolve().parents[4] / "docs" / "receivers" / "gateway.md"


def _entry(name: str) -> str:
    """The settings of the receiver with this name; `{url}` and `{token}` are to be filled in."""
    found = re.search(
        rf"^  - name: {name}\n    gateway:\n((?:      .*\n)+)", PAGE.read_text(), re.MULTILINE
    )
    assert found is not None
    text = textwrap.dedent(found[1]).replace("{", "{{").replace("}", "}}")
    text = text.replace(f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}", "{url}")
    return text.replace("password_file: /etc/coalmine/twilio", "password: {token}")


TWILIO_SMS = _entry("sms")
TWILIO_VOICE = _entry("voice")
