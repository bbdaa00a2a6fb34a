#!/bin/sh
# demo.sh: make demo. A root of eight nodes rolls from generation 1 to 2 while
# every pair of them makes new connections all the time; in the middle one
# node's agent does not answer for a while. Ends with what was measured.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"

RATE=${KEDGE_DEMO_RATE:-110}       # attempts per second and pair
ENOUGH=${KEDGE_DEMO_ENOUGH:-20100} # attempts before the agent goes on,
PATIENCE=400                       # or the fleet's age in s: a busy machine
LIFE=${KEDGE_DEMO_LIFE:-60}        # s that the fleet may live, 0: no bound
IDLE=25                            # %: a machine of which others use less
ASLEEP=app4
OUT=$B/demo

now_ms() {
	date +%s%3N
}

# others: percent of the machine that is in use while this script sleeps
others() {
	read -r _ u n s idle wait rest </proc/stat
	sleep 0.5
	was=$((idle + wait)) all=$((u + n + s + idle + wait))
	read -r _ u n s idle wait rest </proc/stat
	all=$((u + n + s + idle + wait - all))
	echo $((100 - (idle + wait - was) * 100 / (all > 0 ? all : 1)))
}

note() {
	say "$(date -u +%H:%M:%S)  demo: $*"
}

# only_asleep: all that is outstanding is the order of the stopped agent
only_asleep() {
	kedge roll status plant | grep "(epoch" >"$D/open" || return 1
	! grep -qv " $ASLEEP " "$D/open"
}

# Lets the load go on until there is enough of it and nothing else moves
hold() {
	end=$((born + PATIENCE * 1000))
	while [ "$(now_ms)" -lt "$end" ]; do
		n=$(load_count)
		[ "${n:-0}" -ge "$ENOUGH" ] && only_asleep && return
		sleep 0.5
	done
}

# has_bar: the progress is a picture that stands and changes, and that
# nothing else may write into
has_bar() {
	[ -t 1 ] && [ "${TERM:-}" != dumb ] && [ -z "${NO_COLOR:-}" ]
}

watch_start() {
	# not by the function: the pid would be that of a shell
	"$B/bin/kedge" roll status --watch plant --socket "$D/ca/control" &
	proc_keep watch $!
}

# aside COMMAND...: writes below the picture, which goes on below that
aside() {
	if has_bar; then
		proc_stop watch
		"$@"
		watch_start
	else
		"$@"
	fi
}

# The roll is seen to wait, with the reason and the name
show_waiting() {
	say ""
	say "\$ kedge roll status plant"
	kedge roll status plant | tee "$D/status"
	say "\$ kedge explain plant/web1/finish"
	kedge explain plant/web1/finish | tee "$D/explain"
	say ""
	grep -q "$ASLEEP" "$D/status" && grep -q "$ASLEEP" "$D/explain" ||
		die "the roll does not say that it waits for $ASLEEP"
}

# roll: the window of the measurement is from the first order to the last
# report, as kedged knows it; until then the count begins here
roll() {
	load_say begin
	kedge roll start plant || die "the roll did not start"
	watch_start
	try 20 steps_at_least 1 || die "the roll does not move"
	kill -STOP "$(proc_pid "$ASLEEP-agent")"
	aside note "the agent of $ASLEEP is stopped; its application goes on"
	hold
	load_say rate 60 # there is enough of it
	aside show_waiting
	kill -CONT "$(proc_pid "$ASLEEP-agent")"
	aside note "the agent of $ASLEEP goes on"
	try 30 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
	load_say begin "$(roll_time first_order)"
	load_say end "$(roll_time last_report)"
	load_rest
	wait "$(proc_pid watch)"
	rm -f "$D/run/watch"
}

# judge_life BUSY: on an otherwise idle machine the fleet may not live too long
judge_life() {
	life=$((($(now_ms) - born) / 1000))
	say "demo: the fleet lived $life s"
	if [ "$LIFE" -eq 0 ] || [ "$life" -lt "$LIFE" ] ||
		[ "$1" -ge "$IDLE" ]; then
		return 0
	fi
	say "demo: that is too long: $LIFE s are allowed (KEDGE_DEMO_LIFE)"
	return 1
}

# judge LEFT: the last line, and whether all was as it must be
judge() {
	f=$OUT/report.json
	busy=$(others)
	[ "$busy" -ge "$before" ] || busy=$before
	all=$(report_value "$f" handshakes)
	refused=$(report_value "$f" refused)
	ok=true
	[ "$refused" -eq 0 ] || ok=false
	if [ -n "$1" ]; then
		say "demo: the old root is left on" $1
		ok=false
	fi
	if [ "$all" -lt 20000 ]; then
		say "demo: fewer than 20000 handshakes"
		ok=false
	fi
	grep -o '"client".*' "$f" | tr '{' '\n' | sed 's/[^0-9:]//g' |
		awk -F: '/:/ { if ($4 < 500 || $6 > 2000) bad = 1 }
		    END { exit bad }' || {
		say "demo: a pair has under 500 handshakes or a gap over 2 s"
		ok=false
	}
	judge_life "$busy" || ok=false
	[ "$busy" -lt "$IDLE" ] ||
		say "demo: others used $busy % of this machine: times and gaps are not the fleet's own"
	say "demo: $all handshakes, $refused refused"
	$ok
}

before=$(others)
born=$(now_ms)
mkdir -p "$OUT"
fleet_new
fleet_up
fleet_keep_old
note "the fleet is up"
"$B/bin/kedge" plan --topology "$HERE/topology.conf" --root plant || die "no plan"
load_start "$RATE"
sleep 1
roll
left=$(old_root_nodes) || exit 1
load_report "$OUT/report.json" 8 1 2 "$(echo "$left" | grep -c .)"
judge "$left"
