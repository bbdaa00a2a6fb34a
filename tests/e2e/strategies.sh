#!/bin/sh
# strategies.sh: part of make e2e: the demo fleet rolls once by each strategy
# under load, no handshake refused; first with clients that hold one
# certificate, then with dual ones, which bridge two generations (the seed's
# FIG. 24 to 30 and 43 to 48) and must need fewer orders when bundled.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"

RATE=${KEDGE_CHECK_RATE:-20}

# by STRATEGY=ORDERS: one roll, and how many orders it must take
by() {
	before=$(orders)
	kedge roll start --strategy "${1%=*}" plant >"$D/start" ||
		die "$1: the roll did not start"
	try 60 roll_is_over || die "$1: the roll does not end: $(cat "$D/try.log")"
	count=$(($(orders) - before))
	[ "$count" = "${1#*=}" ] || die "$1: it took $count orders"
	say "strategies: $2 clients, ${1%=*}: $count orders"
}

# orders: sent so far to all nodes
orders() {
	for n in $NODES; do
		kedge node show "$n"
	done | grep -c "^plant .* effective"
}

# fleet_with WORD STRATEGY=ORDERS...
fleet_with() {
	word=$1
	shift
	fleet_new
	sed "s/\(name = \"app.*\) }/\1 dual = $([ "$word" = dual ] &&
		echo true || echo false); }/" "$HERE/topology.conf" \
	    >"$D/topology.conf"
	TOPOLOGY=$D/topology.conf
	fleet_up
	load_start "$RATE"
	sleep 0.5
	load_say begin
	for s in "$@"; do
		fleet_keep_old
		by "$s" "$word"
	done
	load_end
	left=$(old_root_nodes) || exit 1
	load_report "$D/report.json" 8 1 $(($# + 1)) \
	    "$(echo "$left" | grep -c .)"
	[ -z "$left" ] || die "the old root is left on" $left
	refused=$(report_value "$D/report.json" refused)
	[ "$refused" = 0 ] || die "$refused handshakes refused"
}

# in subshells, so that each fleet ends before the next begins
(fleet_with plain minimal=23 layered=23 sequential=23 merged=18 compact=16) ||
	exit 1
(fleet_with dual minimal=23 bundled=14) || exit 1
say "strategies: 0 refused"
