#!/bin/sh
# loss.sh: part of make e2e: nodes that lose what they had, in the middle of a
# roll and under load: one is set back to an older copy of its store, another
# loses its store and joins anew; once before the first finish, and once after
# the others have theirs. No handshake refused, and the roll ends.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}

# nothing_out: every order has its answer
nothing_out() {
	kedge roll status --json plant | grep -q '"outstanding": *\[\]'
}

# step_to COUNT: the operator lets go what may go until so many are done; the
# last answers are waited for, or a word too many would let the next ones go
step_to() {
	nothing_out || return 1
	steps_at_least "$1" && return
	kedge roll step plant
	return 1
}

# step_to_end: as far as it goes
step_to_end() {
	roll_is_over && return
	kedge roll step plant
	return 1
}

# doubted NODE COUNT: kedged has seen so often that it holds something else
doubted() {
	[ "$(grep -c "node: confirmed -> doubted node=$1 " \
	    "$D/ca/kedged.log")" -ge "$2" ]
}

# trusts NODE COUNT: roots in the file of its application
trusts() {
	[ "$(grep -c BEGIN "$D/$1/files/trust.pem")" = "$2" ]
}

# snapshot NODE NAME
snapshot() {
	rm -rf "${D:?}/$1/$2"
	cp -a "$D/$1/store" "$D/$1/$2"
}

# set_back NODE NAME: the machine comes up with an older copy of itself
set_back() {
	proc_stop "$1-agent" KILL
	rm -rf "$D/$1/store"
	cp -a "$D/$1/$2" "$D/$1/store"
	agent_start "$1"
}

has_new_key() {
	! cmp -s "$D/$1/key.old" "$D/$1/files/key.pem" &&
		grep -q "order: received -> effective node=$1 root=plant" \
		    "$D/$1/agent.log"
}

# join_anew NODE: its store is gone; what its application has stays
join_anew() {
	proc_stop "$1-agent" KILL
	rm -rf "$D/$1/store"
	cp "$D/$1/files/key.pem" "$D/$1/key.old"
	rm -f "$D/$1/token"
	: >"$D/$1/agent.log"
	kedge node token --out "$D/$1/token" "$1" >"$D/$1/token.log" 2>&1 ||
		die "token of $1: $(cat "$D/$1/token.log")"
	agent_start "$1" --join-token-file "$D/$1/token"
	try 30 has_new_key "$1" ||
		die "$1 did not join anew: $(tail -n 3 "$D/$1/agent.log")"
}

fleet_new
fleet_up
load_start "$RATE"
sleep 0.5
load_say begin

snapshot app4 before
# eight trusts, seven certificates, and then the eight that finish
kedge roll start --strategy layered --step plant || die "the roll did not start"
try 60 step_to 15 || die "it stands: $(kedge roll status plant)"
snapshot app4 between
set_back app4 before
try 20 doubted app4 1 || die "nobody saw that app4 was set back"
join_anew app2
try 60 step_to 15 || die "it stands: $(kedge roll status plant)"
try 10 trusts app4 2 || die "app4 did not get the new root again"
say "loss: a node set back and a node without a store, before any finish"

kedge roll hold plant app1 || die "no hold"
try 60 step_to 22 || die "it stands: $(kedge roll status plant)"
for n in web1 web2 app2 app3 app4 app5 app6; do
	trusts "$n" 1 || die "$n has not finished"
done
set_back app4 between
try 20 doubted app4 2 || die "nobody saw that app4 was set back again"
try 10 trusts app4 2 || die "app4 holds something else than it was set back to"
join_anew app5
kedge roll release plant app1 || die "no release"
try 60 step_to_end || die "the roll does not end: $(kedge roll status plant)"
load_end
for n in $NODES; do
	trusts "$n" 1 || die "$n trusts more than one root"
	cmp -s "$D/$n/files/trust.pem" "$D/web1/files/trust.pem" ||
		die "$n trusts another root than web1"
done
kedge audit verify || die "the audit chain is broken"
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "loss: the same after finish; $(report_value "$D/report.json" handshakes) handshakes, 0 refused"
