"""Whose the packages are that come along, by what they say of themselves."""

from __future__ import annotations

from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

_HEAD = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: coalmine
Source: made from the sources of Coalmine, by `make deb`
Comment:
 The Python packages below come along as their authors published them on PyPI. Each has its licence, and
 those of the libraries that it brings, beside it, in
 /usr/lib/coalmine/lib/python3.*/site-packages/*.dist-info.
 .
"""

_BODY = """
Files: *
Copyright: {year} The Coalmine authors
License: Apache-2.0

License: Apache-2.0
 On Debian systems, the full text of the Apache License, version 2.0, is in the file
 /usr/share/common-licenses/Apache-2.0.
"""


def copyright_file(packages: Path, year: int) -> str:
    """The text of /usr/share/doc/coalmine/copyright.

    `packages` is a folder of installed packages, `year` that of the release.
    """
    lines = []
    for file in sorted(
        packages.glob("*.dist-info/METADATA"), key=lambda path: path.parent.name.lower()
    ):
        said = HeaderParser().parsestr(file.read_text())
        if said["Name"] != "coalmine":
            lines.append(f" {said['Name']} {said['Version']}: {licence(said)}\n")
    uplot = " uPlot, in coalmine_aggregator/web/static/vendor: MIT\n"
    return _HEAD + "".join(lines) + uplot + _BODY.format(year=year)


def licence(metadata: Message) -> str:
    """An SPDX expression where the package has one; else the words that it uses."""
    if said := metadata["License-Expression"]:
        return str(said)
    prefix = "License :: "
    classified = [
        str(each) for each in metadata.get_all("Classifier", []) if str(each).startswith(prefix)
    ]
    if classified:
        return ", ".join(each.split(" :: ")[-1] for each in classified)
    lines = str(metadata["License"] or "").strip().splitlines()
    return lines[0] if lines else "see its files"
