#!/bin/sh
# check.sh: the end-to-end test within make check: the demo fleet under a
# small load rolls twice, 1 -> 2 with a first order that somebody else brings, 2
# -> 3 with one that is brought too late, and while kedged, kedge-hsmd and an
# agent are killed (SIGKILL) in the middle. No handshake may be refused and the
# old roots must be gone. In between, orders and reports that are none.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"
. "$HERE/forge.sh"

RATE=${KEDGE_CHECK_RATE:-20}
OUT=$B/e2e

note() {
	say "$(date -u +%H:%M:%S)  e2e: $*"
}

# crash NAME AGAIN...: kill -9, and start it again by the given command
crash() {
	name=$1
	shift
	note "kill -9 of $name at $(steps_done) steps"
	kill -KILL "$(proc_pid "$name")"
	wait "$(proc_pid "$name")" 2>/dev/null
	"$@"
}

# roll_wait: until the roll of plant is over
roll_wait() {
	try 40 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
}

roll_first() {
	order_in_time
	roll_wait
	note "rolled 1 -> 2"
}

roll_disturbed() {
	order_too_late
	try 20 steps_at_least 3 || die "the roll does not move"
	crash kedged kedged_start
	try 20 steps_at_least 7 || die "no progress after kedged's death"
	crash hsmd hsmd_start
	try 20 steps_at_least 11 || die "no progress after hsmd's death"
	crash app2-agent agent_start app2
	roll_wait
	note "rolled 2 -> 3"
}

# sanitize: in a build with sanitizers the daemons say at their end what they
# found; a log names its finding
sanitize() {
	for p in hsmd kedged $(printf '%s-agent ' $NODES); do
		proc_stop "$p"
	done
	! grep -l -e Sanitizer -e "runtime error" "$D"/*/*.log
}

# The first reading has kedged ask kedge-hsmd
metrics_know_hsmd() {
	metrics_read >"$OUT/metrics.txt" &&
		grep -q "^kedge_hsmd_up 1" "$OUT/metrics.txt"
}

# metrics_check: what kedged says of the two rolls, checked by promtool
metrics_check() {
	try 10 metrics_know_hsmd ||
		die "the metrics cannot be read: $(cat "$D/try.log")"
	for m in 'roll_state{root="plant",state="none"} 1' \
	    'root_end_timestamp_seconds{root="plant",generation="3"}'; do
		grep -qF "kedge_$m" "$OUT/metrics.txt" ||
			die "metrics: kedge_$m is missing"
	done
	if command -v promtool >/dev/null; then
		promtool check metrics <"$OUT/metrics.txt" ||
			die "promtool refuses the metrics"
	else
		note "metrics: NOT CHECKED: promtool is missing;" \
		    "install it: apt-get install prometheus"
	fi
}

fleet_new
fleet_up
note "the fleet is up"
load_start "$RATE"
sleep 0.5
load_say begin
roll_first
forge_all
fleet_keep_old
roll_disturbed
load_end
metrics_check
kedge audit verify || die "the audit chain is broken"
left=$(old_root_nodes) || exit 1
load_report "$OUT/report.json" 8 1 3 "$(echo "$left" | grep -c .)"
sanitize || die "a sanitizer found something; see the logs"
refused=$(report_value "$OUT/report.json" refused)
[ -z "$left" ] || die "the old root is left on" $left
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "e2e: $(report_value "$OUT/report.json" handshakes) handshakes, 0 refused"
