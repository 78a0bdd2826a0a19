# shellcheck shell=bash
# The files of a version, a role's configuration, its start. Part of install.sh, and of each version.

# ---- files that belong to a version

# Writes a file by a command that takes its name last: whole or not at all, on a full disk too. Returns the exit code
# for it that it was not, which is told.
put() {
  local target=$1 said
  shift
  said=$({ "$@" "$(beside "$target")" && mv -f "$(beside "$target")" "$target"; } 2>&1) || not_written "$target" "$said"
}
beside() { say "$(dirname "$1")/.$(basename "$1").new"; }
not_written() {
  rm -f "$(beside "$1")"
  say "$1 is not written: $2" >&2
  [[ $2 != *'No space left'* && $2 != *'quota exceeded'* ]] || return 6
  return 1
}

# All that differs from what is there, as pairs of source and target: nothing of it where not all has room.
place() {
  local source target each code written=()
  while [ $# -gt 0 ]; do
    source=$1 target=$2
    shift 2
    ! cmp -s "$source" "$target" || continue
    written+=("$target")
    write_beside "$source" "$target" || {
      code=$?
      for each in "${written[@]}"; do rm -f "$(beside "$each")"; done
      return "$code"
    }
  done
  for target in "${written[@]}"; do
    each=$stage/was.$(basename "$target")
    if [ ! -f "$target" ]; then
      later_undo rm -f "$target"
    elif ln -f "$target" "$each" 2>/dev/null || cp -p "$target" "$each"; then
      later_undo put "$target" cp -p "$each"
    fi
    mv -f "$(beside "$target")" "$target" || return
    changed=yes
  done
}

write_beside() {
  local said
  make_folder "$(dirname "$2")" || return
  said=$(install -m 644 "$1" "$(beside "$2")" 2>&1) || not_written "$2" "$said"
}

# With those above it that are missing too; what was there before stays when this is undone.
make_folder() {
  local said
  [ ! -d "$1" ] || return 0
  make_folder "$(dirname "$1")" || return
  said=$(mkdir "$1" 2>&1) || { not_written "$1" "$said"; return; }
  later_undo drop_folder "$1"
}

drop_folder() { [ ! -d "$1" ] || rmdir --ignore-fail-on-non-empty "$1"; }

# Does all that it can; returns the exit code for what failed, which is told.
place_units() {
  local share=$HOME_OF_ALL/$1/share/coalmine/systemd each before=$changed code=0 pairs=() said missing=()
  changed=''
  later_undo systemctl daemon-reload # when all else is undone
  for each in "$share"/*.service; do pairs+=("$each" "$UNITS/$(basename "$each")"); done
  pairs+=("$share/coalmine.sysusers" "$SYSUSERS" "$share/coalmine.tmpfiles" "$TMPFILES")
  place "${pairs[@]}" || code=$?
  for each in "$UNITS"/coalmine-*.service; do # those of another version alone
    [ -f "$share/$(basename "$each")" ] || [ "$code" != 0 ] || { rm "$each" && changed=yes; } || code=1
  done
  for each in "${USERS[@]}"; do getent passwd "$each" >/dev/null || missing+=("$each"); done
  getent group "$GROUP" >/dev/null || missing+=("$GROUP")
  [ ${#missing[@]} = 0 ] || later_undo drop_accounts "${missing[@]}"
  [ -d "$SECRETS" ] || later_undo drop_folder "$SECRETS"
  if [ "$code" = 0 ]; then
    if [ -n "$changed" ] || [ ${#missing[@]} -gt 0 ]; then
      said=$(systemd-sysusers "$SYSUSERS" 2>&1) || { code=1; say "users: $said" >&2; }
    fi
    systemd-tmpfiles --create "$TMPFILES" || code=1
  fi
  if [ -n "$changed" ]; then
    systemctl daemon-reload || code=1
    [ "$code" != 0 ] || say 'units, users and folders are in place'
  fi
  changed=$changed$before
  return "$code"
}

# What was placed outlives a power cut, from then on that nothing says it may not have: a unit or a configuration
# without its text would not start, and nobody would undo it.
sync_placed() { sync -f "$UNITS" "$CONFIGS" "$HOME_OF_ALL" || true; }

point() {
  ln -sfn "$2" "$HOME_OF_ALL/.$1.new" &&
    mv -T "$HOME_OF_ALL/.$1.new" "$HOME_OF_ALL/$1"
}

since=$(($(date +%s) - 60)) # from when on the log is of interest

healthy() {
  local by=$1 which=$2 said
  if said=$(step "$by" healthy "$which" "$CONFIGS/$which.yaml" --within "${wait_s:-${3:-60}}" 2>&1); then
    say "healthy: $(unit "$which"): $said"
  else
    say "not healthy: $said" >&2
    journalctl --unit="$(unit "$which")" --identifier="coalmine-$which" --since="@$since" --priority=warning \
      --output=cat --no-pager 2>/dev/null | tail -n 5 | sed 's/^/  its log: /' >&2 || true
    return 1
  fi
}

# ---- install

# Where a role's configuration is meanwhile, while another one is tried; and a secret, unless there was none. Both are
# second names, and stay until nothing is under way: what is put back can be put back again.
config_before() { say "$CONFIGS/.was.$1.yaml"; }
secret_before() { say "$SECRETS/.was.$1"; }
drop_secrets_before() { rm -f "$SECRETS"/.was.coalmine.*; }
name_again() { [ "$1" -ef "$2" ] || ln -f "$1" "$2"; }

install_role() {
  local now file=$CONFIGS/$role.yaml name
  now=$(version_of current)
  name=$(unit "$role")
  local fresh='' ran='' was
  was=$(config_before "$role")
  [ -f "$file" ] || fresh=yes
  ! enabled "$role" || ran=yes
  rm -f "$was"
  later_undo drop_secrets_before
  keep_secrets
  write_doing '' "$version" "$role" "$fresh" "$ran"
  later_undo rm -f "$DOING"
  put_secrets
  local renewed=${changed_secrets[*]-}
  new_config "$file"
  local candidate=$file
  [ ! -f "$CONFIGS/.new.$role.yaml" ] || candidate=$CONFIGS/.new.$role.yaml
  local said
  said=$(step "$version" check "$role" "$candidate" 2>&1) || fail 11 "${said//"$candidate"/$file}"
  if [ "$role" = aggregator ]; then
    said=$(step "$version" store plan "$candidate" 2>&1) || fail 14 "the store: $said"
    [[ $said != newer* ]] || fail 14 "$version does not know the schema $(cut -d' ' -f2,4 <<<"$said" |
      sed 's/ / of /'): install the version that wrote it, or put a copy in its place"
  fi
  local active
  active=$(systemctl is-active "$name" || true)
  if [ "$active" != active ]; then
    systemctl stop "$name" 2>/dev/null || true # an earlier start that goes on failing would be in its own way
    said=$(step "$version" free "$role" "$candidate" 2>&1) || fail $? "an occupied port: $said; --set says another one"
  fi
  place_units "$version" || fail $? "what comes with $version could not be put in place"
  if [ "$candidate" != "$file" ]; then
    if [ -f "$file" ]; then
      ln "$file" "$was"
      later_undo rm -f "$was"
      later_undo name_again "$was" "$file"
      renewed=yes # also an agent: its name and fleet are not reloaded
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
  restart_readers || fail 12 'who reads a secret that has changed did not become healthy'
  sync_placed
  rm -f "$DOING"
  undo=() # before what it takes is gone
  rm -f "$was"
  drop_secrets_before
  prune
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
    later_undo stop_for_good "$name"
    systemctl reset-failed "$name" 2>/dev/null || true
    since=$(date +%s)
    systemctl start --no-block "$name"
    changed=yes
    say "started: $name"
  elif [ -n "$renewed" ]; then
    # Undone from the last to the first: what it read comes back before it starts again.
    undo=("systemctl restart $name" "${undo[@]}")
    since=$(date +%s)
    systemctl restart "$name" || say "$name: the restart failed" >&2
    say "restarted: $name"
  fi
  healthy "$version" "$role" || fail 12 "$name did not become healthy"
}

# Who else on this host reads a secret that has changed.
restart_readers() {
  local each secret name
  for each in "${ROLES[@]}"; do
    name=$(unit "$each")
    if [ "$each" = "$role" ] || ! enabled "$each" || [ "$(systemctl is-active "$name" || true)" != active ]; then
      continue
    fi
    for secret in "${changed_secrets[@]}"; do
      grep -qx "LoadCredential=$secret" "$UNITS/$name" || continue
      undo=("systemctl restart $name" "${undo[@]}")
      since=$(date +%s)
      systemctl restart "$name" || say "$name: the restart failed" >&2
      say "restarted: $name"
      healthy "$version" "$each" || return 1
      break
    done
  done
}

state_of() {
  case $1 in agent) say "${STATES[0]}" ;; aggregator) say "${STATES[1]}" ;; *) say "${STATES[2]}" ;; esac
}

# Sets which secrets will change.
changed_secrets=()
keep_secrets() {
  local secret name file
  for secret in "${secrets[@]}"; do
    name=coalmine.${secret%%=*} file=${secret#*=}
    [ -f "$file" ] || fail 11 "--secret ${secret%%=*}: there is no file $file"
    ! cmp -s "$file" "$SECRETS/$name" || continue
    rm -f "$(secret_before "$name")"
    [ ! -f "$SECRETS/$name" ] || ln "$SECRETS/$name" "$(secret_before "$name")"
    [[ " ${changed_secrets[*]-} " == *" $name "* ]] || changed_secrets+=("$name")
  done
}

put_secrets() {
  local secret file target
  if [ ! -d "$SECRETS" ] && [ ${#changed_secrets[@]} -gt 0 ]; then
    install -d -m 700 "$SECRETS"
    later_undo rmdir "$SECRETS"
  fi
  later_undo put_secrets_back
  for secret in "${secrets[@]}"; do
    target=$SECRETS/coalmine.${secret%%=*} file=${secret#*=}
    ! cmp -s "$file" "$target" || continue
    put "$target" install -m 600 "$file" || fail $? "--secret ${secret%%=*} could not be put in place"
    changed=yes
    say "written: $target"
  done
}

put_secrets_back() {
  local name
  for name in "${changed_secrets[@]}"; do
    if [ -f "$(secret_before "$name")" ]; then name_again "$(secret_before "$name")" "$SECRETS/$name"; else
      rm -f "$SECRETS/$name"
    fi
  done
}

# Writes the configuration to be, if there is one to write, where its paths count from the same folder.
new_config() {
  local file=$1 new=$CONFIGS/.new.$role.yaml said
  if [ ! -d "$CONFIGS" ]; then
    said=$(mkdir -m 755 "$CONFIGS" 2>&1) || fail 6 "no disk: $said"
    later_undo rmdir "$CONFIGS"
  fi
  rm -f "$new"
  if [ -n "$config" ]; then
    [ -f "$config" ] || fail 11 "--config $config: there is no such file"
    if [ ! -f "$file" ]; then
      later_undo rm -f "$new"
      said=$(install -m 600 "$config" "$new" 2>&1) || fail 6 "no disk: ${said//"$new"/$file}"
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
  said=$(umask 077 && touch "$new" 2>&1) || fail 6 "no disk: ${said//"$new"/$file}"
  said=$(step "$version" write --template "$template" "${sets[@]}" --old "$file" "$new" 2>&1) ||
    fail $? "${said//"$new"/$file}"
  [ -z "$said" ] || say "$said"
  [ -s "$new" ] || rm -f "$new"
}

# ---- status

show_status() {
  local now before each all=0
  now=$(version_of current)
  before=$(version_of previous)
  say "Coalmine $now${before:+; $before is kept, rollback goes there}"
  [ ! -f "$DOING" ] || say "a change of version was interrupted: $(tr '\n' ' ' <"$DOING"); any other command settles it"
  for each in $(enabled_roles); do healthy "$now" "$each" || all=12; done
  [ "$all" = 0 ] || told=yes
  return "$all"
}
