#!/bin/sh
# apps-test.sh: the applications alone, without kedge: a roll by hand in the
# right order under load. It shows that the recipes lose no connection, and
# that the measure reads 0 when all is right. Part of make e2e.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/handpki.sh"
. "$HERE/oldroot.sh"

RATE=${KEDGE_DEMO_RATE:-90}
PAUSE=${1:-1}

reload_all() {
	for n in "$@"; do
		app_reload "$n" "$(app_kind "$n")" || die "$n: check failed"
	done
	sleep "$PAUSE"
}

fleet_new
hand_fleet
hand_root 2
for n in $NODES; do
	hand_cert "$n" 2 "$D/$n/files/key.pem"
done
load_start "$RATE"
sleep 0.5
load_say begin
for n in $NODES; do
	hand_trust "$n" 2 1
done
reload_all $NODES
for n in $NODES; do
	hand_present "$n" 2
done
reload_all $NODES
for n in $NODES; do
	hand_trust "$n" 2
done
reload_all $NODES
load_end
cp "$D/pki/root1.pem" "$D/pki/old-root.pem"
left=$(old_root_nodes) || exit 1
load_report "$D/report.json" 8 1 2 "$(echo "$left" | grep -c .)"
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "applications: $refused refused"
[ -z "$left" ] || die "applications: the old root is left on" $left
say "applications: $(report_value "$D/report.json" handshakes) handshakes, 0 refused"
