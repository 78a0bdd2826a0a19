# shellcheck shell=bash
# The change from one version to another, and back where the other does not become healthy. Part of install.sh.
#
# .doing says what is under way, so that a run that was cut off (a power cut) is settled by the next one. Until
# then, after a reboot, systemd starts what `current` leads to: so the link never leads to a version that would
# migrate a store of which no copy is kept. What is copied is copied before the link changes, what is put back is
# put back after that, meanwhile the version that is linked refuses the store.

touched='' verdict=same file=-

# $1 and $2: from which version to which. Returns where the other is healthy; exits otherwise, with the first one
# running as before.
switch() {
  local from_version=$1 to_version=$2 each said roles=()
  for each in $(enabled_roles); do
    said=$(step "$to_version" check "$each" "$CONFIGS/$each.yaml" 2>&1) || fail 11 "$said"
    [ "$(systemctl is-active "$(unit "$each")" || true)" = inactive ] || roles+=("$each")
  done
  plan_store "$from_version" "$to_version"

  touched=''
  later_undo go_back "$from_version" "$to_version" "${roles[*]-}"
  write_doing "$from_version" "$to_version"
  if [ "$verdict" != same ] && [ "$file" != - ]; then
    systemctl stop coalmine-aggregator.service coalmine-status-page.service
  fi
  if [ "$verdict" = older ] && [ "$file" != - ]; then copy_store "$from_version" "$to_version"; fi
  place_units_of "$to_version" || fail $? "what comes with $to_version could not be put in place"
  point current "$to_version"
  say "current is $to_version"
  if [ "$verdict" = newer ]; then put_back_store "$from_version" "$to_version"; fi
  restart_roles "$to_version" "${roles[*]-}" || fail 12 "$to_version did not become healthy"
  point previous "$from_version"
  sync_placed
  rm -f "$DOING"
  undo=()
  prune
}

# Sets verdict and file: what is to be done about the store.
plan_store() {
  local from_version=$1 to_version=$2 said stored newest
  verdict=same file=-
  enabled aggregator || return 0
  said=$(step "$to_version" store plan "$CONFIGS/aggregator.yaml" 2>&1) || fail $? "the store: $said"
  read -r verdict stored newest file <<<"$said"
  case $verdict in
    none) verdict=same ;;
    older)
      if [ "$file" = - ]; then
        [ -n "$backed_up" ] || fail 14 "$to_version changes the store's schema ($stored to $newest), and there is no" \
          'way back without a copy: make one (pg_dump), then say --store-backed-up'
        say "the store's schema changes from $stored to $newest; a way back takes your copy of it"
      fi
      ;;
    newer)
      [ "$file" != - ] || fail 14 "$to_version does not know the store's schema $stored: put your copy back," \
        "which was made before the upgrade to $from_version"
      [ -f "$file.of-$to_version" ] || fail 14 "$to_version does not know the schema $stored of $file, and there is" \
        "no copy $file.of-$to_version"
      [ -n "$restore_store" ] || fail 14 "$to_version does not know the schema $stored of $file. With" \
        "--restore-store it gets the copy of $(date -r "$file.of-$to_version" '+%F %T') back; what was counted" \
        'since then is put aside and is not in it'
      ;;
  esac
}

# With the aggregator stopped: a copy of what will be migrated.
copy_store() {
  local from_version=$1 to_version=$2 said
  said=$(step "$to_version" store copy --left-by "$from_version" "$CONFIGS/aggregator.yaml" 2>&1) || fail $? "$said"
  say "the store as $from_version left it is copied: $said"
  touched=yes
  write_doing "$from_version" "$to_version"
}

# With the aggregator stopped: the copy in the place of what is too new.
put_back_store() {
  local from_version=$1 to_version=$2 said
  touched=yes
  write_doing "$from_version" "$to_version"
  said=$(step "$to_version" store restore --left-by "$to_version" --newer "$from_version" \
    "$CONFIGS/aggregator.yaml" 2>&1) || fail $? "$said"
  say "the copy that $to_version left is the store again; the one of $from_version is put aside: $said"
}

# An installation is from no version: then it also has the role, whether its configuration is new, whether the
# role was installed before, and which secrets change.
write_doing() {
  printf 'from=%s\nto=%s\ntouched=%s\nrole=%s\nfresh=%s\nran=%s\nsecrets=%s\n' \
    "$1" "$2" "$touched" "${3-}" "${4-}" "${5-}" "${changed_secrets[*]-}" >"$DOING.new"
  sync -f "$DOING.new"
  mv "$DOING.new" "$DOING"
}

# Units are undone by go_back, which puts those of the version in place.
place_units_of() {
  local kept=("${undo[@]}") code=0
  place_units "$1" || code=$?
  undo=("${kept[@]}")
  return "$code"
}

# Stops, then starts and waits: the wait must not take the old process for the new one.
restart_roles() {
  local by=$1 each well=0 within=60
  [ "$verdict" = same ] || within=600 # a large store takes its time to be migrated
  for each in $2; do systemctl stop "$(unit "$each")"; done
  since=$(date +%s)
  for each in $2; do
    systemctl reset-failed "$(unit "$each")" 2>/dev/null || true
    systemctl start --no-block "$(unit "$each")"
  done
  for each in $2; do healthy "$by" "$each" "$within" || { well=1; break; }; done
  return $well
}

# The first version comes back: its link, its store, its units. It goes on to the end whatever fails; what did is told
# then, and link and units are tried again by the next run.
go_back() {
  local from_version=$1 to_version=$2 each said failed=() again=''
  say "going back to $from_version" >&2
  for each in $3; do systemctl stop "$(unit "$each")" || failed+=("$(unit "$each") did not stop"); done
  if ! point current "$from_version"; then
    failed+=("current is still $to_version") again=yes
    touched='' # it would migrate what is put back
    for each in "${!undo[@]}"; do undo[each]=:; done # nor is it taken away
  fi
  # A store that is as it knows it was never migrated, or is back already: the copy is older than that.
  if [ -n "$touched" ] && said=$(step "$from_version" store plan "$CONFIGS/aggregator.yaml" 2>&1) &&
    [[ $said == "same "* ]]; then
    touched=''
  fi
  if [ -n "$touched" ]; then
    if said=$(step "$from_version" store restore --left-by "$from_version" --newer "$to_version" \
      "$CONFIGS/aggregator.yaml" 2>&1); then
      say "the store is as $from_version left it" >&2
    else
      say "the store could not be put back: $said" >&2
      failed+=('the store is not put back')
    fi
  fi
  if ! place_units_of "$from_version"; then
    failed+=("what comes with $from_version is not all in place") again=yes
  fi
  [ -n "$again" ] || rm -f "$DOING"
  if restart_roles "$from_version" "$3"; then
    say "rolled back: $from_version runs" >&2
  else
    say "rolled back to $from_version, which is not healthy either, as said above" >&2
  fi
  for each in "${failed[@]}"; do say "not undone: $each" >&2; done
  [ -z "$again" ] || say 'the next run tries again' >&2
  [ ${#failed[@]} = 0 ]
}

settle_interrupted() {
  local from_version to_version well=yes each roles
  from_version=$(sed -n 's/^from=//p' "$DOING")
  to_version=$(sed -n 's/^to=//p' "$DOING")
  touched=$(sed -n 's/^touched=//p' "$DOING")
  roles=$(enabled_roles | tr '\n' ' ')
  [ -n "$from_version" ] || { settle_installation; return; }
  say "the change from $from_version to $to_version was interrupted"
  if [ "$(version_of current)" = "$to_version" ]; then
    for each in $roles; do wait_s=10 healthy "$to_version" "$each" || { well=''; break; }; done
  else
    well=''
  fi
  if [ -n "$well" ]; then
    point previous "$from_version"
    rm -f "$DOING"
    say "$to_version is healthy: the change is finished"
  else
    go_back "$from_version" "$to_version" "$roles" || [ ! -f "$DOING" ] ||
      fail 13 'the change that was interrupted is not all undone'
  fi
}

settle_installation() {
  local which fresh ran name was role version=$to_version changed_secrets undo=() # those of that run
  which=$(sed -n 's/^role=//p' "$DOING")
  fresh=$(sed -n 's/^fresh=//p' "$DOING")
  ran=$(sed -n 's/^ran=//p' "$DOING")
  read -ra changed_secrets <<<"$(sed -n 's/^secrets=//p' "$DOING")"
  role=$which
  name=$(unit "$which")
  was=$(config_before "$which")
  say "the installation of $to_version as $which was interrupted"
  if enabled "$which" && settled "$which" "$ran" && restart_readers; then
    say 'it is healthy: the installation is finished'
  else
    put_secrets_back
    [ ! -f "$was" ] || name_again "$was" "$CONFIGS/$which.yaml"
    if [ -n "$ran" ]; then
      restart_roles "$to_version" "$which" || true
    else
      systemctl --quiet disable "$name" 2>/dev/null || true
      stop_for_good "$name"
      [ -z "$fresh" ] || rm -f "$CONFIGS/$which.yaml"
    fi
    restart_readers || true
    [ -n "$(enabled_roles)" ] || rm -f "$HOME_OF_ALL/current"
    say 'it is undone'
  fi
  rm -f "$DOING" "$was"
  drop_secrets_before
}

# What ran before may not have read yet what is judged.
settled() {
  if [ -n "$2" ]; then restart_roles "$to_version" "$1"; else wait_s=10 healthy "$to_version" "$1"; fi
}

rollback() {
  local now before
  now=$(version_of current)
  before=$(version_of previous)
  if [ -z "$before" ] || ! complete "$before"; then fail 13 "there is no older version than $now to go back to"; fi
  switch "$now" "$before"
  say "rolled back: from $now to $before; another rollback goes forward again"
}

# One version besides the current one is kept.
prune() {
  local each name
  for each in "$HOME_OF_ALL"/*/; do
    name=$(basename "$each")
    case $name in
      current | previous | "$(version_of current)" | "$(version_of previous)") ;;
      *) [[ ! $name =~ ^[0-9]+(\.[0-9]+)*([a-z]+[0-9]+)?$ ]] || { rm -rf "$each"; say "removed: $name"; } ;;
    esac
  done
}
