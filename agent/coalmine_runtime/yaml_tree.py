"""YAML as a tree of text with line numbers; what a scalar means is decided by who reads it.

So `password: 0123` stays `0123`, `no` is a word where a word is wanted, and every error can name
its line. `${NAME}` in a scalar is replaced from the environment, `$$` stands for `$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from coalmine_runtime.config_error import ConfigError, Problem

MAX_BYTES = 4 << 20
MAX_NODES = 200_000
MAX_DEPTH = 64

_VARIABLE = re.compile(r"\$(?:\$|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{([^}]*)\})")
_NULLS = ("", "~", "null")
_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


class Node(NamedTuple):
    """A scalar (`text`, or None for null), a sequence or a mapping, with its line (from 1).

    `lines` gives the lines of a mapping's keys.
    """

    line: int
    text: str | None = None
    items: list[Node] | None = None
    entries: dict[str, Node] | None = None
    lines: dict[str, int] | None = None

    @property
    def kind(self) -> str:
        """What it is, in the words of an error."""
        if self.entries is not None:
            return "a mapping"
        if self.items is not None:
            return "a list"
        return "nothing" if self.text is None else f'"{self.text}"'


def read_tree(path: Path, env: Mapping[str, str]) -> Node:
    """The file as a tree. Raises `ConfigError`, also where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, "", error.strerror or str(error))]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(str(path), 0, "", f"longer than {MAX_BYTES} bytes")])
    return parse_tree(data, str(path), env)


def parse_tree(data: bytes | str, file: str, env: Mapping[str, str]) -> Node:
    """YAML text as a tree. Raises `ConfigError`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(yaml.parse(data, Loader=loader), file)
        root = yaml.compose(data, Loader=loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        what = f"not YAML: {error.problem or error.context or error}"
        raise ConfigError([Problem(file, line, "", what)]) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        what = " ".join(str(error).split())  # it comes in two lines
        raise ConfigError([Problem(file, 0, "", f"not YAML: {what}")]) from None
    if root is None:
        return Node(1, entries={}, lines={})
    return _Tree(file, env).convert(root, "")


def _refuse_depth(events: Iterable[yaml.Event], file: str) -> None:
    """Composing recurses, in C without a limit: what is nested too deep would end the process."""
    depth = 0
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 0
                raise ConfigError([Problem(file, line, "", _TOO_DEEP)])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


class _Tree:
    def __init__(self, file: str, env: Mapping[str, str]) -> None:
        self._file = file
        self._env = env
        self._nodes = 0
        self._depth = 0

    def convert(self, node: yaml.Node, key: str) -> Node:
        self._nodes += 1
        self._depth += 1
        try:
            return self._convert(node, key)
        finally:
            self._depth -= 1

    def _convert(self, node: yaml.Node, key: str) -> Node:
        line = node.start_mark.line + 1
        if self._depth > MAX_DEPTH:  # an alias that stands within what it names
            raise self._error(line, "", _TOO_DEEP)
        # Aliases can make a small file grow without end.
        if self._nodes > MAX_NODES:
            raise self._error(line, key, f"more than {MAX_NODES} values")
        if isinstance(node, yaml.ScalarNode):
            if not node.style and node.value in _NULLS:
                return Node(line)
            if "\0" in node.value:
                raise self._error(line, key, "has a null character")
            return Node(line, text=self._expand(node.value, line, key))
        if isinstance(node, yaml.SequenceNode):
            items = [self.convert(item, f"{key}[{i}]") for i, item in enumerate(node.value)]
            return Node(line, items=items)
        return self._mapping(node, line, key)

    def _mapping(self, node: yaml.Node, line: int, key: str) -> Node:
        entries: dict[str, Node] = {}
        lines: dict[str, int] = {}
        for name, value in node.value:
            at = name.start_mark.line + 1
            if not isinstance(name, yaml.ScalarNode):
                raise self._error(at, key, "a key must be a word")
            path = f"{key}.{name.value}" if key else name.value
            if name.value in entries:
                raise self._error(at, path, f"stands twice, first in line {lines[name.value]}")
            lines[name.value] = at
            entries[name.value] = self.convert(value, path)
        return Node(line, entries=entries, lines=lines)

    def _expand(self, text: str, line: int, key: str) -> str:
        def value(match: re.Match[str]) -> str:
            if match[0] == "$$":
                return "$"
            if match[1] is None:
                raise self._error(line, key, f"{match[0]} is no name of a variable")
            if match[1] not in self._env:
                raise self._error(line, key, f"environment variable {match[1]} is not set")
            return self._env[match[1]]

        return _VARIABLE.sub(value, text)

    def _error(self, line: int, key: str, what: str) -> ConfigError:
        return ConfigError([Problem(self._file, line, key, what)])
