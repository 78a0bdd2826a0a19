"""The bill of materials, CycloneDX 1.6 in JSON: what is installed, by which hash, under which licence.

cyclonedx-py reads it from the metadata of what is installed. Added is what stands in lock files alone:
the hash of each wheel, and uPlot, which npm brings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release.installed_tree import InstalledTree
from release.source import BuildError, Source, run
from release.wheels import needed_wheels

_NPM_LOCK = "aggregator/coalmine_aggregator/web/npm/package-lock.json"
_ROOT = "root-component"
"""What cyclonedx-py calls the project itself."""


def write_bill(source: Source, tree: InstalledTree, path: Path) -> None:
    """Writes it, checked against its schema, the same for the same commit. Raises `BuildError`."""
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch)}
    project = f"--pyproject={source.root / 'pyproject.toml'}"
    said = run(
        *(sys.executable, "-m", "cyclonedx_py", "environment", project, "--sv=1.6", "--of=JSON"),
        *("--output-reproducible", "--no-validate", str(tree.interpreter)),
        env=env,
    )
    bill = json.loads(said)
    lock = (source.root / "requirements" / "aggregator.txt").read_text()
    _add_hashes(bill, needed_wheels(tree.python), lock)
    _add_npm(bill, json.loads((source.root / _NPM_LOCK).read_text())["packages"])
    text = json.dumps(bill, indent=1) + "\n"
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise BuildError(f"the bill of materials is not valid: {error}")
    path.write_text(text)


def _add_hashes(bill: dict[str, Any], wheels: Path, lock: str) -> None:
    found = {}
    for wheel in wheels.glob("*.whl"):
        name, version = wheel.name.split("-")[:2]
        found[_normal(name), version] = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for component in bill["components"]:
        digest = found.get((_normal(component["name"]), component["version"]))
        if digest is None or f"sha256:{digest}" not in lock:
            raise BuildError(f"{component['name']} {component['version']} is not in the lock file")
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]


def _add_npm(bill: dict[str, Any], packages: dict[str, dict[str, Any]]) -> None:
    for path, package in packages.items():
        if not path or package.get("dev"):
            continue
        name, version = path.removeprefix("node_modules/"), package["version"]
        digest = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
        reference = f"pkg:npm/{name}@{version}"
        bill["components"].append(
            {
                "bom-ref": reference,
                "type": "library",
                "name": name,
                "version": version,
                "purl": reference,
                "hashes": [{"alg": "SHA-512", "content": digest}],
                "licenses": [{"license": {"id": package["license"], "acknowledgement": "declared"}}],
            }
        )
        bill["dependencies"].append({"ref": reference})
        (root,) = [each for each in bill["dependencies"] if each["ref"] == _ROOT]
        root.setdefault("dependsOn", []).append(reference)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
