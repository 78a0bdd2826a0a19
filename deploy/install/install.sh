#!/bin/bash
# Installs Coalmine as services of systemd, changes its version, goes back, removes it. docs/install.md says more.
#
#   install.sh install --role agent|aggregator|status-page [--template external|internal|on-machine]
#                      [--set KEY=VALUE]... [--config FILE] [--secret NAME=FILE]... [SOURCE]
#   install.sh upgrade [--store-backed-up] [SOURCE]
#   install.sh rollback [--restore-store]
#   install.sh remove [--purge]
#   install.sh status
#
# SOURCE: --from DIR|URL   the release; the folder of this script where absent
#         --wheels DIR     what it depends on, instead of asking PyPI; wheels/ of the release where there is one
#         --key FILE       the public key of releases; the first installation keeps it
# and     --python PROGRAM, --wait SECONDS
#
# Exit codes: 0 done, or nothing to do; 1 not foreseen; 2 called wrongly; 3 not root; 4 no systemd; 5 Python;
# 6 disk; 7 network; 8 signature; 9 checksum; 10 a port is taken; 11 configuration; 12 not healthy, and undone;
# 13 another installation is in the way; 14 the store; 130 interrupted.
set -euo pipefail
umask 022
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

HOME_OF_ALL=/opt/coalmine
CONFIGS=/etc/coalmine
SECRETS=/etc/credstore
UNITS=/usr/local/lib/systemd/system
SYSUSERS=/usr/local/lib/sysusers.d/coalmine.conf
TMPFILES=/usr/local/lib/tmpfiles.d/coalmine.conf
COMMAND=/usr/local/bin/coalmine
KEPT_KEY=$HOME_OF_ALL/release.pem
DOING=$HOME_OF_ALL/.doing
ROLES=(aggregator status-page agent) # who hears starts before who reports
STATES=(/var/lib/coalmine-agent /var/lib/coalmine /var/lib/coalmine-status)
USERS=(coalmine-agent coalmine-aggregator coalmine-status)
GROUP=coalmine-store
NEEDED_MIB_AGENT=150
NEEDED_MIB_ALL=400

verb='' role='' template='' config='' from='' wheels='' key='' python='' wait_s=''
purge='' restore_store='' backed_up=''
sets=() secrets=()
stage='' version='' changed='' told=''
undo=()

say() { printf '%s\n' "$*" || true; } # who reads may have gone
fail() {
  local code=$1
  shift
  told=yes
  printf 'install.sh: %s\n' "$*" >&2
  exit "$code"
}
usage() { fail 2 "$1; install.sh --help says how it is called"; }

# What a run changes it can undo: on any end but a good one, the newest first.
at_exit() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [ "$status" != 0 ] && [ -z "$told" ]; then
    say "install.sh: ended by what was not foreseen, status $status" >&2
    status=1
  fi
  if [ "$status" != 0 ] && [ ${#undo[@]} -gt 0 ]; then
    local i failed=''
    for ((i = ${#undo[@]} - 1; i >= 0; i--)); do eval "${undo[i]}" || failed=yes; done
    if [ -n "$failed" ]; then say 'not all of it could be undone, as said above' >&2; else
      say 'undone: what runs is what ran before' >&2
    fi
  fi
  [ -z "$stage" ] || rm -rf "$stage"
  rmdir --ignore-fail-on-non-empty "$HOME_OF_ALL" 2>/dev/null
  exit "$status"
}
later_undo() { undo+=("$(printf '%q ' "$@")"); }

parse() {
  [ $# -gt 0 ] || usage 'what shall be done?'
  verb=$1
  shift
  case $verb in
    install | upgrade | rollback | remove | status) ;;
    -h | --help | help) sed -n '2,/^set /{s/^# \{0,1\}//;/^set /d;p}' "$0"; exit 0 ;;
    *) usage "\"$verb\" is none of install, upgrade, rollback, remove, status" ;;
  esac
  while [ $# -gt 0 ]; do
    local option=$1
    shift
    case $verb:$option in
      install:--role | install:--template | install:--set | install:--config | install:--secret | \
        install:--from | install:--wheels | install:--key | install:--python | \
        upgrade:--from | upgrade:--wheels | upgrade:--key | upgrade:--python | \
        install:--wait | upgrade:--wait | rollback:--wait)
        [ $# -gt 0 ] || usage "$option needs a value"
        case $option in
          --role) role=$1 ;; --template) template=$1 ;; --set) sets+=(--set "$1") ;;
          --config) config=$1 ;; --secret) secrets+=("$1") ;; --from) from=${1%/} ;;
          --wheels) wheels=$1 ;; --key) key=$1 ;; --python) python=$1 ;; --wait) wait_s=$1 ;;
        esac
        shift
        ;;
      upgrade:--store-backed-up) backed_up=yes ;;
      rollback:--restore-store) restore_store=yes ;;
      remove:--purge) purge=yes ;;
      *) usage "$verb does not know \"$option\"" ;;
    esac
  done
  [ -z "$wait_s" ] || [[ $wait_s =~ ^[1-9][0-9]{0,3}$ ]] || usage '--wait takes whole seconds, 1 to 9999'
  [ "$verb" != install ] || parse_install
}

parse_install() {
  case $role in
    agent | aggregator | status-page) ;;
    '') usage 'install needs --role agent, aggregator or status-page' ;;
    *) usage "--role $role: expected agent, aggregator or status-page" ;;
  esac
  case $role:$template in
    *: | agent:external | agent:internal | agent:on-machine) ;;
    agent:*) usage "--template $template: expected external, internal or on-machine" ;;
    *) usage "--template is for agents: where one stands" ;;
  esac
  [ -z "$config" ] || [ -z "$template${sets[*]-}" ] || usage '--config stands for --template and --set'
  local secret
  for secret in "${secrets[@]}"; do
    [[ $secret =~ ^[a-z-]+=.+$ ]] || usage "--secret $secret: expected a name and a file, mqtt-password=FILE"
  done
}

# ---- what must be so before anything is touched

preflight() {
  [ "$(id -u)" = 0 ] || fail 3 "must be run by root: sudo $0 $verb ..."
  [ -d /run/systemd/system ] ||
    fail 4 'systemd does not run this machine; docs/containers.md has other ways'
  if command -v dpkg-query >/dev/null &&
    [ "$(dpkg-query -W -f='${db:Status-Status}' coalmine 2>/dev/null || true)" = installed ]; then
    fail 13 'Coalmine is installed here as a Debian package: apt installs, upgrades and removes it'
  fi
  [ ! -e "$HOME_OF_ALL/current/.installed" ] || fail 13 'Coalmine is installed here by Ansible: docs/ansible.md'
  exec 9>/run/coalmine-install.lock
  flock --nonblock 9 || fail 13 'another install.sh is at work on this machine'
}

# Python is run isolated (-I) all along: the folder that root happens to stand in may have modules of others.
find_python() {
  local candidate said='' candidates=(python3 python3.13 python3.12 python3.11)
  [ -z "$python" ] || candidates=("$python")
  for candidate in "${candidates[@]}"; do
    command -v "$candidate" >/dev/null || continue
    if "$candidate" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$candidate" -I -c 'import ensurepip, venv' 2>/dev/null ||
        fail 5 "$candidate cannot make virtual environments: apt-get install python3-venv"
      python=$candidate
      return
    fi
    said="; $candidate is $("$candidate" --version 2>&1 || true)"
  done
  fail 5 "Python 3.11 or newer is needed$said; name one with --python"
}

room() {
  local folder=$HOME_OF_ALL needed=$NEEDED_MIB_ALL free
  [ "$1" = all ] || needed=$NEEDED_MIB_AGENT
  while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
  free=$(df -Pm "$folder" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$needed" ] || fail 6 "no disk: $folder has $free MiB free, $needed MiB are needed"
}

version_of() { [ ! -L "$HOME_OF_ALL/$1" ] || readlink "$HOME_OF_ALL/$1"; }
complete() { [ -f "$HOME_OF_ALL/$1/.complete" ]; }
unit() { printf 'coalmine-%s.service' "$1"; }
enabled() { systemctl is-enabled --quiet "$(unit "$1")" 2>/dev/null; }
enabled_roles() { local each; for each in "${ROLES[@]}"; do ! enabled "$each" || say "$each"; done; }
# A step in Python, by the version that is named.
step() { local by=$1; shift; "$HOME_OF_ALL/$by/bin/python" -IB -m coalmine_install "$@"; }

# ---- the release: staged where root alone writes, then verified

stage_release() {
  local here files=(SHA256SUMS SHA256SUMS.sig)
  here=$(dirname "$(readlink -f "$0")")
  from=${from:-$here}
  case $from in
    https://*) ;;
    *://*) usage "--from $from: expected a folder or https://" ;;
    *) [ -f "$from/SHA256SUMS" ] || fail 2 "--from $from: is no release, it has no SHA256SUMS" ;;
  esac
  get "${files[@]}"
  verify_signature "$here"
  local wheel
  wheel=$(awk '$2 ~ /^coalmine-.*-py3-none-any\.whl$/ { print $2 }' "$stage/SHA256SUMS")
  [[ $wheel =~ ^coalmine-([0-9]+(\.[0-9]+)*([a-z]+[0-9]+)?)-py3-none-any\.whl$ ]] ||
    fail 9 "$from/SHA256SUMS does not name one wheel of Coalmine"
  version=${BASH_REMATCH[1]}
  get "$wheel" base.txt aggregator.txt
  verify_checksums "$wheel" base.txt aggregator.txt
  say "verified: Coalmine $version, signature and checksums"
  [ -n "$wheels" ] || [ ! -d "$from/wheels" ] || wheels=$from/wheels
}

get() {
  local name said
  for name in "$@"; do
    case $from in
      *://*)
        said=$("$python" -I - "$from/$name" "$stage/$name" <<'PYTHON' 2>&1
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=30) as answer, open(sys.argv[2], "wb") as out:
        shutil.copyfileobj(answer, out)
except OSError as error:
    sys.exit(str(getattr(error, "reason", None) or error))
PYTHON
        ) || fail 7 "no network, or no such release: $from/$name: $said"
        ;;
      *)
        [ -f "$from/$name" ] || [ "$name" != SHA256SUMS.sig ] || fail 8 "bad signature: $from has no $name"
        [ -f "$from/$name" ] || fail 2 "--from $from: is no release, it has no $name"
        said=$(cp "$from/$name" "$stage/$name" 2>&1) || fail 6 "$said"
        ;;
    esac
  done
}

verify_signature() {
  if [ -n "$key" ]; then
    [ -f "$key" ] || usage "--key $key: there is no such file"
  elif [ -f "$KEPT_KEY" ]; then
    key=$KEPT_KEY
  else
    key=$1/coalmine-release.pem
    [ -f "$key" ] || fail 8 "no public key: name it with --key, or put it beside this script as $(basename "$key")"
  fi
  command -v openssl >/dev/null || fail 8 'openssl is missing, which verifies the signature: apt-get install openssl'
  openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$stage/SHA256SUMS" \
    -sigfile "$stage/SHA256SUMS.sig" >/dev/null 2>&1 ||
    fail 8 "bad signature: $from/SHA256SUMS is not signed by the key $key"
}

verify_checksums() {
  local name said
  for name in "$@"; do
    said=$(awk -v name="$name" '$2 == name' "$stage/SHA256SUMS")
    [ -n "$said" ] || fail 9 "bad checksum: SHA256SUMS does not name $name"
    (cd "$stage" && sha256sum --check --strict --status <<<"$said") ||
      fail 9 "bad checksum: $from/$name is not what SHA256SUMS says"
  done
}

# ---- a version: a virtual environment that is whole once it has its mark

make_version() {
  local extras=$1 target=$HOME_OF_ALL/$version sum whole=''
  sum=$(sha256sum <"$stage/coalmine-$version-py3-none-any.whl" | cut -c1-64)
  if complete "$version"; then
    [ "$(sed -n 's/^wheel=//p' "$target/.complete")" = "$sum" ] ||
      fail 9 "another wheel of $version is installed already: a version is built once"
    ! grep -qx -e "extras=$extras" -e extras=all "$target/.complete" || return 0
    whole=yes # and perhaps running: nothing that it has is taken away, not for a moment
    room "$extras"
    say "adding what the $role needs to $target"
  else
    room "$extras"
    if [ -e "$target" ]; then
      [ "$(version_of current)" != "$version" ] ||
        fail 13 "$target was not made by this script: stop what runs of it and remove it"
      say "removing a half-finished installation of $version"
      rm -rf "$target"
    fi
    later_undo rm -rf "$target"
    say "making $target"
    run_pip 'the virtual environment' "$python" -I -m venv --without-pip "$target"
    run_pip 'pip' "$target/bin/python" -I -m ensurepip --default-pip # by itself it says what went wrong
  fi
  changed=yes
  local lock=base.txt where=()
  [ "$extras" != all ] || lock=aggregator.txt
  [ -z "$wheels" ] || where=(--no-index --find-links "$wheels")
  run_pip "$lock" "$target/bin/python" -I -m pip install --require-hashes --only-binary :all: "${where[@]}" \
    -r "$stage/$lock"
  [ -n "$whole" ] || run_pip 'the wheel' "$target/bin/python" -I -m pip install --no-deps --no-index \
    "$stage/coalmine-$version-py3-none-any.whl"
  printf 'extras=%s\nwheel=%s\n' "$extras" "$sum" >"$target/.part"
  sync -f "$target/.part"
  mv "$target/.part" "$target/.complete"
}

full() {
  [ "$(df -Pm "$HOME_OF_ALL" | awk 'NR == 2 { print $4 }')" -lt 2 ]
}

run_pip() {
  local what=$1 log=$stage/log said code=7 source=${wheels:-PyPI}
  shift
  env -u PYTHONDONTWRITEBYTECODE PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_RETRIES=2 PIP_NO_CACHE_DIR=1 \
    TMPDIR="$stage" "$@" >"$log" 2>&1 && return
  said=$(grep -i -e '^error' -e 'no space' "$log" | tail -n 1 || true)
  [ -n "$said" ] || said=$(tail -n 1 "$log" 2>/dev/null || true)
  if grep -qi 'no space left\|disk quota' "$log" || full; then
    fail 6 "no disk: $what: $said"
  elif grep -qi 'hash' "$log"; then
    said=$(sed -n '/DO NOT MATCH/{n;s/^ *//;s/ (from .*/, its hash is not in the lock file/;p}' "$log" | grep . || printf %s "$said")
    fail 9 "bad checksum: $what from $source: $said"
  elif grep -qi 'No matching distribution\|Could not find a version\|connection\|timed out\|resolution' "$log"; then
    [ -n "$wheels" ] || said="$said; without network, name a folder of wheels with --wheels"
    fail $code "no network, or not all there: $what from $source: $said"
  fi
  fail 1 "$what: $said"
}

# ---- what comes with each version

load() {
  local parts=$HOME_OF_ALL/$1/share/coalmine/install
  [ -f "$parts/switch.sh" ] || fail 13 "Coalmine $1 is not whole, $parts is missing: remove it and install it anew"
  # shellcheck source=deploy/install/services.sh
  . "$parts/services.sh"
  # shellcheck source=deploy/install/switch.sh
  . "$parts/switch.sh"
}

# A folder for what this run needs meanwhile; and an end to what an earlier run left that was cut off.
begin() {
  rm -rf "$HOME_OF_ALL"/.stage.* "$CONFIGS"/.new.*
  stage=$(mkdir -p "$HOME_OF_ALL" 2>&1 && mktemp -d "$HOME_OF_ALL/.stage.XXXXXX" 2>&1) || {
    set -- "$stage"
    stage=''
    fail 6 "no disk: $1"
  }
  [ -f "$DOING" ] || return 0
  local by
  by=$(sed -n 's/^to=//p' "$DOING")
  complete "$by" || by=$(sed -n 's/^from=//p' "$DOING") # which went back, though not with all
  load "$by"
  settle_interrupted
}

install_release() {
  local now extras=all
  begin
  find_python
  stage_release
  now=$(version_of current)
  [ -z "$now" ] || [ "$now" = "$version" ] || [ -z "$(enabled_roles)" ] ||
    fail 13 "Coalmine $now is installed here: upgrade changes the version"
  [ "$role" != agent ] || extras=agent
  make_version "$extras"
  [ -f "$KEPT_KEY" ] || { install -m 644 "$key" "$KEPT_KEY"; later_undo rm -f "$KEPT_KEY"; }
  load "$version"
  install_role
}

# The version that runs; whoever calls has none otherwise.
installed_version() {
  begin
  now=$(version_of current)
  [ -n "$now" ] || fail 13 'Coalmine is not installed here: install comes first'
}

upgrade() {
  local now extras
  installed_version
  find_python
  stage_release
  if [ "$now" = "$version" ]; then
    load "$now"
    show_status
    say "nothing to do: this is Coalmine $version already"
    return
  fi
  # Whoever can put an old release there must not thereby bring back what was mended since.
  printf '%s\n' "$now" "$version" | sed 's/[a-z]/~&/' | sort --version-sort --check=quiet || # 1.0rc1 is before 1.0
    fail 13 "$version is older than $now, which runs: rollback goes back"
  extras=$(sed -n 's/^extras=//p' "$HOME_OF_ALL/$now/.complete")
  make_version "${extras:-all}"
  load "$version"
  switch "$now" "$version"
  cmp -s "$key" "$KEPT_KEY" || install -m 644 "$key" "$KEPT_KEY"
  say "upgraded: from $now to $version; rollback goes back"
}

roll_back() {
  local now
  installed_version
  load "$now"
  rollback
}

# ---- remove

drop_accounts() {
  local each
  for each in "$@"; do userdel "$each" 2>/dev/null || groupdel "$each" 2>/dev/null || true; done
}

# Nothing is left of it to systemd, no failure either.
stop_for_good() {
  systemctl stop "$1" 2>/dev/null || true
  systemctl reset-failed "$1" "coalmine-revive@$1.service" 2>/dev/null || true
}

remove_all() {
  local each name
  for each in "${ROLES[@]}"; do
    name=$(unit "$each")
    [ -f "$UNITS/$name" ] || continue
    ! enabled "$each" || say "stopped: $name"
    systemctl --quiet disable "$name" 2>/dev/null || true
    stop_for_good "$name"
  done
  rm -f "$SECRETS"/.was.coalmine.* "$SECRETS"/.coalmine.*.new
  if [ -n "$purge" ]; then
    rm -rf "$CONFIGS" "${STATES[@]}" "$SECRETS"/coalmine.* "$SECRETS".encrypted/coalmine.* \
      /etc/systemd/system/coalmine-*.service.d
    for each in "$SECRETS" "$SECRETS".encrypted; do rmdir --ignore-fail-on-non-empty "$each" 2>/dev/null || true; done
    drop_accounts "${USERS[@]}" "$GROUP"
    say 'removed: configurations, secrets, data and users'
  fi
  rm -f "$UNITS"/{,.}coalmine-*.service{,.new} "$SYSUSERS" "$TMPFILES" \
    "$(dirname "$SYSUSERS")"/.coalmine.conf.new "$(dirname "$TMPFILES")"/.coalmine.conf.new
  for each in "$UNITS" "$(dirname "$UNITS")" "$(dirname "$SYSUSERS")" "$(dirname "$TMPFILES")"; do
    rmdir --ignore-fail-on-non-empty "$each" 2>/dev/null || true # /usr/local/lib is not ours
  done
  [ "$(readlink "$COMMAND" || true)" != "$HOME_OF_ALL/current/bin/coalmine" ] || rm -f "$COMMAND"
  rm -rf "$CONFIGS"/.new.* "$CONFIGS"/.was.* "$HOME_OF_ALL"
  systemctl daemon-reload
  say 'removed: Coalmine'
  if [ -z "$purge" ] && [ -d "$CONFIGS" ]; then
    say "kept: $CONFIGS, $SECRETS/coalmine.*, /var/lib/coalmine*, the users; remove --purge takes them too"
  fi
}

main() {
  parse "$@"
  preflight
  trap at_exit EXIT
  trap 'fail 130 "interrupted"' INT TERM HUP
  trap '' PIPE
  case $verb in
    install) install_release ;;
    upgrade) upgrade ;;
    rollback) roll_back ;;
    remove)
      [ -d "$HOME_OF_ALL" ] || [ -n "$purge" ] || { say 'nothing to do: Coalmine is not installed here'; return; }
      remove_all
      ;;
    status)
      [ -L "$HOME_OF_ALL/current" ] || fail 13 'Coalmine is not installed here'
      wait_s=${wait_s:-3}
      load "$(version_of current)"
      show_status
      ;;
  esac
}

main "$@"
