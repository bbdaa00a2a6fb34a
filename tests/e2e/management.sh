#!/bin/sh
# management.sh: part of make e2e: the management root rolls under load, with
# nodes that the CA dials, that poll it, and that are behind one and two
# relays; kedged and an agent die by SIGKILL meanwhile. Then it rolls again,
# and after that a root of the links: no handshake refused, nobody forgotten.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}
CA_POLLER=app4

# own_is_over: the roll of the management root is
own_is_over() {
	kedge roll status --exit-code management
}

# own_is WORD: so the last roll of it ended
own_is() {
	kedge roll status management | grep -q ": $1, "
}

own_steps_at_least() {
	[ "$(kedge roll status management |
		sed -n 's/.*, \([0-9]*\) of [0-9]* steps.*/\1/p' |
		tail -n 1)" -ge "$1" ]
}

own_is_ready() {
	kedge roll start --dry-run management
}

# restart NAME COMMAND...: kill -9, and up again
restart() {
	proc_stop "$1" KILL
	shift
	"$@"
}

# generation GEN: every agent trusts and shows this one alone
generation() {
	for n in $NODES; do
		last=$(printf '%s\n' "$D/$n/store/management/"v*/trust.pem |
			tail -n 1)
		[ "$(grep -c BEGIN "$last")" = 1 ] ||
			die "$n trusts more than one management root"
	done
	kedge root show management | grep -q "generation $1" ||
		die "not generation $1: $(kedge root show management)"
}

fleet_new
sed '/"app4"/s/via = \[[^]]*\];//' "$HERE/topology.conf" >"$D/topology.conf"
TOPOLOGY=$D/topology.conf
fleet_up
try 20 own_is_ready || die "not ready: $(cat "$D/try.log")"
load_start "$RATE"
sleep 0.5
load_say begin

kedge roll start management || die "the roll did not start"
try 60 own_steps_at_least 5 || die "nothing happens: $(cat "$D/try.log")"
restart kedged kedged_start
try 60 own_steps_at_least 12 || die "it stands: $(cat "$D/try.log")"
restart app3-agent agent_start app3
restart kedged kedged_start
try 90 own_is_over || die "the roll does not end: $(cat "$D/try.log")"
own_is "done" || die "not done: $(kedge roll status management)"
say "management: rolled, kedged killed twice and a relay once"

kedge roll start plant || die "plant does not start: $(cat "$D/try.log")"
try 60 roll_is_over || die "plant does not end: $(cat "$D/try.log")"
kedge roll start management || die "the second roll did not start"
kedge roll start plant || die "plant does not start beside it"
try 90 own_is_over || die "the second does not end: $(cat "$D/try.log")"
try 60 roll_is_over || die "plant does not end: $(cat "$D/try.log")"
own_is "done" || die "not done: $(kedge roll status management)"
generation 3
load_end
kedge audit verify || die "the audit chain is broken"
load_report "$D/report.json" 8 1 3 8
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "management: $(report_value "$D/report.json" handshakes) handshakes, 0 refused"
