#!/bin/sh
# compromised.sh: part of make e2e: the root's key is stolen. Under load the
# root rolls with --compromised while app4 cannot be reached. It is waited for
# until the deadline for which it is listed: its link is all that is cut, no
# other handshake is refused, and then nobody else accepts the old root. A session
# that was open before lives until the finish of web1, which is kicked; one of
# web2, which has no kick, goes on, and the report says so. Two approvers must let
# that be cut, each as a user of his own; before that no finish goes out. Without
# root's rights there are no such users: then the list alone counts, and the
# script says so.

# Lists of nodes are split into words on purpose; fleet.sh sets the rest.
# Functions of other files are replaced.
# shellcheck disable=SC1091,SC2034,SC2046,SC2086,SC2154,SC2317
. "$(dirname "$0")/fleet.sh"
. "$HERE/kedge.sh"
. "$HERE/oldroot.sh"

RATE=${KEDGE_CHECK_RATE:-20}
# Nobody is cut who was heard of since
KEDGED_MORE="silent = 8.0;"
# A session with half a request lives so long in nginx, reloaded or not
HANDSHAKE=120

# Nobody waits for old workers of nginx, as for those of an application whose
# sessions have no end
agent_processes() {
	case $1 in
	web*) ;;
	*) printf '\tpidfile = "%s";\n' "$D/$1/app.pid" ;;
	esac
}

agent_reload() {
	case $(app_kind "$1") in
	nginx) printf '\treload = [ "sh", "%s", "%s" ];\n' "$D/reload" "$D/$1" ;;
	haproxy) printf '\tsignal = "USR2";\n' ;;
	*) printf '\tsignal = "HUP";\n' ;;
	esac
	[ "$1" != web1 ] ||
		printf '\tkick = [ "sh", "%s", "%s" ];\n' "$D/kick" "$D/$1"
}

# The new worker serves before the old ones are ended
scripts_write() {
	cat >"$D/reload" <<'SH'
kill -HUP "$(cat "$1/app.pid")"
SH
	cat >"$D/kick" <<'SH'
main=$(cat "$1/app.pid")
old=$(cat "/proc/$main/task/$main/children")
kill -HUP "$main"
sleep 1
kill -TERM $old 2>/dev/null
echo kicked >>"$1/kicks"
SH
}

# Two users that need no account
ANN=61001
BOB=61002

# approvers_can: as another user
approvers_can() {
	[ "$(id -u)" = 0 ] &&
		setpriv --reuid $ANN --regid $ANN --clear-groups true 2>/dev/null
}

# As in kedge.sh, with approvers
hsmd_start() {
	if approvers_can && ! grep -q approvers "$D/hsm/hsmd.conf"; then
		printf 'approvers = [ %s, %s ];\napprovals = 2;\n' $ANN $BOB \
			>>"$D/hsm/hsmd.conf"
		chmod 711 "$D" "$D/hsm"
		# where they can read it
		install -m 755 "$B/bin/kedge" "$D/kedge-approve"
	fi
	"$B/bin/kedge-hsmd" --config "$D/hsm/hsmd.conf" --pin-fd 3 \
	    3<"$D/hsm/pin" >>"$D/hsm/hsmd.log" 2>&1 &
	proc_keep hsmd $!
}

# approve UID [--yes]: of the list in $D/cuts.json; its exit code
approve() {
	setpriv --reuid "$1" --regid "$1" --clear-groups "$D/kedge-approve" \
		roll approve --hsmd "$D/hsm/socket" ${2:-} "$D/cuts.json" \
		>"$D/approved.$1" 2>&1
}

# asks_approval: status names what is missing
asks_approval() {
	kedge roll status plant | grep -q "kedge roll approve"
}

# session_start NAME PORT: of app3, which shows what it had before the roll;
# its input stays open as long as the caller keeps it
session_start() {
	mkfifo "$D/$1.in"
	openssl s_client -quiet -connect "127.0.0.1:$2" \
	    -CAfile "$D/pki/old-root.pem" -verify_return_error \
	    -cert "$D/pki/app3.1.pem" -key "$D/app3/files/key.pem" \
	    <"$D/$1.in" >"$D/$1.log" 2>&1 &
	proc_keep "$1" $!
}

session_is_open() {
	kill -0 "$(proc_pid "$1")" 2>/dev/null
}

session_is_over() {
	! session_is_open "$1"
}

sessions_are_open() {
	sleep 1
	session_is_open s1 && session_is_open s2
}

# Without app4, which is away
load_start() {
	mkfifo "$D/load.in"
	"$E2E/load" "$1" "app1,web1,$P11,mutual" "app2,web1,$P21,mutual" \
	    "app3,web1,$P31,mutual" "app3,web2,$P32,mutual" \
	    "app5,web2,$P52,mutual" "app6,web2,$P62,server" \
	    <"$D/load.in" >"$D/load.out" 2>&1 &
	proc_keep load $!
	exec 7>"$D/load.in"
}

old_all() {
	for n in $NODES; do
		[ "$n" != app4 ] || continue
		old_file "$D/$n"/files/* "$(store_now "$n")"/*.pem \
		    "$(store_now "$n").b" && echo "$n"
	done
	old_server web1 "$WEB1" app1
	old_server web2 "$WEB2" app5
	proc_stop web1-app QUIT
	proc_stop web2-app QUIT
	old_pair app1 web1 "$P11" "$WEB1"
	old_pair app2 web1 "$P21" "$WEB1"
	old_pair app3 web1 "$P31" "$WEB1"
	old_pair app3 web2 "$P32" "$WEB2"
	old_pair app5 web2 "$P52" "$WEB2"
	old_pair app6 web2 "$P62" "$WEB2S"
}

# web1 cannot present the new certificate before app4 trusts its root
stands_still() {
	kedge roll status plant | grep -q "web1 waits with cert: .*app4"
}

web2_has_finished() {
	kedge explain plant/web2/finish | grep -q "^done"
}

fleet_new
scripts_write
fleet_up
fleet_keep_old
session_start s1 "$WEB1"
exec 8>"$D/s1.in"
session_start s2 "$WEB2"
exec 9>"$D/s2.in"
printf 'GET / HTTP/1.1\r\nHost: x\r\n' >&8
printf 'GET / HTTP/1.1\r\nHost: x\r\n' >&9
sessions_are_open || die "no session: $(cat "$D/s1.log" "$D/s2.log")"
proc_stop app4-agent KILL
load_start "$RATE"
sleep 0.5
load_say begin
kedge roll start --compromised plant || die "the roll did not start"
kedge roll status plant | grep -q COMPROMISED || die "nobody says so"
try 60 stands_still || die "app4 is not waited for: $(kedge roll status plant)"
try 30 web2_has_finished || die "nobody has finished without app4"
sessions_are_open || die "a session ended before it was kicked"
[ ! -f "$D/web1/kicks" ] || die "web1 was kicked before its finish"
say "compromised: app4 is waited for, others have finished, sessions are open"
kedge roll start --compromised --deadline 3s --cut app4 plant ||
	die "no deadline"
kedge roll status plant | grep -q "to be cut then.*app4" ||
	die "nobody says what is cut: $(kedge roll status plant)"
if approvers_can; then
	try 30 asks_approval || die "nobody asks: $(kedge roll status plant)"
	kedge roll cuts --json plant >"$D/cuts.json" || die "no list of cuts"
	chmod 644 "$D/cuts.json"
	approve $ANN
	[ $? = 4 ] || die "what is only read is approved: $(cat "$D/approved.$ANN")"
	approve $ANN --yes
	[ $? = 4 ] || die "one of two is not waited for: $(cat "$D/approved.$ANN")"
	grep -q "web1 refuses app4" "$D/approved.$ANN" || die "the list is not shown"
	sleep 1
	asks_approval || die "one approver was enough"
	[ ! -f "$D/web1/kicks" ] || die "web1 has finished before the approval"
	approve $BOB --yes || die "not approved: $(cat "$D/approved.$BOB")"
	[ "$(grep -c "may be cut$" "$D/hsm/hsmd.log")" = 4 ] ||
		die "more is cut than app4's two directions, by two users"
	say "compromised: no finish without two approvers, who had just app4's directions"
else
	say "compromised: approvers are NOT tested: that needs root"
fi
try 60 roll_is_over || die "the roll does not end: $(cat "$D/try.log")"
kedge audit list --limit 1000 | grep -q "app4 of root plant: not reached by the deadline" ||
	die "the cut is not on record"
try 5 session_is_over s1 || die "the session of web1 goes on"
[ "$(cat "$D/web1/kicks")" = kicked ] || die "web1 was not kicked once"
session_is_open s2 || die "web2 has ended what it was not told to"
kedge roll report plant >"$D/report.txt" || die "no report"
grep -q "by hand: .*web2" "$D/report.txt" || die "no word of web2: $(cat "$D/report.txt")"
! grep -q "by hand: .*web1" "$D/report.txt" || die "web1 is said to go on"
say "compromised: the session of web1 is over, that of web2 is on record"
load_end
load_report "$D/report.json" 8 1 2 0
refused=$(report_value "$D/report.json" refused)
[ "$refused" = 0 ] || die "$refused handshakes refused"
left=$(old_root_nodes) || exit 1
[ -z "$left" ] || die "the old root is accepted: $left"
say "compromised: nobody but app4 accepts the old root, and no handshake was refused"
