"""A man page of a command of click. Pure: commands in, roff out.

A command and its subcommands are one page, as an operator looks for them: `man coalmine-agent` has
`run`, `check` and the others as sections. The format is man(7), without a macro that only one formatter
knows.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import click

_EXITS = re.compile(r"^Exit codes:? (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Edition:
    """What stands at the head and the foot of each page; `date` is `2026-01-31`."""

    version: str
    date: str


def pages(
    name: str, main: click.Group, edition: Edition, files: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Every page by the name of its file: one for the command `name`, one for each of its subcommands.

    `files` are what stands under FILES, path and meaning, by the name of a page.
    """
    root = click.Context(main, info_name=name)
    commands = {f"{name}-{each}": _command(main, root, each) for each in main.list_commands(root)}
    others = list(commands)
    made = {f"{name}.1": _overview(main, root, commands, edition, files.get(name, {}))}
    for page, (command, context) in commands.items():
        around = [name, *(other for other in others if other != page)]
        made[f"{page}.1"] = _page(page, command, context, edition, files.get(page, {}), around)
    return made


def _command(
    group: click.Group, context: click.Context, name: str
) -> tuple[click.Command, click.Context]:
    command = group.get_command(context, name)
    assert command is not None
    return command, click.Context(command, info_name=name, parent=context)


def _overview(
    main: click.Group,
    root: click.Context,
    commands: Mapping[str, tuple[click.Command, click.Context]],
    edition: Edition,
    files: Mapping[str, str],
) -> str:
    name = root.command_path
    lines = [*_head(name, main, edition)]
    lines += [".SH SYNOPSIS", *_synopsis(main, root), ".SH DESCRIPTION", *_prose(main.help or "")]
    lines += [".SH COMMANDS"]
    for page, (command, context) in commands.items():
        lines += [".TP", rf"\fB{_text(context.command_path)}\fR", *_prose(_summary(command))]
        lines += [f"See {_reference(page)}."]
    lines += _options(main, root, ".SH OPTIONS")
    lines += [*_files(files), *_see_also(list(commands))]
    return "\n".join(lines) + "\n"


def _page(
    name: str,
    command: click.Command,
    context: click.Context,
    edition: Edition,
    files: Mapping[str, str],
    others: list[str],
) -> str:
    lines = [*_head(name, command, edition), ".SH SYNOPSIS"]
    leaves = list(_leaves(command, context))
    for number, (leaf, within) in enumerate(leaves):
        lines += ([".br"] if number else []) + _synopsis(leaf, within)
    lines += [".SH DESCRIPTION", *_prose(command.help or "")]
    if isinstance(command, click.Group):
        lines += [".SH COMMANDS"]
        for leaf, within in leaves:
            lines += [f'.SS "{_text(within.command_path)}"', *_prose(leaf.help or "")]
            lines += [*_options(leaf, within), *_prose(leaf.epilog or "")]
    else:
        lines += [*_options(command, context, ".SH OPTIONS")]
        if command.epilog:
            lines += [".SH NOTES", *_prose(command.epilog)]
    lines += [*_exits(command), *_environment(leaves), *_files(files), *_see_also(others)]
    return "\n".join(lines) + "\n"


def _leaves(
    command: click.Command, context: click.Context
) -> Iterator[tuple[click.Command, click.Context]]:
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        yield from _leaves(*_command(command, context, name))


def _head(name: str, command: click.Command, edition: Edition) -> list[str]:
    title = f'.TH {_text(name.upper())} 1 {edition.date} "coalmine {edition.version}" "Coalmine"'
    summary = _summary(command).rstrip(".")
    return [title, ".SH NAME", rf"{_text(name)} \- {_text(summary[:1].lower() + summary[1:])}"]


def _summary(command: click.Command) -> str:
    """The first sentence of the help."""
    first = (command.help or "").split("\n\n")[0]
    return re.split(r"(?<=\.)\s", " ".join(first.split()))[0]


def _synopsis(command: click.Command, context: click.Context) -> list[str]:
    words = [rf"\fB{_text(context.command_path)}\fR"]
    words += [
        _text(word) if word.startswith("[OPTIONS") else rf"\fI{_text(word)}\fR"
        for word in command.collect_usage_pieces(context)
    ]
    return [" ".join(words)]


def _options(command: click.Command, context: click.Context, heading: str = "") -> list[str]:
    """Those of its own: `--help` is told of the first command, and all have it."""
    lines: list[str] = []
    for parameter in command.params if context.parent else command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            names, help_ = record
            lines += [".TP", rf"\fB{_text(names)}\fR", *(_prose(help_) or [r"\&"])]
    return ([heading] if heading and lines else []) + lines


def _exits(command: click.Command) -> list[str]:
    """What the command's module says of its exit codes."""
    callback = command.callback
    module = sys.modules[inspect.unwrap(callback).__module__] if callback else None
    found = _EXITS.search(inspect.getdoc(module) or "") if module else None
    if not found:
        return []
    lines = [".SH EXIT STATUS"]
    for said in " ".join(found[1].split()).rstrip(".").split("; "):
        code, _, meaning = said.partition(" ")
        lines += [".TP", rf"\fB{code}\fR", *_prose(meaning)]
    return lines


def _environment(leaves: list[tuple[click.Command, click.Context]]) -> list[str]:
    found: dict[str, str] = {}
    for leaf, _ in leaves:
        for parameter in leaf.params:
            if isinstance(parameter, click.Option) and isinstance(parameter.envvar, str):
                found.setdefault(
                    parameter.envvar, f"Stands for {parameter.opts[0]} where that is not given."
                )
            if isinstance(parameter, click.Option) and parameter.help:
                for name in re.findall(r"\bin (COALMINE_[A-Z_]+)", parameter.help):
                    found.setdefault(name, f"What the file of {parameter.opts[0]} has, in its place.")
    lines = [".SH ENVIRONMENT"] if found else []
    for name, meaning in sorted(found.items()):
        lines += [".TP", rf"\fB{name}\fR", *_prose(meaning)]
    return lines


def _files(files: Mapping[str, str]) -> list[str]:
    lines = [".SH FILES"] if files else []
    for path, meaning in files.items():
        lines += [".TP", rf"\fI{_text(path)}\fR", *_prose(meaning)]
    return lines


def _see_also(names: list[str]) -> list[str]:
    references = [_reference(name) for name in names]
    return [".SH SEE ALSO", ",\n".join(references)]


def _reference(name: str) -> str:
    return rf"\fB{_text(name)}\fR(1)"


def _prose(text: str) -> list[str]:
    """Paragraphs as click reads them: one that begins with \\b keeps its lines."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text).strip()):
        kept = paragraph.strip("\n").splitlines()
        if not kept:
            continue
        if lines:
            lines.append(".PP")
        if kept[0].strip() == "\b":
            lines += [".nf", *(_line(line) for line in kept[1:]), ".fi"]
        else:
            lines.append(_line(" ".join(paragraph.split())))
    return lines


def _line(text: str) -> str:
    """A line of text, which never is taken for a request."""
    made = _text(text)
    return rf"\&{made}" if made[:1] in (".", "'", " ") else made


def _text(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
