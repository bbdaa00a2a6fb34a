#!/bin/sh
# fault.sh [ROLLS [SEED]]: make fault. Rolls again and again while kedged,
# kedge-hsmd and agents are killed (SIGKILL) at random moments, some of them
# for a while. Every roll must end, no handshake may be refused, the audit
# chain must hold. The same seed kills the same daemons in the same order.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# shellcheck disable=SC1091,SC2046,SC2086,SC2154
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"

ROLLS=${1:-4}
SEED=${2:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
RATE=${KEDGE_CHECK_RATE:-20}
KILLS=8 # in each roll
OUT=$B/e2e

note() {
	say "$(date -u +%H:%M:%S)  fault: $*"
}

# rnd N: 0 to N - 1
rnd() {
	SEED=$(((SEED * 1103515245 + 12345) & 0x7fffffff))
	R=$((SEED / 65536 % $1))
}

# again NAME: starts it
again() {
	case $1 in
	kedged) kedged_start ;;
	hsmd) hsmd_start ;;
	*) agent_start "${1%-agent}" ;;
	esac
}

kill_one() {
	rnd 12
	set -- hsmd hsmd kedged kedged $(printf '%s-agent ' $NODES)
	shift "$R"
	victim=$1
	kill -KILL "$(proc_pid "$victim")"
	wait "$(proc_pid "$victim")" 2>/dev/null
	rnd 8
	note "kill -9 of $victim, again after 0.$R s"
	sleep "0.$R"
	again "$victim"
}

# answers: kedged is there
answers() {
	kedge root list
}

one_roll() {
	try 10 answers || die "kedged does not answer"
	try 20 kedge roll start plant ||
		die "the roll did not start: $(cat "$D/try.log")"
	i=0
	while [ "$i" -lt "$KILLS" ]; do
		rnd 10
		sleep "0.$R"
		kill_one
		i=$((i + 1))
	done
	try 60 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
}

note "$ROLLS rolls, seed $SEED"
fleet_new
fleet_up
load_start "$RATE"
sleep 0.5
load_say begin
round=0
while [ "$round" -lt "$ROLLS" ]; do
	round=$((round + 1))
	[ "$round" -lt "$ROLLS" ] || fleet_keep_old
	one_roll
	note "roll $round is done"
done
load_end
kedge audit verify || die "the audit chain is broken"
left=$(old_root_nodes) || exit 1
load_report "$OUT/fault.json" 8 1 $((ROLLS + 1)) "$(echo "$left" | grep -c .)"
refused=$(report_value "$OUT/fault.json" refused)
[ -z "$left" ] || die "the old root is left on" $left
[ "$refused" = 0 ] || die "$refused handshakes refused"
say "fault: $(report_value "$OUT/fault.json" handshakes) handshakes, 0 refused"
