"""Makes one script of a page's modules, and one style sheet of its sheets. Pure.

A browser would ask for each module by itself, 45 times before anything moves. The sources stay as they
are, plain modules that any tool reads; they are put together when they are read, so that what is served
is never older than they are. No JavaScript is understood for that: modules keep to the few forms of
`import` and `export` below, at the beginning of a line, and anything else is refused by name.

Each module becomes a function that runs once, after those that it imports, and returns what it exports.
That is what the language says of modules, but that an export whose value changes later would be seen as
it was; ours are functions, classes and constants.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Final

_IMPORT: Final = re.compile(
    r'^import (?:(?P<default>\w+)|\{(?P<names>[^}]*)\}) from "(?P<path>\.{1,2}/[^"]+\.js)";$', re.M
)
_EXPORT: Final = re.compile(r"^export (?=(?:async function|function|class|const) )", re.M)
_EXPORTED: Final = re.compile(
    r"^export (?:(?:async function|function|class|const) (?P<name>\w+)|const \{(?P<names>[^}]*)\} =)",
    re.M,
)
_RENAMED: Final = re.compile(r"^export \{ (?P<name>\w+) as default \};$", re.M)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*$", re.M)
_COMMENT: Final = re.compile(r"^/\*.*?\*/", re.M | re.S)
_SHEET: Final = re.compile(r'<link rel="stylesheet" href="/static/([^"]+)">\n')
_MODULE: Final = re.compile(r'<script type="module" src="/static/([^"]+)"></script>')
_SCRIPT: Final = re.compile(r'<script src="/static/([^"]+)"></script>')


class BundleError(ValueError):
    """A module, or what it imports, is not of the forms that are put together."""


def bundled(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files as they are served: each page names one script and one style sheet, which hold all that
    it named before. A script keeps its address; the sheet of `wall.html` is `wall.css`.

    Raises `BundleError`, and `KeyError` where a page names a file that is not there."""
    served = {name: body for name, body in files.items() if not name.endswith((".html", ".js", ".css"))}
    for name, body in files.items():
        if not name.endswith(".html"):
            continue
        page = body.decode()
        links = list(_SHEET.finditer(page))
        if links:
            sheet = name.removesuffix(".html") + ".css"
            served[sheet] = b"".join(files[link[1]] + b"\n" for link in links)
            link = links[0][0].replace(links[0][1], sheet)
            page = page[: links[0].start()] + link + _SHEET.sub("", page[links[0].end() :])
        served[name] = page.encode()
        for script in _MODULE.findall(page):
            served[script] = script_of(script, files)
        for script in _SCRIPT.findall(page):
            served[script] = files[script]
    return served


def script_of(entry: str, files: Mapping[str, bytes]) -> bytes:
    """One script that does what the module `entry` does. Raises `BundleError`."""
    parts = ["// Put together from modules; their sources are in web/static.\n"]
    exports: dict[str, list[str]] = {}
    for name, text in _in_order(entry, files).items():
        exports[name] = _exports(text)
        body = _without_forms(name, text, exports)
        if name == entry:
            parts.append(f"// {name}\n{body}\n")
        else:
            given = ", ".join(exports[name])
            parts.append(f"// {name}\nconst {_variable(name)} = (() => {{\n{body}\n")
            parts.append(f"return {{ {given} }};\n}})();\n")
    return "".join(parts).encode()


def _in_order(entry: str, files: Mapping[str, bytes]) -> dict[str, str]:
    """The text of every module by its name, those that are imported before those that import them."""
    done: dict[str, str] = {}
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in under_way:
            raise BundleError(f"modules import each other: {', '.join([*under_way, name])}")
        if name not in files:
            raise BundleError(f"{under_way[-1] if under_way else 'a page'} imports {name}: not there")
        under_way.append(name)
        text = files[name].decode()
        for found in _IMPORT.finditer(text):
            visit(_target(name, found["path"]))
        under_way.pop()
        done[name] = text

    visit(entry)
    return done


def _target(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))


def _exports(text: str) -> list[str]:
    """What a module exports; its default as `default: name`."""
    exports: list[str] = []
    text = _COMMENT.sub("", text)
    for found in _EXPORTED.finditer(text):
        exports += [found["name"]] if found["name"] else _names(found["names"])
    return exports + [f"default: {found['name']}" for found in _RENAMED.finditer(text)]


def _without_forms(name: str, text: str, exports: Mapping[str, list[str]]) -> str:
    """A module's text with its imports taken from the modules before it, and nothing exported."""

    def taken(found: re.Match[str]) -> str:
        source = _target(name, found["path"])
        if found["default"]:
            return f"const {found['default']} = {_variable(source)}.default;"
        names = _names(found["names"])
        missing = sorted(set(names) - set(exports[source]))
        if missing:
            raise BundleError(f"{name} imports {', '.join(missing)}: not in {source}")
        return f"const {{ {', '.join(names)} }} = {_variable(source)};"

    text = _EXPORT.sub("", _RENAMED.sub("", _IMPORT.sub(taken, text)))
    left = _LEFT.search(_COMMENT.sub("", text))
    if left is not None:
        raise BundleError(f"{name}: this form is not put together: {left[0][:80]}")
    return text


def _names(listed: str) -> list[str]:
    """The names in braces. Raises `BundleError` for one that is renamed."""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    for name in names:
        if not name.isidentifier():
            raise BundleError(f"a name that is renamed is not put together: {name}")
    return names


def _variable(name: str) -> str:
    return "m_" + re.sub(r"\W", "_", name)
