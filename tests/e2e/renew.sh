#!/bin/sh
# renew.sh: part of make e2e: certificates that are two thirds over when they
# are made, so that every node's are renewed again and again, under load,
# before, in the middle of, and after a roll. In its middle some nodes make new
# keys, too, one that the CA calls and others that poll their relay. No
# handshake refused.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"

# a day of life, of which almost sixteen hours are over
KEDGED_MORE='node_days = 1; backdate = 57000;'
. "$HERE/kedge.sh"

# reached by the CA, and through web1
REKEYED="web1 app1 app4"
RATE=${KEDGE_CHECK_RATE:-20}

# renewals NODE ROOT GENERATION: how many it has reported effective
renewals() {
	kedge node show "$1" --json | tr -d ' \n' | tr '{' '\n' |
		grep "\"root\":\"$2\"" | grep '"state":"effective"' |
		grep "\"from\":$3," | grep -c "\"to\":$3[,}]"
}

# all_renewed GENERATION COUNT: every certificate, also those for the CA
all_renewed() {
	for n in $NODES; do
		[ "$(renewals "$n" management 1)" -ge "$2" ] || return 1
		[ "$n" = app6 ] && continue # presents nothing to its server
		[ "$(renewals "$n" plant "$1")" -ge "$2" ] || return 1
	done
}

# keys_of NODE: SHA-256 of its keys in the store
keys_of() {
	cat "$D/$1/store/management/key.pem" "$D/$1/store/plant/key.pem" |
		sha256sum
}

# rekeyed NODE: its old keys are gone; app6 needs none under plant
rekeyed() {
	[ "$(kedge audit list --limit 5000 --json | tr '{' '\n' | grep "\"who\":\"$1\"" |
		grep -c 'the new key is in use')" -ge "$2" ] || return 1
	[ ! -e "$D/$1/store/management/next.pem" ] &&
		[ ! -e "$D/$1/store/plant/next.pem" ]
}

fleet_new
fleet_up
load_start "$RATE"
sleep 0.5
load_say begin
try 60 all_renewed 1 1 || die "not renewed: $(kedge node show web1)"
say "renew: every certificate was renewed before the roll"
kedge roll start plant || die "the roll did not start"
for n in $REKEYED app6; do
	keys_of "$n" >"$D/$n/keys.before"
	kedge node rekey "$n" || die "rekey of $n"
done
try 90 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
try 60 all_renewed 2 1 || die "not renewed: $(kedge node show web1)"
for n in $REKEYED; do
	try 60 rekeyed "$n" 2 || die "no new keys: $(kedge node show "$n")"
done
try 60 rekeyed app6 1 || die "no new key: $(kedge node show app6)"
for n in $REKEYED app6; do
	[ "$(keys_of "$n")" != "$(cat "$D/$n/keys.before")" ] ||
		die "$n has its old keys"
done
cmp -s "$D/web1/files/key.pem" "$D/web1/store/plant/key.pem" ||
	die "web1 shows another key than its new one"
say "renew: $REKEYED and app6 made new keys in the middle of the roll"
load_end
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
[ "$(kedge node show web1 --json | grep -c '"expired"')" = 0 ] ||
	die "unsafe: $(kedge node show web1)"
say "renew: and after it, without one refused handshake"
