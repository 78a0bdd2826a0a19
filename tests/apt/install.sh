#!/usr/bin/env bash
# Installs the packages of a list that are missing, as root or through sudo, and lets none of them start
# a service. Quick and silent where nothing is missing.
#   tests/apt/install.sh LIST
set -euo pipefail

list=$1
missing=()
while read -r package; do
  state=$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing+=("$package")
done < <(sed -E 's/#.*//; /^\s*$/d' "$list")
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "these packages are missing, and there is neither root nor sudo to install them: ${missing[*]}" >&2
    exit 1
  }
  echo "through sudo: ${missing[*]}"
  exec sudo -- bash "$0" "$@"
fi

echo "installing ${missing[*]}"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
placed=
trap 'rm -f "$log"; [ -z "$placed" ] || rm -f "$policy"' EXIT
if [ ! -e "$policy" ]; then  # exit status 101 forbids package scripts to start a service
  placed=yes
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
{
  apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
} >"$log" 2>&1 </dev/null || {
  cat "$log" >&2
  exit 1
}
