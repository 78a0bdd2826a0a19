"""`coalmine incidents postmortem`: read it as Markdown, edit it, send it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import click

from coalmine_cli.asking import Aggregator, AskingError
from coalmine_cli.asking_options import as_json, asking
from coalmine_cli.incident_text import standing
from coalmine_cli.told_incidents import IncidentAnswer, IncidentDetail
from coalmine_runtime.printable import printable

MAX_TEXT: Final = 1 << 20
"""Bytes of a post-mortem."""


@click.command()
@click.argument("number", metavar="NUMBER")
@click.option("--edit", is_flag=True, help="Open it in $EDITOR, and send what you save.")
@click.option("--from", "file", metavar="FILE", help="Send this file; - is what is piped in.")
@as_json
@asking("coalmine incidents")
def postmortem(
    aggregator: Aggregator, number: str, edit: bool, file: str | None, as_json: bool
) -> None:
    """Print a post-mortem as Markdown, or write it.

    Where nobody wrote one, what is printed is what there is to begin with. What --from sends takes the
    place of what was there.
    """
    if edit and file is not None:
        raise click.UsageError("Either --edit or --from.")
    path = f"/api/v1/incidents/{quote(number, safe='')}"
    if file is not None:
        _send(aggregator, path, {"markdown": _read(file)}, as_json)
        return
    told, body = aggregator.ask(f"{path}?limit=1", IncidentDetail)
    if as_json and not edit:
        print(body)
        return
    text = aggregator.read(f"{path}/postmortem.md", "text/markdown").decode(errors="replace")
    if not edit:
        print("\n".join(_safe(line) for line in text.split("\n")).rstrip("\n"))
        return
    written = click.edit(text, extension=".md")
    if written is None or written == text:
        print("Nothing was changed.", file=sys.stderr)
        return
    try:
        given = {"markdown": written, "replaces": told.postmortem.version}
        _send(aggregator, path, given, as_json)
    except AskingError as error:
        raise AskingError(f"{error}; {_saved(number, written)}") from None


def _send(aggregator: Aggregator, path: str, given: dict[str, Any], as_json: bool) -> None:
    told, body = aggregator.send(f"{path}/postmortem", given, IncidentAnswer)
    print(body if as_json else "\n".join(standing(told.incident, told.now)))


def _read(file: str) -> str:
    try:
        if file == "-":
            text = sys.stdin.buffer.read(MAX_TEXT + 1)
        else:
            with Path(file).open("rb") as opened:
                text = opened.read(MAX_TEXT + 1)
        if len(text) > MAX_TEXT:
            raise AskingError(f"--from: {file}: more than {MAX_TEXT >> 10} KiB")
        return text.decode()
    except OSError as error:
        raise AskingError(f"--from: {file}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise AskingError(f"--from: {file}: no text in UTF-8") from None


def _saved(number: str, text: str) -> str:
    """Where what was written is now, so that it is not lost."""
    handle, name = tempfile.mkstemp(prefix="postmortem-", suffix=".md")
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.write(text)
    again = f"coalmine incidents postmortem {printable(number)} --from {name}"
    return f"what you wrote is in {name}: correct it, and send it with: {again}"


def _safe(line: str) -> str:
    """Tabs stay, so that what is printed to a file can be sent again."""
    return "\t".join(printable(part) for part in line.split("\t"))
