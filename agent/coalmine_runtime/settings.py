"""Settings: YAML bound to frozen dataclasses, with errors that name file, line, key and remedy.

A settings class is a frozen, keyword-only dataclass whose fields are declared with `setting(doc,
default)`. The type says how a value is read: `str`, `int`, `float`, `bool`, `Path` (relative to the
file's folder), enums, `Secret`, the kinds of `coalmine_runtime.quantities`, nested settings classes,
`list[...]`, `dict[str, ...]` and `X | None`. Besides:

- A class with a classmethod `parse(text)` is read from a scalar so; a settings class may have it
  too, as its short form. It raises ValueError.
- `dict[K, ...]` with such a class K reads its keys so; where a K has a `value_type`, that says how
  the value under the key is read.
- A field `x: Secret` may be given as `x_file`, a path whose content it is.
- `__post_init__` may raise `SettingError(key, what)`, or ValueError about the whole.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import itertools
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, Union, cast, get_args, get_origin

from coalmine_runtime.config_error import ConfigError, Problem, SettingError, nearest
from coalmine_runtime.quantities import Address, Bytes, Fraction, Kind, Network, Seconds
from coalmine_runtime.secret import Secret
from coalmine_runtime.yaml_tree import Node, parse_tree, read_tree

__all__ = [
    "Address",
    "Bytes",
    "ConfigError",
    "Fraction",
    "Network",
    "Seconds",
    "Secret",
    "SettingError",
    "describe",
    "load",
    "loads",
    "setting",
]

T = TypeVar("T")

_MISSING = object()
_INVALID = object()
_MAX_SECRET_BYTES = 64 << 10


def setting(doc: str, default: Any = _MISSING) -> Any:
    """A documented field; without a default the key is required."""
    metadata = {"doc": doc}
    if default is _MISSING:
        return dataclasses.field(metadata=metadata)
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def load(cls: type[T], path: Path | str, env: Mapping[str, str]) -> T:
    """The settings in a file. Raises `ConfigError` with every problem found."""
    path = Path(path)
    return bind(cls, read_tree(path, env), str(path), path.parent)


def loads(cls: type[T], text: str, env: Mapping[str, str], file: str = "<text>") -> T:
    """The settings in a text, paths being relative to the working directory."""
    return bind(cls, parse_tree(text, file, env), file, Path())


def bind(cls: type[T], tree: Node, file: str, folder: Path) -> T:
    """The settings of a tree that was read from `file`; paths count from `folder`. Raises `ConfigError`
    with every problem."""
    binder = _Binder(file, folder)
    value = binder.bind(cls, tree, "")
    if binder.problems:
        raise ConfigError(sorted(binder.problems, key=lambda problem: problem.line))
    return cast("T", value)


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _key(field: dataclasses.Field[Any]) -> str:
    return field.name.rstrip("_")


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _without_none(hint: Any) -> tuple[Any, bool]:
    """The type inside `X | None`, and whether None is allowed."""
    if get_origin(hint) in (Union, types.UnionType):
        rest = [arg for arg in get_args(hint) if arg is not type(None)]
        if len(rest) < len(get_args(hint)):
            return (rest[0] if len(rest) == 1 else Union[tuple(rest)]), True  # noqa: UP007
    return hint, False


def _is_secret(hint: Any) -> bool:
    return _without_none(hint)[0] is Secret


class _Binder:
    """Walks types and tree together and gathers what is wrong."""

    def __init__(self, file: str, folder: Path) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._folder = folder

    def bind(self, hint: Any, node: Node, key: str) -> Any:
        hint, optional = _without_none(hint)
        if node.text is None and node.items is None and node.entries is None and optional:
            return None
        origin = get_origin(hint)
        if origin is Annotated:
            kind = next(arg for arg in get_args(hint) if isinstance(arg, Kind))
            return self._scalar(node, key, kind.name, kind.parse)
        if origin in (list, tuple):
            return self._sequence(hint, node, key)
        if origin is dict:
            return self._dictionary(hint, node, key)
        if dataclasses.is_dataclass(hint):
            return self._settings(cast("type", hint), node, key)
        return self._plain(hint, node, key)

    def _fail(self, line: int, key: str, what: str) -> Any:
        self.problems.append(Problem(self._file, line, key, what))
        return _INVALID

    def _scalar(self, node: Node, key: str, name: str, parse: Any) -> Any:
        if node.text is None:
            return self._fail(node.line, key, f"expected {_article(name)}, found {node.kind}")
        try:
            return parse(node.text)
        except ValueError as error:
            return self._fail(node.line, key, str(error))

    def _plain(self, hint: Any, node: Node, key: str) -> Any:
        if hint is str:
            return self._scalar(node, key, "text", str)
        if hint is bool:
            return self._scalar(node, key, "true or false", _parse_bool)
        if hint is int:
            return self._scalar(node, key, "whole number", _parse_int)
        if hint is float:
            return self._scalar(node, key, "number", _parse_float)
        if hint is Path:
            return self._scalar(node, key, "path", self._folder.joinpath)
        if hint is Secret:
            return self._scalar(node, key, "text", Secret)
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._scalar(node, key, "word", functools.partial(_parse_enum, hint))
        return self._scalar(node, key, hint.__name__.lower(), hint.parse)

    def _sequence(self, hint: Any, node: Node, key: str) -> Any:
        if node.items is None:
            return self._fail(node.line, key, f"expected a list, found {node.kind}")
        inner = get_args(hint)[0]
        values = [self.bind(inner, item, f"{key}[{i}]") for i, item in enumerate(node.items)]
        return tuple(values) if get_origin(hint) is tuple else values

    def _dictionary(self, hint: Any, node: Node, key: str) -> Any:
        if node.entries is None or node.lines is None:
            return self._fail(node.line, key, f"expected a mapping, found {node.kind}")
        key_type, value_type = get_args(hint)
        values: dict[Any, Any] = {}
        for name, entry in node.entries.items():
            path = f"{key}.{name}" if key else name
            # A key is read like a scalar that stands where the key does.
            parsed = self.bind(key_type, Node(node.lines[name], text=name), path)
            if parsed is _INVALID:
                continue
            values[parsed] = self.bind(getattr(parsed, "value_type", value_type), entry, path)
        return values

    def _settings(self, cls: type, node: Node, key: str) -> Any:
        parse = getattr(cls, "parse", None)
        if node.text is not None and parse is not None:
            return self._scalar(node, key, "value", parse)
        if node.text is None and node.items is None and node.entries is None:
            # `metrics:` with nothing under it means its defaults.
            node = Node(node.line, entries={}, lines={})
        if node.entries is None or node.lines is None:
            return self._fail(node.line, key, f"expected a mapping, found {node.kind}")
        before = len(self.problems)
        arguments = self._arguments(cls, node, key)
        if len(self.problems) > before:
            return _INVALID
        try:
            return cls(**arguments)
        except SettingError as error:
            return self._fail(_line_of(node, error.key), _join(key, error.key), str(error))
        except ValueError as error:
            return self._fail(node.line, key, str(error))

    def _arguments(self, cls: type, node: Node, key: str) -> dict[str, Any]:
        assert node.entries is not None
        assert node.lines is not None
        hints = _hints(cls)
        arguments: dict[str, Any] = {}
        known: set[str] = set()
        for field in dataclasses.fields(cls):
            name, hint = _key(field), hints[field.name]
            known.add(name)
            as_file = f"{name}_file"
            if _is_secret(hint):
                known.add(as_file)
                if name in node.entries and as_file in node.entries:
                    self._fail(
                        node.lines[as_file], _join(key, as_file), f'stands beside "{name}"; give one'
                    )
                    continue
                if as_file in node.entries:
                    path = _join(key, as_file)
                    arguments[field.name] = self._secret_file(node.entries[as_file], path)
                    continue
            if name in node.entries:
                arguments[field.name] = self.bind(hint, node.entries[name], _join(key, name))
            elif _required(field):
                self._fail(node.line, _join(key, name), f"is missing ({field.metadata['doc']})")
        for name in node.entries:
            if name not in known:
                what = f"unknown key{nearest(name, known)}"
                self._fail(node.lines[name], _join(key, name), what)
        return arguments

    def _secret_file(self, node: Node, key: str) -> Any:
        path = self._scalar(node, key, "path", self._folder.joinpath)
        if path is _INVALID:
            return _INVALID
        try:
            with path.open("rb") as file:
                data = file.read(_MAX_SECRET_BYTES + 1)
            text = data.decode().rstrip("\r\n")
        except OSError as error:
            return self._fail(node.line, key, f"{path}: {error.strerror or error}")
        except UnicodeDecodeError:
            return self._fail(node.line, key, f"{path}: not UTF-8 text")
        if len(data) > _MAX_SECRET_BYTES:
            return self._fail(node.line, key, f"{path}: longer than {_MAX_SECRET_BYTES} bytes")
        if not text:
            return self._fail(node.line, key, f"{path}: is empty")
        return Secret(text)


def _line_of(node: Node, key: str) -> int:
    """Where `key`, such as `routes[0].to[1]`, stands below a node; where the last part of it does that
    is there, and names hold no dots or brackets."""
    line = node.line
    for part in re.findall(r"[^.\[\]]+", key):
        if node.entries is not None and node.lines is not None and part in node.entries:
            line, node = node.lines[part], node.entries[part]
        elif node.items is not None and part.isdecimal() and int(part) < len(node.items):
            node = node.items[int(part)]
            line = node.line
        else:
            break
    return line


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _article(name: str) -> str:
    if name in ("text", "true or false"):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _parse_bool(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f'expected true or false, not "{text}"')
    return text == "true"


def _parse_int(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'expected a whole number, not "{text}"') from None


def _parse_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f'expected a number, not "{text}"') from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f'expected a finite number, not "{text}"')
    return value


def _parse_enum(cls: type[enum.Enum], text: str) -> enum.Enum:
    try:
        return cls(text)
    except ValueError:
        known = [str(member.value) for member in cls]
        raise ValueError(f'"{text}" is none of {", ".join(known)}{nearest(text, known)}') from None


class Documented(NamedTuple):
    """One key as the documentation has it. `default` is None where the key is required."""

    key: str
    kind: str
    default: str | None
    doc: str


def describe(cls: type, key: str = "") -> Iterator[Documented]:
    """Every key of a settings class, nested ones dotted, `<name>` for the keys of mappings."""
    for field in dataclasses.fields(cls):
        hint, _ = _without_none(_hints(cls)[field.name])
        path = _join(key, _key(field))
        yield Documented(path, _kind_name(hint), _default(field), field.metadata["doc"])
        yield from _describe_inner(hint, path)


def _describe_inner(hint: Any, path: str) -> Iterator[Documented]:
    hint, _ = _without_none(hint)
    origin = get_origin(hint)
    if origin in (list, tuple):
        yield from _describe_inner(get_args(hint)[0], f"{path}[]")
    elif origin is dict:
        yield from _describe_inner(get_args(hint)[1], f"{path}.<name>")
    elif origin in (Union, types.UnionType):
        # Alternatives that the key above chooses between; what several have is told once.
        alternatives = [describe(arg, path) for arg in get_args(hint)]
        yield from dict.fromkeys(itertools.chain.from_iterable(alternatives))
    elif dataclasses.is_dataclass(hint):
        yield from describe(cast("type", hint), path)


def _kind_name(hint: Any) -> str:
    hint, _ = _without_none(hint)
    origin = get_origin(hint)
    if origin is Annotated:
        kind: Kind = next(arg for arg in get_args(hint) if isinstance(arg, Kind))
        return kind.name
    if origin in (list, tuple):
        return f"list of {_kind_name(get_args(hint)[0])}"
    if origin is dict:
        return f"mapping to {_kind_name(get_args(hint)[1])}"
    if dataclasses.is_dataclass(hint) or origin in (Union, types.UnionType):
        return "mapping"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " | ".join(str(member.value) for member in hint)
    names = {str: "text", int: "whole number", float: "number", bool: "true | false", Path: "path"}
    if hint is Secret:
        return "secret (or a path under this key with _file)"
    return str(names.get(hint, hint.__name__.lower()))


def _default(field: dataclasses.Field[Any]) -> str | None:
    if _required(field):
        return None
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        value = field.default
    if value is None or value == "":
        return "none"
    if value in ([], {}, ()) or dataclasses.is_dataclass(value):
        return "see below" if dataclasses.is_dataclass(value) else "none"
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return f"[{', '.join(map(_written, value))}]"
    return _written(value)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return str(value.value)
    return str(value)
