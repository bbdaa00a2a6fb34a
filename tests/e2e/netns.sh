#!/bin/sh
# netns.sh [HANDSHAKES [SEED]]: part of make e2e; needs root. Twenty nodes, each
# in a network namespace of its own, on a network that loses every tenth
# packet. The CA reaches one of them; the others are up to five hops away. In
# each roll kedged is killed (SIGKILL) twenty times, and relays now and then.
# Rolls until there were enough handshakes; none may be refused.

# Lists are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"

ENOUGH=${1:-200000}
SEED=${2:-1}
RATE=${KEDGE_NETNS_RATE:-18} # attempts per second and pair
KILLS=20                     # of kedged, in each roll
LOSS=10                      # per cent of all packets
OUT=$B/e2e
NS=kedge$$

# A lost packet is sent again after ever longer pauses, and what began with
# the old files may end that late: applications and agents agree on it.
HANDSHAKE=120

# name, last number of its address, application, its relays, its servers
fleet_table() {
	cat <<TABLE
web1 1 nginx - -
web2 2 nginx c03,c04 -
web3 3 nginx c05,c16 -
web4 4 nginx c07,c08 -
c01 11 haproxy web1 web1
c02 12 stunnel web1 web1
c03 13 tlsclient web1 web1,web2
c04 14 tlsclient web1 web1,web2
c05 15 tlsclient web1 web1,web3
c06 16 tlsclient web1 web1
c07 17 tlsclient web2 web2,web4
c08 18 tlsclient web2 web2,web4
c09 19 haproxy web2 web2
c10 20 tlsclient web3 web3
c11 21 stunnel web3 web3
c12 22 tlsclient web3 web3
c13 23 tlsclient web4 web4
c14 24 tlsclient web4 web4
c15 25 tlsclient web4 web4
c16 26 tlsclient web1,web3 web1,web3
ca 254 - - -
TABLE
}

# cell NODE COLUMN: words, not commas; nothing for "-"
cell() {
	fleet_table | awk -v n="$1" -v c="$2" '$1 == n && $c != "-" {
		gsub(",", " ", $c); print $c }'
}

NODES=$(fleet_table | awk '$1 != "ca" { print $1 }')
PORT_SERVER=8443 PORT_RELAY=7001 PORT_CANARY=9100 PORT_TRIGGER=9101
RELAYS="c03-agent c04-agent c05-agent c07-agent web2-agent web3-agent"

note() {
	say "$(date -u +%H:%M:%S)  netns: $*"
}

# rnd N: 0 to N - 1
rnd() {
	SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff))
	R=$((SEED / 65536 % $1))
}

# ---- the network -----------------------------------------------------------------

node_in() {
	echo "ip netns exec $NS-$1"
}

node_addr() {
	echo "10.99.0.$(cell "$1" 2)"
}

netns_node() {
	ip netns add "$NS-$1"
	ip -n "$NS-$1" link set lo up
	[ "$1" != ca ] || return 0
	ip -n "$NS-ca" link add "$1" type veth peer name eth0 netns "$NS-$1"
	ip -n "$NS-ca" link set "$1" master br0 up
	ip -n "$NS-$1" addr add "$(node_addr "$1")/24" dev eth0
	ip -n "$NS-$1" link set eth0 up
}

netns_up() {
	netns_node ca
	ip -n "$NS-ca" link add br0 type bridge
	ip -n "$NS-ca" addr add "$(node_addr ca)/24" dev br0
	ip -n "$NS-ca" link set br0 up
	for n in $NODES; do
		netns_node "$n"
	done
}

netns_end() {
	code=$?
	for n in ca $NODES; do
		ip netns del "$NS-$n" 2>>"$D/netns.log"
	done
	(exit "$code")
	fleet_end
}

# loss NODE DEVICE: by netem on its way out; where the kernel has none, by a
# filter on its way in. Either way a packet is drawn for once.
loss() {
	if ip netns exec "$NS-$1" tc qdisc add dev "$2" root netem \
	    loss "$LOSS%" 2>>"$D/netns.log"; then
		by=netem
		return
	fi
	by="nftables, for want of netem"
	ip netns exec "$NS-$1" nft -f - <<RULE || die "no way to lose packets"
table inet loss {
	chain in {
		type filter hook input priority 0
		iifname $2 numgen random mod 100 < $LOSS drop
	}
}
RULE
}

# Nobody but web1 gets through to the CA any more
wall() {
	ip netns exec "$NS-ca" nft -f - <<RULE || die "no wall round the CA"
table inet wall {
	chain in {
		type filter hook input priority 1
		iifname br0 ip saddr != $(node_addr web1) drop
	}
}
RULE
}

# ---- the fleet --------------------------------------------------------------------

app_kind() {
	cell "$1" 3
}

app_args() {
	case $1 in
	web*)
		echo "$PORT_SERVER"
		return
		;;
	esac
	port=9001
	for s in $(cell "$1" 5); do
		printf '%s ' "$port=$PORT_SERVER=$s"
		port=$((port + 1))
	done
	echo "$PORT_TRIGGER=$PORT_CANARY=$1"
}

agent_sides() {
	case $1 in
	web*) agent_server "$1" "$PORT_SERVER" ;;
	*) agent_client "$1" "$PORT_CANARY" "$PORT_TRIGGER" ;;
	esac
}

# neighbour NODE ROLE
neighbour() {
	printf '%s{ node = "%s"; role = "%s"; address = "%s"; %s }' "$comma" \
	    "$1" "$2" "$(node_addr "$1"):$PORT_RELAY" \
	    'root = "plant"; verify_root = "plant";'
	comma=,
}

agent_hops() {
	[ "$1" != web1 ] || printf 'management = { listen = "%s"; };\n' \
	    "$(node_addr web1):$MWEB1"
	case $1 in
	web*)
		printf 'relay = { listen = "%s"; %s };\n' \
		    "$(node_addr "$1"):$PORT_RELAY" \
		    'root = "plant"; verify_root = "plant";'
		return
		;;
	esac
	comma=
	printf 'neighbours = ('
	for s in $(cell "$1" 5); do
		case " $(cell "$s" 4) " in
		*" $1 "*) neighbour "$s" push ;;
		esac
		case " $(cell "$1" 4) " in
		*" $s "*) neighbour "$s" poll ;;
		esac
	done
	printf ');\n'
}

list() {
	printf '"%s", ' "$@" | sed 's/, $//'
}

topology() {
	echo 'roots = ( { name = "plant"; } );'
	echo 'nodes = ('
	comma=
	for n in $NODES; do
		case $n in
		web1) how='reach = "direct"' ;;
		web*) how="reach = \"push\"; via = [ $(list $(cell "$n" 4)) ]" ;;
		*) how="reach = \"poll\"; via = [ $(list $(cell "$n" 4)) ]" ;;
		esac
		printf '%s{ name = "%s"; %s; }\n' "$comma" "$n" "$how"
		comma=,
	done
	printf ');\nlinks = (\n'
	comma=
	for n in $NODES; do
		for s in $(cell "$n" 5); do
			printf '%s{ client = "%s"; server = "%s"; %s }\n' \
			    "$comma" "$n" "$s" 'auth = "mutual"; root = "plant";'
			comma=,
		done
	done
	echo ');'
}

fleet_apps_start() {
	for n in $NODES; do
		app_start "$n" "$(app_kind "$n")" $(app_args "$n")
	done
	for n in $NODES; do
		$(node_in "$n") "$E2E/ports" -w $(app_listens "$n") ||
			die "the application of $n did not start; see $D"
	done
}

# app_listens NODE: what ports -w waits for
app_listens() {
	case $1 in
	web*) echo "$(node_addr "$1"):$PORT_SERVER" ;;
	*) app_args "$1" | tr ' ' '\n' | sed 's/=.*//' ;;
	esac
}

pairs() {
	for n in $NODES; do
		port=9001
		for s in $(cell "$n" 5); do
			echo "$n,$s,$port,mutual,/run/netns/$NS-$n"
			port=$((port + 1))
		done
	done
}

netns_load() {
	mkfifo "$D/load.in"
	"$E2E/load" -d "$HANDSHAKE" -u 20 "$RATE" $(pairs) <"$D/load.in" \
	    >"$D/load.out" 2>&1 &
	proc_keep load $!
	exec 7>"$D/load.in"
}

# The nodes joined with nothing to settle yet; from now on there is
agents_settle() {
	SETTLE=$HANDSHAKE
	DEADLINE=$((2 * HANDSHAKE))
	for n in $NODES; do
		agent_conf "$n" >"$D/$n/agent.conf"
		proc_stop "$n-agent"
		agent_start "$n"
	done
}

# ---- the roll ----------------------------------------------------------------------

kill_hard() {
	kill -KILL "$(proc_pid "$1")"
	wait "$(proc_pid "$1")" 2>/dev/null
}

# kedged dies and comes again; every third time with it a relay, which stays
# away a little longer
disturb() {
	rnd 3
	relay=
	if [ "$R" = 0 ]; then
		rnd 6
		relay=$(echo $RELAYS | cut -d' ' -f$((R + 1)))
		kill_hard "$relay"
	fi
	kill_hard kedged
	note "kill -9 of kedged $relay"
	rnd 10
	sleep "0.$R"
	kedged_start
	[ -z "$relay" ] || agent_start "${relay%-agent}"
}

answers() {
	kedge root list
}

one_roll() {
	try 60 kedge roll start plant ||
		die "the roll did not start: $(cat "$D/try.log")"
	i=0
	while [ "$i" -lt "$KILLS" ]; do
		rnd 20
		sleep "$((5 + R))"
		disturb
		i=$((i + 1))
	done
	try 60 answers || die "kedged does not answer"
	try 1800 roll_is_over || die "the roll does not end: $(kedge roll status plant)"
}

old_root_nodes() {
	for n in $NODES; do
		old_file "$D/$n"/files/* "$(store_now "$n")"/*.pem \
		    "$(store_now "$n").b" && echo "$n"
	done
}

[ "$(id -u)" = 0 ] || {
	say "netns: SKIPPED: network namespaces need root"
	exit 0
}
fleet_new
trap netns_end EXIT
MWEB1=7000 CA=7000
netns_up
topology >"$D/topology.conf"
TOPOLOGY=$D/topology.conf
fleet_up
agents_settle
wall
for n in $NODES; do
	loss "$n" eth0
done
loss ca br0
note "twenty nodes are up; $LOSS % of all packets are lost (by $by)"
netns_load
sleep 1
load_say begin
round=0
while [ "$round" -eq 0 ] || [ "$(load_count)" -lt "$ENOUGH" ]; do
	round=$((round + 1))
	fleet_keep_old
	one_roll
	note "roll $round is done, $(load_count) handshakes"
done
load_say end
load_say rate 0
left=$(old_root_nodes)
load_report "$OUT/netns.json" 20 1 $((round + 1)) "$(echo "$left" | grep -c .)"
kedge audit verify || die "the audit chain is broken"
refused=$(report_value "$OUT/netns.json" refused)
[ -z "$left" ] || die "the old root is left on" $left
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "netns: $(report_value "$OUT/netns.json" handshakes) handshakes, 0 refused"
