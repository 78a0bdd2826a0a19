"""A certificate authority made on the spot, and what the service shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import trustme

SERVER_NAME = "ingest.demo.example"


class Certificates(NamedTuple):
    """PEM files."""

    ca: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Writes an authority's certificate, and one with its key for `SERVER_NAME`, into `folder`."""
    files = Certificates(folder / "ca.pem", folder / "service.pem", folder / "service.key")
    authority = trustme.CA(organization_name="Coalmine demo")
    shown = authority.issue_cert(SERVER_NAME)
    authority.cert_pem.write_to_path(str(files.ca))
    for blob in shown.cert_chain_pems:
        blob.write_to_path(str(files.certificate), append=True)
    files.key.touch(mode=0o600)
    shown.private_key_pem.write_to_path(str(files.key))
    return files
