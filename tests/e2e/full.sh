#!/bin/sh
# full.sh: part of make e2e: disks that are full, in the middle of a roll and
# under load: a node's, kedged's, and kedge-hsmd's. Each says so, holds what it
# would have to write, loses nothing, and goes on by itself when there is room.
# Small file systems of its own in a mount namespace of its own.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154
if [ -z "${KEDGE_FULL_INSIDE:-}" ]; then
	if ! unshare -m true 2>/dev/null; then
		echo "full: SKIPPED: no mount namespace can be made here (run as root)"
		exit 0
	fi
	KEDGE_FULL_INSIDE=1 exec unshare -m --propagation private "$0" "$@"
fi
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"

RATE=${KEDGE_CHECK_RATE:-20}

# small DIRECTORY SIZE: a file system of its own
small() {
	mkdir -p "$1"
	chmod 700 "$1"
	mount -t tmpfs -o "size=$2,mode=700" kedge-full "$1" ||
		die "no tmpfs on $1"
}

# fill DIRECTORY: to the last byte
fill() {
	dd if=/dev/zero of="$1/fill" bs=4k >"$D/fill.log" 2>&1
	grep -q "No space" "$D/fill.log" || die "$1 is not full"
}

make_room() {
	rm "$1/fill"
}

# says WORDS: the roll does
says() {
	kedge roll status plant | grep -q "$1"
}

# log_says NAME WORDS
log_says() {
	grep -q "$2" "$D/$1.log"
}

# Nobody uses them any more, and fleet.sh can remove what is below
full_end() {
	code=$?
	for f in "$D"/run/*; do
		[ -f "$f" ] && proc_stop "${f##*/}"
	done
	umount "$D/app4/store" "$D/ca/state" "$D/hsm/state"
	(exit "$code")
	fleet_end
}

# goes_on_to_the_end ROLL
goes_on_to_the_end() {
	try 60 roll_is_over || die "the roll does not end: $(kedge roll status plant)"
	kedge roll status plant | grep -q "^roll $1 .*: done, " ||
		die "not done: $(kedge roll status plant)"
}

fleet_new
trap full_end EXIT
small "$D/app4/store" 1m
small "$D/ca/state" 32m
small "$D/hsm/state" 1m
fleet_up
load_start "$RATE"
sleep 0.5
load_say begin

fill "$D/app4/store"
kedge roll start plant || die "the roll did not start"
try 30 says "app4.*held by the node.*No space left" ||
	die "app4 does not say why: $(kedge roll status plant)"
kedge explain plant/app4/trust | grep -q "held by the node: .*No space" ||
	die "explain does not: $(kedge explain plant/app4/trust)"
make_room "$D/app4/store"
goes_on_to_the_end 1
say "full: a node held its step, said why, and went on"

# kedged, whose log of its store is short after a new start
proc_stop kedged
kedged_start
try 20 roll_is_over || die "kedged does not come up: $(cat "$D/try.log")"
fill "$D/ca/state"
kedge roll start plant >"$D/second.log" 2>&1 &&
	die "kedged took what it cannot store"
grep -q "database or disk is full" "$D/second.log" ||
	die "kedged does not say why: $(cat "$D/second.log")"
make_room "$D/ca/state"
kedge roll start plant || die "kedged does not go on"
# and in the middle: what comes in now comes again
try 30 steps_at_least 3 || die "it stands: $(kedge roll status plant)"
fill "$D/ca/state"
sleep 2
make_room "$D/ca/state"
goes_on_to_the_end 2
say "full: kedged refused what it could not store, and went on"

# kedge-hsmd: nothing is signed that is not in its journal
fill "$D/hsm/state"
kedge roll start plant >"$D/third.log" 2>&1
try 30 log_says hsm/hsmd "No space left" || die "kedge-hsmd does not say why"
if ! roll_is_over; then
	try 30 says "waits: kedge-hsmd: .*No space left" ||
		die "the roll does not say why: $(kedge roll status plant)"
fi
make_room "$D/hsm/state"
roll_is_over && kedge roll start plant
goes_on_to_the_end 3
say "full: kedge-hsmd signed nothing that it could not put on record, and went on"

load_end
kedge audit verify || die "the audit chain is broken"
load_report "$D/report.json" 8 1 4 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "full: $(report_value "$D/report.json" handshakes) handshakes, 0 refused"
