"""Releases of other versions, as operators get them, made from the wheel of what is committed."""

from __future__ import annotations

import base64
import copy
import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

from coalmine_runtime.version import VERSION
from release.build import BESIDE
from release.source import REPOSITORY
from release.sums import seal
from tests.prove.built import built_wheel, signing_key

_MIGRATIONS = "coalmine_aggregator/store/migrations/versions"
NEWEST = max(path.name[:4] for path in (REPOSITORY / "aggregator" / _MIGRATIONS).glob("0*.py"))
LATER = f"{int(NEWEST) + 1:04}"
_MIGRATION = f'''"""What comes later."""
import sqlalchemy as sa
from alembic import op

revision = "{LATER}"
down_revision = "{NEWEST}"


def upgrade() -> None:
    """Adds a table."""
    op.create_table("later", sa.Column("id", sa.Integer, primary_key=True))
'''

Change = Callable[[dict[str, bytes]], None]
"""Changes the files of a wheel, by their names in it."""


def make_release(folder: Path, version: str, change: Change = lambda _files: None) -> Path:
    """The folder of one that says it is `version`, whose wheel `change` had its way with; signed."""
    release = folder / version
    release.mkdir()
    _other_wheel(built_wheel(), release, version, change)
    for name in BESIDE:
        shutil.copy(REPOSITORY / name, release)
    seal(release, signing_key())
    return release


def migrates(files: dict[str, bytes]) -> None:
    """A change: one more migration of the aggregator's store, to `LATER`."""
    files[f"{_MIGRATIONS}/{LATER}_later.py"] = _MIGRATION.encode()


def _other_wheel(wheel: Path, folder: Path, version: str, change: Change) -> None:
    target = folder / wheel.name.replace(f"-{VERSION}-", f"-{version}-")
    with zipfile.ZipFile(wheel) as source:
        infos = {info.filename: info for info in source.infolist()}
        files = {name: source.read(name) for name in infos}
    change(files)
    records: list[str] = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in sorted(files.items(), key=lambda file: file[0].endswith("/RECORD")):
            info = copy.copy(infos.get(name) or zipfile.ZipInfo(name))
            info.filename = name.replace(f"coalmine-{VERSION}.", f"coalmine-{version}.", 1)
            if name.endswith(".dist-info/METADATA"):
                content = _said(content, f"\nVersion: {VERSION}\n", f"\nVersion: {version}\n")
            elif name == "coalmine_runtime/version.py":
                content = _said(content, f'"{VERSION}"', f'"{version}"')
            if name.endswith(".dist-info/RECORD"):
                records.append(f"{info.filename},,\n")
                content = "".join(records).encode()
            else:
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
                records.append(f"{info.filename},sha256={digest},{len(content)}\n")
            made.writestr(info, content)


def _said(content: bytes, old: str, new: str) -> bytes:
    changed = content.replace(old.encode(), new.encode())
    assert changed != content or old == new, old
    return changed
