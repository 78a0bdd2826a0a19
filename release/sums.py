"""The checksums of a release, and the signature under them.

The signature is Ed25519's, by openssl: `install.sh` verifies it with one command and one key in a file,
no keyring and no agent; Debian, Ubuntu and RHEL have it wherever they trust certificates. No time is in
it, so that a release that is built again is the same with its signature.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from release.source import BuildError, run

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.sig"
KEY = "coalmine-release.pem"
"""The public key. Who takes it from beside the signature trusts the way that both came."""

UNSIGNED = "UNSIGNED"
_UNSIGNED = "This release is not signed: nothing but the way that it came tells who made it.\n"


def seal(folder: Path, key: Path | None) -> None:
    """Writes the checksums of all files in the folder and signs them with this private key, PEM.

    Without one the release is unsigned, and a file says so. Raises `BuildError`.
    """
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    ]
    sums, signature, public = folder / SUMS, folder / SIGNATURE, folder / KEY
    sums.write_text("".join(lines))
    if key is None:
        (folder / UNSIGNED).write_text(_UNSIGNED)
        return
    kind = run("openssl", "pkey", "-in", str(key), "-noout", "-text").split(" ", 1)[0]
    if kind != "ED25519":
        raise BuildError(
            f"{key}: expected an Ed25519 key: openssl genpkey -algorithm ed25519 -out {key}"
        )
    what = ("-rawin", "-in", str(sums))
    run("openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public))
    run("openssl", "pkeyutl", "-sign", "-inkey", str(key), *what, "-out", str(signature))
    verify = ("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(public))
    run(*verify, *what, "-sigfile", str(signature))
