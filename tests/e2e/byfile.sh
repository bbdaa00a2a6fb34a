#!/bin/sh
# byfile.sh: part of make e2e: app5 has no network but the link of its
# application: it joins by files, and rolls by files, while the others roll as
# ever and all talk to each other. No handshake refused. Before that, files that
# must be refused: damaged, of another node, a copy.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}
CARRIED=app5
N=$CARRIED

# agent OPTION...: the agent of the carried node, once
agent() {
	"$B/bin/kedge-agentd" --config "$D/$N/agent.conf" "$@" >>"$D/$N/agent.log" 2>&1
}

# refuses WORDS COMMAND...: it fails, and says so, in its own words or in what it
# adds to the agent's log
refuses() {
	words=$1
	shift
	before=$(wc -c <"$D/$N/agent.log")
	! "$@" >"$D/refused.log" 2>&1 || die "accepted: $*"
	tail -c "+$((before + 1))" "$D/$N/agent.log" >>"$D/refused.log"
	grep -q "$words" "$D/refused.log" ||
		die "$*: not for that reason: $(tail -n 3 "$D/refused.log")"
}

join_by_files() {
	agent_conf "$N" >"$D/$N/agent.conf"
	kedge node token --out "$D/$N/token" "$N" >"$D/$N/token.log" 2>&1 &&
		agent --join-request "$D/$N/q" --join-token-file "$D/$N/token" &&
		kedge node join "$D/$N/q" "$D/$N/a" >>"$D/$N/token.log" &&
		agent --join-answer "$D/$N/a" --join-token-file "$D/$N/token" ||
		die "$N did not join: $(tail -n 3 "$D/$N/agent.log" "$D/$N/token.log")"
	"$B/bin/kedge-agentd" --config "$D/$N/agent.conf" \
	    --parcel-export "$D/$N/up" >>"$D/$N/agent.log" 2>&1 &
	proc_keep "$N-agent" $!
	try 10 node_joined "$N" || die "$N has no files"
}

# carry: one way there and back
carry() {
	rm -f "$D/$N/down"
	if kedge parcel export --out "$D/$N/down" "$N" >"$D/$N/carry.log" 2>&1; then
		agent --parcel-import "$D/$N/down" --parcel-export "$D/$N/up" ||
			die "carry: $(tail -n 3 "$D/$N/agent.log")"
	else
		agent --parcel-export "$D/$N/up" || die "carry: no stock"
	fi
	kedge parcel import "$D/$N/up" >>"$D/$N/carry.log" 2>&1 ||
		die "carry: $(cat "$D/$N/carry.log")"
	cp "$D/$N/up" "$D/$N/copy"
}

carry_to_end() {
	roll_is_over && return
	carry
	return 1
}

files_refused() {
	refuses "nothing in it is news" kedge parcel import "$D/$N/copy"
	refuses "goes to kedge-agentd" kedge parcel import "$D/$N/down"
	head -c 300 "$D/$N/down" >"$D/$N/cut"
	refuses "damaged" agent --parcel-import "$D/$N/cut"
	refuses "damaged" kedge parcel import "$D/$N/cut"
	sed 's/app5/app4/g' "$D/$N/copy" >"$D/$N/false"
	refuses "file of node app4" kedge parcel import "$D/$N/false"
	sed 's/app5/app4/g' "$D/$N/down" >"$D/$N/false"
	refuses "for node app4" agent --parcel-import "$D/$N/false"
}

fleet_new
TOPOLOGY=$D/topology.conf
sed "/\"$N\"; reach/s/ via = .*\];//" "$HERE/topology.conf" >"$TOPOLOGY"
ca_up
rest=$(printf '%s\n' $NODES | grep -v "$N")
(NODES=$rest && nodes_up) || exit 1
join_by_files
fleet_apps_start
wait "$(proc_pid "$N-agent")" || die "$N: $(tail -n 3 "$D/$N/agent.log")"
rm -f "$D/run/$N-agent"
kedge parcel import "$D/$N/up" || die "the join's report was not taken"
try 20 fleet_is_ready || die "the fleet is not ready: $(cat "$D/try.log")"
carry
say "byfile: $N joined by files"
load_start "$RATE"
sleep 0.5
load_say begin
kedge roll start plant || die "the roll did not start"
try 10 kedge parcel export --out "$D/$N/down" "$N" || die "no order for $N"
files_refused
try 60 carry_to_end || die "the roll does not end: $(cat "$D/try.log")"
load_end
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
kedge node show "$N" | grep -q '^plant  *2  *2 ' ||
	die "$N took no part: $(kedge node show "$N")"
kedge audit list --limit 500 | grep -q "parcel-import" || die "not in the audit"
say "byfile: and rolled by files, without one refused handshake"
