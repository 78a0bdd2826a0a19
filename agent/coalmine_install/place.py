"""In which region and zone this machine stands, as its cloud or its administrator says."""

from __future__ import annotations

import json
import re
import shlex
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

METADATA = "http://169.254.169.254"
"""Where clouds answer a machine's questions about itself."""

TIMEOUT_S = 2.0
MAX_BYTES = 65_536

_VENDORS = (
    ("Amazon EC2", "aws"),
    ("Google", "gcp"),
    ("Microsoft Corporation", "azure"),
    ("DigitalOcean", "digitalocean"),
    ("Hetzner", "hetzner"),
)


class Place(NamedTuple):
    """Region and zone; and who said so."""

    region: str
    zone: str
    source: str


def find_place(root: Path = Path("/"), metadata: str = METADATA) -> Place | None:
    """What `/etc/machine-info` says, or the cloud; None where neither says anything."""
    return _told(root / "etc/machine-info") or _cloud(root / "sys/class/dmi/id", metadata)


def _told(path: Path) -> Place | None:
    """`REGION=` and `ZONE=`, or `LOCATION=region/zone`, which may be one word for both."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return None
    values: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                values[key] = "".join(shlex.split(value))
            except ValueError:  # a quote without its other
                continue
    region, _, zone = values.get("LOCATION", "").partition("/")
    region = values.get("REGION", region)
    zone = values.get("ZONE", zone) or region
    return Place(region, zone, str(path)) if region else None


def _cloud(dmi: Path, metadata: str) -> Place | None:
    vendor = ""
    for name in ("sys_vendor", "bios_vendor"):
        try:
            vendor += (dmi / name).read_text(errors="replace")
        except OSError:
            continue
    for shown, cloud in _VENDORS:
        if shown in vendor:
            try:
                return _ask(cloud, metadata)
            except (OSError, ValueError, KeyError):  # no answer, or none that was understood
                return None
    return None


def _ask(cloud: str, base: str) -> Place | None:
    if cloud == "aws":
        token = _get(f"{base}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
        headers = {"X-aws-ec2-metadata-token": token}
        zone = _get(f"{base}/latest/meta-data/placement/availability-zone", headers)
        region = _get(f"{base}/latest/meta-data/placement/region", headers)
    elif cloud == "gcp":
        path = f"{base}/computeMetadata/v1/instance/zone"
        zone = _get(path, {"Metadata-Flavor": "Google"}).rpartition("/")[2]
        region = zone.rpartition("-")[0]
    elif cloud == "azure":
        url = f"{base}/metadata/instance/compute?api-version=2021-02-01"
        compute = json.loads(_get(url, {"Metadata": "true"}))
        region = str(compute["location"])
        zone = f"{region}-{compute['zone']}" if compute.get("zone") else region
    elif cloud == "digitalocean":
        region = zone = _get(f"{base}/metadata/v1/region", {})
    else:
        region = _get(f"{base}/hetzner/v1/metadata/region", {})
        zone = _get(f"{base}/hetzner/v1/metadata/availability-zone", {})
    if not all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", part) for part in (region, zone)):
        return None
    return Place(region, zone, f"the metadata of {cloud}")


def _get(url: str, headers: Mapping[str, str], method: str = "GET") -> str:
    request = urllib.request.Request(url, headers=dict(headers), method=method)  # noqa: S310
    # A proxy has metadata of its own machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read(MAX_BYTES)
    return body.decode().strip()
