
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

databases() {
  keys | awk '/^db / && !seen[$2]++ { print $2 }'
}

# Of one database, or of all.
commands() {
  keys | awk -v most="$BATCH" -v only="${1:-}" '
    function flush() {
      if (n) print @COMMAND@
      n = 0; names = ""; facts = ""
    }
    /^db / {
      flush()
      wanted = only == "" || $2 "" == only ""
      if (wanted && db "" != $2 "") { print "SELECT " $2; db = $2 }
      next
    }
    !wanted || /^#/ || NF < 4 { next }
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
count=0
for db in $(databases); do
  answer=$($CLI -n "$db" SELECT "$db") || fail "no answer from: $CLI"
  [ "$answer" = OK ] || fail "database $db: ${answer:-no answer from: $CLI}"
  count=$((count + 1))
done

# Each database has a connection of its own: made again after it broke, it is still one to that database. The program sends
# on after an answer that is no number of keys: so all answers are read, and the first such one is shown.
for db in $(databases); do
  commands "$db" | $CLI -n "$db"
done | awk -v parts="$count" '
  /^[0-9]+$/ { done += $1; next }
  /^OK$/ || /^$/ || /^-> Redirected/ { next }
  /^end of the plan$/ { whole++; next }
  !refused++ { first = $0 }
  END {
    print done + 0 " of @KEYS@ keys: @DONE@"
    if (refused) print "answers that refuse: " refused ", the first: " first
    if (whole != parts) print "not everything was sent"
    exit refused || whole != parts
  }' || exit 1
exit 0
