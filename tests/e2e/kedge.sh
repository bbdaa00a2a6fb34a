# kedge.sh: the fleet under kedge: token, kedge-hsmd, kedged, eight agents,
# joined, applications running. Sourced after fleet.sh.

. "$HERE/agents.sh"
. "$HERE/../lib/module.sh"

kedge() {
	"$B/bin/kedge" "$@" --socket "$D/ca/control"
}

# try SECONDS COMMAND...: until it succeeds; false when the time is over
try() {
	left=$(($1 * 10))
	shift
	until "$@" >"$D/try.log" 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

token_new() {
	mkdir -p "$D/hsm/tokens"
	cat >"$D/hsm/softhsm2.conf" <<CONF
directories.tokendir = $D/hsm/tokens
objectstore.backend = file
log.level = ERROR
CONF
	(umask 077 && od -An -N8 -tx1 /dev/urandom | tr -d ' \n' >"$D/hsm/pin")
	SOFTHSM2_CONF=$D/hsm/softhsm2.conf
	export SOFTHSM2_CONF
	"$E2E/token" "$(softhsm_module)" kedge-demo <"$D/hsm/pin" \
	    >"$D/hsm/init.log" 2>&1 || die "token: $(cat "$D/hsm/init.log")"
}

hsmd_start() {
	"$B/bin/kedge-hsmd" --config "$D/hsm/hsmd.conf" --pin-fd 3 \
	    3<"$D/hsm/pin" >>"$D/hsm/hsmd.log" 2>&1 &
	proc_keep hsmd $!
}

kedged_start() {
	$(node_in ca) "$B/bin/kedged" --config "$D/ca/kedged.conf" \
	    >>"$D/ca/kedged.log" 2>&1 &
	proc_keep kedged $!
}

ca_conf() {
	cat >"$D/hsm/hsmd.conf" <<CONF
fleet = "demo";
socket = "$D/hsm/socket";
state = "$D/hsm/state";
tokens = ( {
	name = "softhsm";
	module = "$(softhsm_module)";
	uri = "pkcs11:token=kedge-demo";
	backup_of = "$D/hsm/tokens";
} );
CONF
	cat >"$D/ca/kedged.conf" <<CONF
fleet = "demo";
state_dir = "$D/ca/state";
control = "$D/ca/control";
hsm = "$D/hsm/socket";
listen = "$(node_addr ca):$CA";
resend = 1.0;
resend_max = 4.0;
poll_wait = 5.0;
retry = 0.3;
fresh = 3.0;
metrics = "127.0.0.1:$METRICS";
${KEDGED_MORE:-}
CONF
}

# Prints the metrics of kedged as they are on the wire
metrics_read() {
	$(node_in ca) python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode(), end="")' \
	    "http://127.0.0.1:$METRICS/metrics"
}

ca_up() {
	mkdir -p "$D/ca" "$D/hsm"
	token_new
	ca_conf
	hsmd_start
	kedged_start
	try 10 kedge init || die "kedge init: $(cat "$D/try.log")"
	kedge topology apply "${TOPOLOGY:-$HERE/topology.conf}" >"$D/ca/topology.log" 2>&1 ||
		die "topology: $(cat "$D/ca/topology.log")"
	kedge node set --address "$(node_addr web1):$MWEB1" web1 >"$D/ca/set.log" 2>&1 ||
		die "node set: $(cat "$D/ca/set.log")"
}

# The node's files are there once its join is answered
node_joined() {
	[ -s "$D/$1/files/trust.pem" ]
}

nodes_up() {
	for n in $NODES; do
		agent_conf "$n" >"$D/$n/agent.conf"
		kedge node token --out "$D/$n/token" "$n" >"$D/$n/token.log" \
		    2>&1 || die "token of $n: $(cat "$D/$n/token.log")"
		agent_start "$n" --join-token-file "$D/$n/token"
	done
	for n in $NODES; do
		try 10 node_joined "$n" ||
			die "$n did not join: $(tail -n 3 "$D/$n/agent.log")"
	done
}

# Every node has reported its first order effective
fleet_is_ready() {
	kedge roll start --dry-run plant
}

fleet_up() {
	ca_up
	nodes_up
	fleet_apps_start
	try 20 fleet_is_ready || die "the fleet is not ready: $(cat "$D/try.log")"
}

# What the nodes present before the roll, and the root of it: for oldroot.sh
fleet_keep_old() {
	for n in $NODES; do
		cp "$D/$n/files/trust.pem" "$D/pki/old-root.pem"
		[ -f "$D/$n/files/chain.pem" ] &&
			cp "$D/$n/files/chain.pem" "$D/pki/$n.1.pem"
	done
}

# steps_done: how far the newest roll of plant is
steps_done() {
	kedge roll status plant |
		sed -n 's/.*, \([0-9]*\) of [0-9]* steps.*/\1/p' | tail -n 1
}

steps_at_least() {
	[ "$(steps_done)" -ge "$1" ]
}

# roll_time first_order|last_report: in milliseconds, as kedged has stored it
roll_time() {
	kedge roll status --json plant | sed -n "s/.*\"$1_ms\": *\([0-9]*\).*/\1/p"
}

roll_is_over() {
	kedge roll status --exit-code plant
}
