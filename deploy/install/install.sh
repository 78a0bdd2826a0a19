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
# 13 another installation is in the way; 14 the store.
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
ROLES=(agent aggregator status-page)
STATES=(/var/lib/coalmine-agent /var/lib/coalmine /var/lib/coalmine-status)
NEEDED_MIB_AGENT=150
NEEDED_MIB_ALL=500

verb='' role='' template='' config='' from='' wheels='' key='' python='' wait_s=''
purge='' restore_store='' backed_up=''
sets=() secrets=()
stage='' version='' changed=''
undo=()

say() { printf '%s\n' "$*"; }
fail() {
  local code=$1
  shift
  printf 'install.sh: %s\n' "$*" >&2
  exit "$code"
}
usage() { fail 2 "$1; install.sh --help says how it is called"; }

# What a run changes it can undo: on any end but a good one, the newest first.
at_exit() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  if [ "$status" != 0 ] && [ ${#undo[@]} -gt 0 ]; then
    for ((i = ${#undo[@]} - 1; i >= 0; i--)); do eval "${undo[i]}"; done
    say 'undone: everything is as it was before this run' >&2
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
  exec 9>/run/coalmine-install.lock
  flock --nonblock 9 || fail 13 'another install.sh is at work on this machine'
}

find_python() {
  local candidate said=''
  for candidate in ${python:-python3 python3.13 python3.12 python3.11}; do
    command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$candidate" -c 'import ensurepip, venv' 2>/dev/null ||
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
    https://* | http://127.0.0.1[:/]* | http://localhost[:/]*) ;;
    *://*) usage "--from $from: expected a folder or https://" ;;
    *) [ -f "$from/SHA256SUMS" ] || fail 2 "--from $from: is no release, it has no SHA256SUMS" ;;
  esac
  mkdir -p "$HOME_OF_ALL" 2>/dev/null || fail 6 "$HOME_OF_ALL cannot be made: $(mkdir -p "$HOME_OF_ALL" 2>&1)"
  stage=$(mktemp -d "$HOME_OF_ALL/.stage.XXXXXX" 2>&1) || fail 6 "no disk: $stage"
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
        said=$("$python" - "$from/$name" "$stage/$name" <<'PYTHON' 2>&1
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=30) as answer, open(sys.argv[2], "wb") as out:
        shutil.copyfileobj(answer, out)
except OSError as error:
    sys.exit(str(getattr(error, "reason", None) or error))
PYTHON
        ) || fail 7 "no network: $from/$name: $said"
        ;;
      *)
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
  local extras=$1 target=$HOME_OF_ALL/$version sum
  sum=$(sha256sum <"$stage/coalmine-$version-py3-none-any.whl" | cut -c1-64)
  if complete "$version"; then
    [ "$(sed -n 's/^wheel=//p' "$target/.complete")" = "$sum" ] ||
      fail 9 "another wheel of $version is installed already: a version is built once"
    ! grep -qx -e "extras=$extras" -e extras=all "$target/.complete" || return 0
    room "$extras"
    say "adding what the $role needs to $target"
  else
    room "$extras"
    if [ -e "$target" ]; then
      say "removing a half-finished installation of $version"
      rm -rf "$target"
    fi
    later_undo rm -rf "$target"
    say "making $target"
    run_pip 'the virtual environment' "$python" -m venv "$target"
  fi
  changed=yes
  local lock=base.txt where=()
  [ "$extras" != all ] || lock=aggregator.txt
  [ -z "$wheels" ] || where=(--no-index --find-links "$wheels")
  run_pip "$lock" "$target/bin/pip" install --require-hashes --only-binary :all: "${where[@]}" -r "$stage/$lock"
  run_pip 'the wheel' "$target/bin/pip" install --no-deps --no-index --force-reinstall \
    "$stage/coalmine-$version-py3-none-any.whl"
  printf 'extras=%s\nwheel=%s\n' "$extras" "$sum" >"$target/.part"
  sync -f "$target/.part"
  mv "$target/.part" "$target/.complete"
}

run_pip() {
  local what=$1 log=$stage/log said code=7 source=${wheels:-PyPI}
  shift
  env -u PYTHONDONTWRITEBYTECODE PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_RETRIES=2 PIP_NO_CACHE_DIR=1 \
    TMPDIR="$stage" "$@" >"$log" 2>&1 && return
  said=$(grep -i -e '^error' -e 'no space' "$log" | tail -n 2 || true)
  [ -n "$said" ] || said=$(tail -n 2 "$log" 2>/dev/null || true)
  if grep -qi 'no space left\|disk quota' "$log" || [ "$(df -Pm "$HOME_OF_ALL" | awk 'NR == 2 { print $4 }')" -lt 2 ]; then
    fail 6 "no disk: $what: $said"
  elif grep -qi 'hash' <<<"$said" || grep -q 'DO NOT MATCH THE HASHES' "$log"; then
    fail 9 "bad checksum: $what from $source: $said"
  elif grep -qi 'No matching distribution\|Could not find a version\|connection\|timed out\|resolution' "$log"; then
    [ -n "$wheels" ] || said="$said; without network, name a folder of wheels with --wheels"
    fail $code "no network, or not all there: $what from $source: $said"
  fi
  fail 1 "$what: $said"
}

# ---- files that belong to a version

place() {
  local source=$1 target=$2
  ! cmp -s "$source" "$target" || return 0
  if [ -f "$target" ]; then
    cp -p "$target" "$stage/was.$(basename "$target")"
    later_undo cp -p "$stage/was.$(basename "$target")" "$target"
  else
    later_undo rm -f "$target"
  fi
  install -D -m 644 "$source" "$target"
  changed=yes
}

place_units() {
  local share=$HOME_OF_ALL/$1/share/coalmine/systemd each before=$changed
  changed=''
  for each in "$share"/*.service; do place "$each" "$UNITS/$(basename "$each")"; done
  place "$share/coalmine.sysusers" "$SYSUSERS"
  place "$share/coalmine.tmpfiles" "$TMPFILES"
  systemd-sysusers "$SYSUSERS"
  systemd-tmpfiles --create "$TMPFILES"
  if [ -n "$changed" ]; then systemctl daemon-reload; say 'units, users and folders are in place'; fi
  changed=$changed$before
}

point() {
  ln -s "$2" "$HOME_OF_ALL/.$1.new"
  mv -T "$HOME_OF_ALL/.$1.new" "$HOME_OF_ALL/$1"
}

healthy() {
  local by=$1 which=$2 said
  if said=$(step "$by" healthy "$which" "$CONFIGS/$which.yaml" --within "${wait_s:-${3:-60}}" 2>&1); then
    say "healthy: $(unit "$which"): $said"
  else
    say "not healthy: $said" >&2
    journalctl --unit="$(unit "$which")" --identifier="coalmine-$which" --priority=warning --lines=5 --output=cat \
      --no-pager --since=-5min 2>/dev/null | sed 's/^/  its log: /' >&2 || true
    return 1
  fi
}

# ---- install

install_role() {
  find_python
  stage_release
  local now file=$CONFIGS/$role.yaml extras=all name
  now=$(version_of current)
  if [ -n "$now" ] && [ "$now" != "$version" ]; then
    [ -z "$(enabled_roles)" ] || fail 13 "Coalmine $now is installed here: upgrade changes the version"
    complete "$now" || now=''
  fi
  [ "$role" != agent ] || extras=agent
  make_version "$extras"
  [ -f "$KEPT_KEY" ] || { cp "$key" "$KEPT_KEY"; chmod 644 "$KEPT_KEY"; later_undo rm -f "$KEPT_KEY"; }
  name=$(unit "$role")
  put_secrets
  local renewed=$changed_secret
  new_config "$file"
  local candidate=$file
  [ ! -f "$CONFIGS/.new.$role.yaml" ] || candidate=$CONFIGS/.new.$role.yaml
  local said
  said=$(step "$version" check "$role" "$candidate" 2>&1) || fail 11 "${said//"$candidate"/$file}"
  local active
  active=$(systemctl is-active "$name" || true)
  if [ "$active" != active ]; then
    systemctl stop "$name" 2>/dev/null || true # an earlier start that goes on failing would be in its own way
    said=$(step "$version" free "$role" "$candidate" 2>&1) || fail $? "an occupied port: $said; --set says another one"
  fi

  place_units "$version"
  if [ "$candidate" != "$file" ]; then
    if [ -f "$file" ]; then
      cp -p "$file" "$stage/was.config"
      later_undo cp -p "$stage/was.config" "$file"
      [ "$role" = agent ] && [ -z "$renewed" ] && renewed=reload || renewed=restart
    else
      later_undo rm -f "$file"
    fi
    mv "$candidate" "$file"
    systemd-tmpfiles --create "$TMPFILES"
    changed=yes
    say "written: $file"
  fi
  if [ "$now" != "$version" ]; then
    if [ -n "$now" ]; then later_undo point current "$now"; else later_undo rm -f "$HOME_OF_ALL/current"; fi
    point current "$version"
    changed=yes
  fi
  if [ ! -e "$COMMAND" ] && [ ! -L "$COMMAND" ]; then
    mkdir -p "$(dirname "$COMMAND")"
    ln -s "$HOME_OF_ALL/current/bin/coalmine" "$COMMAND"
    later_undo rm -f "$COMMAND"
    changed=yes
  fi
  start_role "$active" "$renewed"
  undo=()
  if [ -n "$changed" ]; then say "installed: $name, Coalmine $version"; else
    say "nothing to do: $name of Coalmine $version is installed, enabled and healthy"
  fi
}

start_role() {
  local active=$1 renewed=$2 name
  name=$(unit "$role")
  if ! enabled "$role"; then
    later_undo systemctl --quiet disable "$name"
    systemctl --quiet enable "$name"
    changed=yes
    say "enabled: $name"
  fi
  if [ "$active" != active ]; then
    local state
    state=$(state_of "$role")
    [ -e "$state" ] || later_undo rm -rf "$state"
    later_undo systemctl stop "$name"
    systemctl reset-failed "$name" 2>/dev/null || true
    systemctl start --no-block "$name"
    changed=yes
    say "started: $name"
  elif [ -n "$renewed" ]; then
    # Undone from the last to the first: what it read comes back before it reads it again.
    undo=("$(printf 'systemctl --quiet %q %q' "$renewed" "$name")" "${undo[@]}")
    systemctl "$renewed" "$name" || fail 12 "$name: $renewed failed"
    say "${renewed}ed: $name"
  fi
  healthy "$version" "$role" || fail 12 "$name did not become healthy"
}

state_of() {
  case $1 in agent) say "${STATES[0]}" ;; aggregator) say "${STATES[1]}" ;; *) say "${STATES[2]}" ;; esac
}

changed_secret=''
put_secrets() {
  local secret name file target
  for secret in "${secrets[@]}"; do
    name=${secret%%=*} file=${secret#*=}
    target=$SECRETS/coalmine.$name
    [ -f "$file" ] || fail 11 "--secret $name: there is no file $file"
    ! cmp -s "$file" "$target" || continue
    [ -d "$SECRETS" ] || { install -d -m 700 "$SECRETS"; later_undo rmdir "$SECRETS"; }
    if [ -f "$target" ]; then
      cp -p "$target" "$stage/was.coalmine.$name"
      later_undo cp -p "$stage/was.coalmine.$name" "$target"
    else
      later_undo rm -f "$target"
    fi
    install -m 600 "$file" "$target"
    changed=yes changed_secret=restart
    say "written: $target"
  done
}

# Writes the configuration to be, if there is one to write, where its paths count from the same folder.
new_config() {
  local file=$1 new=$CONFIGS/.new.$role.yaml said
  [ -d "$CONFIGS" ] || { mkdir -m 755 "$CONFIGS"; later_undo rmdir "$CONFIGS"; }
  rm -f "$new"
  if [ -n "$config" ]; then
    [ -f "$config" ] || fail 11 "--config $config: there is no such file"
    if [ ! -f "$file" ]; then
      later_undo rm -f "$new"
      install -m 600 "$config" "$new"
    elif ! cmp -s "$config" "$file"; then
      say "kept: $file is there already and is another than $config"
    fi
    return
  fi
  [ ! -f "$file" ] || [ -n "$template${sets[*]-}" ] || return 0
  if [ "$role" != agent ]; then
    template=$role
  elif [ -z "$template" ]; then
    [ -f /etc/carbon/carbon.conf ] || fail 2 'install needs --template external, internal or on-machine'
    template=on-machine
    say 'template on-machine: there is a carbon on this machine'
  fi
  later_undo rm -f "$new"
  (umask 077 && touch "$new")
  said=$(step "$version" write --template "$template" "${sets[@]}" --old "$file" "$new" 2>&1) || fail 11 "$said"
  [ -z "$said" ] || say "$said"
  [ -s "$new" ] || rm -f "$new"
}

# ---- other versions: switch.sh comes with each version

load_switch() {
  local file=$HOME_OF_ALL/$1/share/coalmine/install/switch.sh
  [ -f "$file" ] || fail 13 "Coalmine $1 is not whole: $file is missing; install it anew"
  # shellcheck source=deploy/install/switch.sh
  . "$file"
}

finish_interrupted() {
  rm -rf "$HOME_OF_ALL"/.stage.* "$CONFIGS"/.new.*
  [ -f "$DOING" ] || return 0
  load_switch "$(sed -n 's/^to=//p' "$DOING")"
  settle_interrupted
}

# ---- remove, status

remove_all() {
  local each name
  for each in "${ROLES[@]}"; do
    name=$(unit "$each")
    [ -f "$UNITS/$name" ] || continue
    systemctl --quiet disable --now "$name" 2>/dev/null || true
    systemctl reset-failed "$name" "coalmine-revive@$name.service" 2>/dev/null || true
    say "stopped: $name"
  done
  if [ -n "$purge" ]; then
    rm -rf "$CONFIGS" "${STATES[@]}" "$SECRETS"/coalmine.* "$SECRETS".encrypted/coalmine.* \
      /etc/systemd/system/coalmine-*.service.d
    for each in "$SECRETS" "$SECRETS".encrypted; do rmdir --ignore-fail-on-non-empty "$each" 2>/dev/null || true; done
    for each in agent aggregator status; do userdel "coalmine-$each" 2>/dev/null || true; done
    ! getent group coalmine-store >/dev/null || groupdel coalmine-store
    say 'removed: configurations, secrets, data and users'
  fi
  rm -f "$UNITS"/coalmine-*.service "$SYSUSERS" "$TMPFILES"
  rmdir -p --ignore-fail-on-non-empty "$UNITS" "$(dirname "$SYSUSERS")" "$(dirname "$TMPFILES")" 2>/dev/null || true
  [ "$(readlink "$COMMAND" || true)" != "$HOME_OF_ALL/current/bin/coalmine" ] || rm -f "$COMMAND"
  rm -rf "$HOME_OF_ALL"
  systemctl daemon-reload
  say 'removed: Coalmine'
  if [ -z "$purge" ] && [ -d "$CONFIGS" ]; then
    say "kept: $CONFIGS, $SECRETS/coalmine.*, /var/lib/coalmine*, the users; remove --purge takes them too"
  fi
}

show_status() {
  local now before each all=0
  now=$(version_of current)
  [ -n "$now" ] || fail 1 'Coalmine is not installed here'
  before=$(version_of previous)
  say "Coalmine $now${before:+; $before is kept, rollback goes there}"
  [ ! -f "$DOING" ] || say "a change of version was interrupted: $(tr '\n' ' ' <"$DOING"); any other command settles it"
  for each in $(enabled_roles); do healthy "$now" "$each" || all=12; done
  return $all
}

main() {
  parse "$@"
  preflight
  trap at_exit EXIT
  trap 'exit 130' INT TERM HUP
  case $verb in
    install) finish_interrupted; install_role ;;
    status) wait_s=${wait_s:-3}; show_status ;;
    remove)
      [ -d "$HOME_OF_ALL" ] || [ -n "$purge" ] || { say 'nothing to do: Coalmine is not installed here'; return; }
      remove_all
      ;;
    *)
      [ -n "$(version_of current)" ] || fail 13 'Coalmine is not installed here: install comes first'
      finish_interrupted
      if [ "$verb" = upgrade ]; then upgrade; else load_switch "$(version_of current)"; rollback; fi
      ;;
  esac
}

upgrade() {
  find_python
  stage_release
  local now extras
  now=$(version_of current)
  if [ "$now" = "$version" ]; then
    show_status
    say "nothing to do: this is Coalmine $version already"
    return
  fi
  extras=$(sed -n 's/^extras=//p' "$HOME_OF_ALL/$now/.complete")
  make_version "${extras:-all}"
  load_switch "$version"
  switch "$now" "$version"
  undo=()
  say "upgraded: from $now to $version; rollback goes back"
}

main "$@"
