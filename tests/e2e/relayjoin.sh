#!/bin/sh
# relayjoin.sh: part of make e2e: no node but the two servers can reach the CA:
# the address in the tokens is nobody's. All others join through their relays,
# app5 and app6 over three hops, app5 in the middle of live traffic. Then a
# roll over all of them. No handshake refused.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"

# where nobody listens
KEDGED_MORE='address = "127.0.0.1:1";'
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}
LATE=app5

# The two servers know better than their tokens
agent_more() {
	case $1 in
	web*) echo "ca = { address = \"127.0.0.1:$CA\"; };" ;;
	esac
}

# All pairs but those of LATE
load_early() {
	mkfifo "$D/load.in"
	"$E2E/load" "$RATE" "app1,web1,$P11,mutual" "app2,web1,$P21,mutual" \
	    "app3,web1,$P31,mutual" "app3,web2,$P32,mutual" \
	    "app4,web1,$P41,mutual" "app6,web2,$P62,server" \
	    <"$D/load.in" >"$D/load.out" 2>&1 &
	proc_keep load $!
	exec 7>"$D/load.in"
}

app_up() {
	app_start "$1" "$(app_kind "$1")" $(app_args "$1")
}

# join NODE: by a fresh token; nobody but its relay helps
join() {
	agent_conf "$1" >"$D/$1/agent.conf"
	agent_more "$1" >>"$D/$1/agent.conf"
	kedge node token --out "$D/$1/token" "$1" >"$D/$1/token.log" 2>&1 ||
		die "token of $1: $(cat "$D/$1/token.log")"
	agent_start "$1" --join-token-file "$D/$1/token"
}

# A relay listens from its own join on, and its application runs by then
fleet_joined() {
	for n in "$@"; do
		try 20 node_joined "$n" ||
			die "$n did not join: $(tail -n 5 "$D/$n/agent.log")"
		app_up "$n"
	done
}

fleet_new
ca_up
for n in $NODES; do
	[ "$n" = "$LATE" ] || join "$n"
done
fleet_joined web1 web2 app1 app2 app3 app4 app6
"$E2E/ports" -w "$WEB1" "$WEB2" "$WEB2S" "$P11" "$P21" "$P31" "$P32" "$P41" \
    "$P62" || die "an application did not start; see $D"
say "relayjoin: five nodes joined through their relays"
load_early
sleep 0.5
load_say begin
join "$LATE"
fleet_joined "$LATE"
try 20 fleet_is_ready || die "the fleet is not ready: $(cat "$D/try.log")"
kedge audit list --limit 500 | grep -q "$LATE.*join" || die "no join in the audit"
say "relayjoin: $LATE joined through web2, app3 and web1, in live traffic"
kedge roll start plant || die "the roll did not start"
try 90 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
load_end
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
kedge node show "$LATE" | grep -q '^plant  *2  *2 ' ||
	die "$LATE took no part: $(kedge node show "$LATE")"
say "relayjoin: and took part in a roll, without one refused handshake"
