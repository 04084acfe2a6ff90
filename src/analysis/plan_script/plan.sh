
# Keys are read from below `exit 0`, one a line: type, memory, expiry (Unix milliseconds, or -), name. A name is in double
# quotes, escaped as redis-cli and valkey-cli write it and read it on their standard input; no byte of it is seen by this
# shell.
set -u
LC_ALL=C
export LC_ALL
plan=$0
CLI=${CLI:-redis-cli}
BATCH=@BATCH@

fail() {
  echo "$plan: $1" >&2
  exit 1
}

keys() {
  sed '1,/^exit 0$/d' "$plan"
}

commands() {
  keys | awk -v most="$BATCH" '
    function flush() {
      if (n) print @COMMAND@
      n = 0; names = ""; facts = ""
    }
    /^db / {
      flush()
      if (db "" != $2 "") print "SELECT " $2
      db = $2
      next
    }
    /^#/ || NF < 4 { next }
    {
      name = $0
      sub(/^[^ ]+ [^ ]+ [^ ]+ /, "", name)
      names = names " " name
      facts = facts " " $1 " " $3
      n++
      if (n >= most || length(names) > 65536) flush()
    }
    END {
      flush()
      print "ECHO \"end of the plan\""
    }'
}

[ "$(tail -n 1 "$plan")" = "# end of the plan" ] || fail "its end is missing: it is no whole plan"

if [ "${APPLY:-}" != 1 ]; then
  commands
  echo "$plan: nothing was done; APPLY=1 sends these commands to: $CLI" >&2
  exit 0
fi

# A database that cannot be selected leaves the program in another one: so this is asked before anything is sent.
for db in $(keys | awk '/^db / && !seen[$2]++ { print $2 }'); do
  answer=$($CLI SELECT "$db") || fail "no answer from: $CLI"
  [ "$answer" = OK ] || fail "database $db: ${answer:-no answer from: $CLI}"
done

# Every answer is a number of keys. The first one that is not ends it.
commands | $CLI | awk '
  /^[0-9]+$/ { done += $1; next }
  /^OK$/ || /^$/ || /^-> Redirected/ { next }
  /^end of the plan$/ { whole = 1; next }
  { print "stopped by the answer: " $0; exit 1 }
  END {
    print done + 0 " of @KEYS@ keys: @DONE@"
    if (!whole) print "not everything was sent"
    exit !whole
  }' || exit 1
exit 0
