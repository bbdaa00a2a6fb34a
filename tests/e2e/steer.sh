#!/bin/sh
# steer.sh: part of make e2e: the operator changes his mind. Under load a roll
# is aborted in the middle, and rolled again: no handshake refused, and the
# same new root. Then a node dies and is excused: the others roll. Then links
# go, before a roll and in the middle of one: kedge-hsmd forgets them in time.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}

# new_root: NewWithNew of generation 2
new_root() {
	kedge root show plant --json |
		grep -o '"new_with_new": *"[^"]*"' | sed -n 2p
}

# state_is WORD: of the last roll
state_is() {
	kedge roll status plant | grep -q ": $1, "
}

# hsmd_says WORDS: in its log
hsmd_says() {
	grep -q "$1" "$D/hsm/hsmd.log"
}

# waits_for WORD: the roll says so
waits_for() {
	kedge roll status plant | grep -q "waits.*$1"
}

fleet_new
fleet_up
load_start "$RATE"
sleep 0.5
load_say begin
# by layers: no finish before every cert, so that there is time to abort
kedge roll start --strategy layered plant || die "the roll did not start"
try 60 steps_at_least 9 || die "nothing happens"
kedge roll abort --reason "a test" plant || die "no abort"
try 60 roll_is_over || die "the abort does not end: $(cat "$D/try.log")"
state_is "aborted" || die "not aborted: $(kedge roll status plant)"
first=$(new_root)
[ -n "$first" ] || die "no second generation"
say "steer: aborted in the middle"
kedge roll start plant || die "the second roll did not start"
[ "$first" = "$(new_root)" ] || die "another new root than before the abort"
try 60 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
load_end
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"

proc_stop app5-agent KILL
kedge roll start plant || die "the third roll did not start"
sleep 2
roll_is_over && die "a dead node was not waited for"
kedge roll excuse --reason "dead, as a test" plant app5 || die "no excuse"
try 60 roll_is_over || die "it waits for app5: $(cat "$D/try.log")"
state_is "done" || die "not done: $(kedge roll status plant)"
say "steer: a dead node was excused, and the others rolled"

proc_stop app4-agent KILL
kedge link remove app4 web1 || die "the link stays"
try 10 hsmd_says "link app4>web1: forgotten$" || die "hsmd keeps app4>web1"
kedge roll start --dry-run plant || die "not ready without app4"
kedge roll start plant || die "the fourth roll did not start"
try 60 roll_is_over || die "it waits for app4: $(cat "$D/try.log")"
say "steer: a link went before a roll"

proc_stop app2-agent KILL
kedge roll start plant || die "the fifth roll did not start"
try 30 waits_for app2 || die "app2 is not waited for"
kedge link remove app2 web1 2>"$D/remove.log"
[ $? = 5 ] || die "the link went in the middle, without a word"
kedge link remove --reason "sold" app2 web1 || die "the link stays"
try 60 roll_is_over || die "it waits for app2: $(cat "$D/try.log")"
hsmd_says "link app2>web1: forgotten in the middle" || die "not on record"
[ "$(grep -c "is not forgotten" "$D/hsm/hsmd.log")" -le 2 ] ||
	die "kedge-hsmd says again and again what it keeps"
state_is "done" || die "not done: $(kedge roll status plant)"
say "steer: a link went in the middle of a roll"
