"""Another version of Coalmine, made from the wheel of this one."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from coalmine_runtime.version import VERSION


def renamed_wheel(wheel: Path, folder: Path, version: str, appended: Mapping[str, str]) -> Path:
    """A wheel that says that it is `version`, with texts appended to some of its files."""
    target = folder / wheel.name.replace(f"-{VERSION}-", f"-{version}-")
    records: list[str] = []
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(".dist-info/METADATA"):
                content = content.replace(
                    f"\nVersion: {VERSION}\n".encode(), f"\nVersion: {version}\n".encode()
                )
            elif name == "coalmine_runtime/version.py":
                content = content.replace(f'"{VERSION}"'.encode(), f'"{version}"'.encode())
            content += appended.get(name, "").encode()
            new = name.replace(f"coalmine-{VERSION}.dist-info", f"coalmine-{version}.dist-info")
            if new.endswith("/RECORD"):
                records.append(f"{new},,\n")
                content = "".join(records).encode()
            else:
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
                records.append(f"{new},sha256={digest},{len(content)}\n")
            made.writestr(new, content)
    return target
