"""A script of the Debian package, on folders of its own; tests/prove has a whole system."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.servers.process import executable

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNIT = "coalmine-agent.service"

PURGED_BESIDE_INSTALL_SH = r"""
set -e
for folder in /etc/systemd/system /var/lib/systemd /lib/systemd/system /usr/local/lib /opt; do
  mount -t tmpfs none "$folder"
done
export DPKG_MAINTSCRIPT_PACKAGE=coalmine
cp "$1/systemd/$2" /lib/systemd/system # apt install
deb-systemd-helper enable "$2"
rm "/lib/systemd/system/$2"            # apt remove, which leaves the link
mkdir -p /usr/local/lib/systemd/system /opt/coalmine/current
cp "$1/systemd/$2" /usr/local/lib/systemd/system
systemctl is-enabled "$2"              # install.sh finds it enabled
sed "s/#DEBHELPER#/deb-systemd-helper purge $2/" "$1/debian/coalmine.postrm" >/opt/postrm
sh /opt/postrm purge
systemctl is-enabled "$2"
"""


def test_a_purge_leaves_enabled_what_install_sh_has_put_there_since() -> None:
    apart = [executable("unshare", "util-linux"), "--map-root-user", "--mount"]
    done = subprocess.run(
        [*apart, "sh", "-c", PURGED_BESIDE_INSTALL_SH, "sh", str(DEPLOY), UNIT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["enabled", "enabled"], done.stdout + done.stderr
    assert done.returncode == 0, done.stderr
