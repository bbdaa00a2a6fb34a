#!/bin/sh
# bench-agent.sh: memory and start of a joined kedge-agentd (management and
# relay listeners open, no application) against a program that only holds one
# TLS context and an event loop. First target: RSS at 1.3 of that floor.
# shellcheck disable=SC1091
. "${0%/*}/fleet.sh"
. "$HERE/kedge.sh"

fleet_new
mkdir -p "$D/ca" "$D/hsm"
token_new
ca_conf
hsmd_start
kedged_start
try 10 kedge init || die "kedge init: $(cat "$D/try.log")"
cat >"$D/topology.conf" <<CONF
roots = ( { name = "plant"; } );
nodes = ( { name = "web1"; reach = "direct"; },
	{ name = "app1"; reach = "poll"; via = [ "web1" ]; } );
links = ( { client = "app1"; server = "web1"; auth = "mutual"; root = "plant"; } );
CONF
kedge topology apply "$D/topology.conf" >"$D/ca/topology.log" 2>&1 ||
	die "topology: $(cat "$D/ca/topology.log")"
cat >"$D/web1/agent.conf" <<CONF
fleet = "demo";
node = "web1";
store = "$D/web1/store";
ca = { address = "127.0.0.1:$CA"; };
management = { listen = "127.0.0.1:$MWEB1"; };
relay = { listen = "127.0.0.1:$RWEB1"; root = "plant"; verify_root = "plant"; };
CONF
kedge node token --out "$D/web1/token" web1 >"$D/web1/token.log" 2>&1 ||
	die "token: $(cat "$D/web1/token.log")"
"$B/bin/kedge-agentd" --config "$D/web1/agent.conf" \
    --join-token-file "$D/web1/token" >"$D/web1/agent.log" 2>&1 &
proc_keep web1 $!
V=$D/web1/store/plant/v000001
joined() {
	[ -s "$V/cert.pem" ]
}
try 10 joined || die "web1 did not join: $(tail -n 3 "$D/web1/agent.log")"
proc_stop web1
"$B/bench/ready" "${KEDGE_BENCH_RUNS:-15}" \
    "$B/bin/kedge-agentd" --config "$D/web1/agent.conf" -- \
    "$B/bench/floor" "$V/cert.pem" "$D/web1/store/plant/key.pem" \
    "$V/trust.pem"
