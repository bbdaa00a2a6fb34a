#!/bin/sh
# demo-naive.sh: make demo-naive, the control of the demo: the same fleet and the
# same measure, but the certificates are placed by hand in the order in which
# it is often done, servers first. kedge would not do it: nothing here goes
# through it. It must show refused handshakes; exit 0 only then.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/handpki.sh"
. "$HERE/oldroot.sh"

RATE=${KEDGE_DEMO_RATE:-90}
OUT=$B/demo
PAUSE=1.5 # seconds between the steps

# step WHAT NODE...: reloads the nodes and lets some time pass
step() {
	say "by hand: $1"
	shift
	for n in "$@"; do
		app_reload "$n" "$(app_kind "$n")" || die "$n: check failed"
	done
	sleep "$PAUSE"
}

# Number of pairs that were refused something
pairs_refused() {
	grep -o '"refused":[0-9]*,"longest' "$1" | grep -cv ':0,'
}

fleet_new
fleet_up
fleet_keep_old
hand_root 2
for n in $NODES; do
	cp "$D/$n/files/trust.pem" "$D/pki/$n.trust1.pem"
	[ ! -f "$D/$n/files/key.pem" ] ||
		hand_cert "$n" 2 "$D/$n/files/key.pem"
done
load_start "$RATE"
sleep 1
load_say begin
for n in $SERVERS; do
	hand_present "$n" 2
done
step "the servers present certificates of the new root" $SERVERS
for n in $CLIENTS; do
	hand_put "$D/$n/files/trust.pem" "$D/pki/root2.pem" \
	    "$D/pki/$n.trust1.pem"
	hand_present "$n" 2
done
step "the clients trust the new root and present under it" $CLIENTS
for n in $SERVERS; do
	hand_trust "$n" 2
done
step "the servers trust the new root only" $SERVERS
for n in $CLIENTS; do
	hand_trust "$n" 2
done
step "the clients trust the new root only" $CLIENTS
load_end
mkdir -p "$OUT"
left=$(old_root_nodes) || exit 1
load_report "$OUT/report.json" 8 1 2 "$(echo "$left" | grep -c .)"
cp "$OUT/report.json" "$OUT/report-naive.json"
all=$(report_value "$OUT/report.json" handshakes)
refused=$(report_value "$OUT/report.json" refused)
pairs=$(pairs_refused "$OUT/report.json")
if [ "$refused" -eq 0 ] || [ "$pairs" -eq 0 ]; then
	die "the wrong order was not seen: the measure is broken"
fi
say "demo-naive: $all handshakes, $refused refused in $pairs pairs whose server went first"
