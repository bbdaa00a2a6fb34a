#!/bin/sh
# recover.sh: part of make e2e: kedged's state is put back from a backup, under
# load. Once a copy from before the first finish when nodes have finished; once
# one from before the roll when that is over; once one from before a roll of the
# management root, whose old generation all nodes have forgotten. kedged finds
# out by itself, asks the nodes, the roll comes to its end, and so does the next
# one: no handshake refused.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}

kedged_up() {
	kedged_start
	try 20 kedge root show plant || die "kedged: $(cat "$D/try.log")"
}

# The copy is made as docs/operations.md says: kedged stands meanwhile.
backup() {
	proc_stop kedged KILL
	cp -a "$D/ca/state" "$D/ca/$1"
	kedged_up
}

restore() {
	proc_stop kedged KILL
	rm -rf "$D/ca/state"
	cp -a "$D/ca/$1" "$D/ca/state"
	kedged_up
}

# one_has_finished: some node trusts one root, and that is not the old one
one_has_finished() {
	for n in $NODES; do
		t=$D/$n/files/trust.pem
		[ -s "$t" ] && [ "$(grep -c BEGIN "$t")" = 1 ] &&
			! cmp -s "$t" "$D/pki/old-root.pem" && return 0
	done
	return 1
}

# recovered N: so many recoveries are over, by the log
recovered() {
	[ "$(grep -c 'recovery: over' "$D/ca/kedged.log")" -ge "$1" ]
}

# generation GEN: every node trusts one root, the same one
generation() {
	for n in $NODES; do
		t=$D/$n/files/trust.pem
		[ -s "$t" ] || continue
		[ "$(grep -c BEGIN "$t")" = 1 ] ||
			die "$n trusts more than one root"
		cmp -s "$t" "$D/app1/files/trust.pem" ||
			die "$n trusts another root than app1"
	done
	kedge root show plant | grep -q "generation $1" ||
		die "not generation $1: $(kedge root show plant)"
}

fleet_new
fleet_up
fleet_keep_old
load_start "$RATE"
sleep 0.5
load_say begin

kedge roll start plant || die "the roll did not start"
try 60 steps_at_least 3 || die "nothing happens: $(cat "$D/try.log")"
backup early
one_has_finished && die "the copy is not from before the first finish"
try 90 one_has_finished || die "no finish: $(kedge roll status plant)"
restore early
try 60 grep -q "it is an old copy" "$D/ca/kedged.log" ||
	die "not found out: $(tail -n 3 "$D/ca/kedged.log")"
try 60 recovered 1 || die "no recovery: $(tail -n 3 "$D/ca/kedged.log")"
try 90 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
generation 2
say "recover: a copy from before the first finish: rolled on to its end"

backup before
kedge roll start plant || die "the second roll did not start"
try 90 roll_is_over || die "the second does not end: $(cat "$D/try.log")"
generation 3
restore before
try 60 recovered 2 || die "no recovery: $(tail -n 3 "$D/ca/kedged.log")"
# the copy knows of no such roll: it waits for the operator
kedge roll status plant | grep -q 'kedge roll resume plant' ||
	die "begun anew, and not paused: $(kedge roll status plant)"
kedge roll resume plant || die "the roll does not go on"
try 90 roll_is_over || die "it does not end: $(cat "$D/try.log")"
generation 3
kedge roll start plant || die "the third roll did not start"
try 90 roll_is_over || die "the third does not end: $(cat "$D/try.log")"
generation 4
say "recover: a copy from before a roll that was over: found, and rolled on"

own_is_over() {
	kedge roll status --exit-code management
}

backup own
try 20 kedge roll start management || die "management: $(cat "$D/try.log")"
try 90 own_is_over || die "management does not end: $(cat "$D/try.log")"
restore own
try 60 recovered 3 || die "no recovery: $(tail -n 3 "$D/ca/kedged.log")"
kedge roll resume management || die "the roll does not go on"
try 90 own_is_over || die "it does not end: $(cat "$D/try.log")"
kedge root show management | grep -q "generation 2" ||
	die "not generation 2: $(kedge root show management)"
kedge roll start plant || die "the fourth roll did not start"
try 90 roll_is_over || die "the fourth does not end: $(cat "$D/try.log")"
generation 5
say "recover: a copy from before a roll of management: the nodes hear the CA"

load_end
kedge audit verify || die "the audit chain is broken"
load_report "$D/report.json" 8 1 4 8
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "recover: $(report_value "$D/report.json" handshakes) handshakes, 0 refused"
