# fleet.sh: the demo fleet: directory, ports, processes, load generator.
# Sourced by demo.sh, demo-naive.sh, apps-test.sh and check.sh. Everything listens
# on 127.0.0.1, lives below one temporary directory and is ended by pid.
#
#   web1 (nginx)  <- app1 (haproxy), app2 (stunnel), app3, app4 (tlsclient)
#   web2 (nginx)  <- app3, app5 (tlsclient), app6 (tlsclient, server-only)
#
# The CA reaches web1; clients poll through their server; web2 is reached
# through app3, and its other clients poll through web2.

set -u
HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
B=${KEDGE_BUILD:-$TOP/build}
case $B in /*) ;; *) B=$TOP/$B ;; esac
E2E=$B/e2e
PATH=$PATH:/usr/sbin:/sbin

SERVERS="web1 web2"
CLIENTS="app1 app2 app3 app4 app5 app6"
NODES="$SERVERS $CLIENTS"

. "$HERE/apps.sh"

say() {
	printf '%s\n' "$*"
}

die() {
	printf 'demo: %s\n' "$*" >&2
	exit 1
}

# ---- processes: name -> pid, in files, so that subshells see them too -------

proc_keep() {
	echo "$2" >"$D/run/$1"
}

proc_pid() {
	cat "$D/run/$1"
}

# proc_stop NAME [SIGNAL]: and waits for its end when it is ours
proc_stop() {
	[ -f "$D/run/$1" ] || return 0
	pid=$(proc_pid "$1")
	rm -f "$D/run/$1"
	# awake first: a later CONT would undo the stop by which the leak
	# checker of the sanitizers' build looks at a process that ends
	kill -CONT "$pid" 2>/dev/null
	kill "-${2:-TERM}" "$pid" 2>/dev/null || return 0
	wait "$pid" 2>/dev/null
	return 0
}

# ---- directory and ports ------------------------------------------------------

port_next() {
	PORT=${PORTS%% *}
	PORTS=${PORTS#* }
}

fleet_new() {
	D=
	trap fleet_end EXIT
	trap 'exit 130' INT TERM HUP
	D=$(mktemp -d "${TMPDIR:-/tmp}/kedge-demo.XXXXXX") || exit 1
	mkdir "$D/run" "$D/pki"
	for n in $NODES; do
		mkdir -p "$D/$n/files"
	done
	PORTS="$("$E2E/ports" 40 | tr '\n' ' ')"
	for v in WEB1 WEB2 WEB2S P11 P21 P31 P32 P41 P52 P62 \
	    CA METRICS MWEB1 RWEB1 RWEB2 C1 T1 C2 T2 C3 T3 C4 T4 C5 T5 C6 T6; do
		port_next
		eval "$v=$PORT"
	done
}

# What went wrong is kept to be looked at; who has ended it by a signal does not
# want that, and shall not leave half of it by a second one
fleet_end() {
	code=$?
	trap - EXIT
	trap '' INT TERM HUP
	[ -n "$D" ] || exit "$code"
	for f in "$D"/run/*; do
		[ -f "$f" ] && proc_stop "${f##*/}"
	done
	if [ -n "${KEDGE_DEMO_KEEP:-}" ] ||
		{ [ "$code" -ne 0 ] && [ "$code" -ne 130 ]; }; then
		say "demo: everything is kept in $D" >&2
	else
		rm -rf "$D"
	fi
	exit "$code"
}

# ---- applications ----------------------------------------------------------------

app_kind() {
	case $1 in
	web*) echo nginx ;;
	app1) echo haproxy ;;
	app2) echo stunnel ;;
	app6) echo tlsclient-server-only ;;
	*) echo tlsclient ;;
	esac
}

# Where each client listens, dials, and whom it expects there; the last of
# each node is the agent's listener for the probe.
app_args() {
	case $1 in
	web1) echo "$WEB1" ;;
	web2) echo "$WEB2 $WEB2S" ;;
	app1) echo "$P11=$WEB1=web1 $T1=$C1=app1" ;;
	app2) echo "$P21=$WEB1=web1 $T2=$C2=app2" ;;
	app3) echo "$P31=$WEB1=web1 $P32=$WEB2=web2 $T3=$C3=app3" ;;
	app4) echo "$P41=$WEB1=web1 $T4=$C4=app4" ;;
	app5) echo "$P52=$WEB2=web2 $T5=$C5=app5" ;;
	app6) echo "$P62=$WEB2S=web2 $T6=$C6=app6" ;;
	esac
}

fleet_apps_start() {
	for n in $NODES; do
		app_start "$n" "$(app_kind "$n")" $(app_args "$n")
	done
	"$E2E/ports" -w "$WEB1" "$WEB2" "$WEB2S" "$P11" "$P21" "$P31" "$P32" \
	    "$P41" "$P52" "$P62" || die "an application did not start; see $D"
}

# ---- load ----------------------------------------------------------------------------

# load_start RATE: attempts per second and pair
load_start() {
	mkfifo "$D/load.in"
	"$E2E/load" "$1" "app1,web1,$P11,mutual" "app2,web1,$P21,mutual" \
	    "app3,web1,$P31,mutual" "app3,web2,$P32,mutual" \
	    "app4,web1,$P41,mutual" "app5,web2,$P52,mutual" \
	    "app6,web2,$P62,server" <"$D/load.in" >"$D/load.out" 2>&1 &
	proc_keep load $!
	exec 7>"$D/load.in"
}

load_say() {
	echo "$*" >&7
}

# load_count: attempts of the window so far
load_count() {
	load_say stat
	sleep 0.1
	sed -n 's/^stat \([0-9]*\) .*/\1/p' "$D/load.out" | tail -n 1
}

# What is under way comes to its end
load_rest() {
	load_say rate 0
	sleep 0.5
}

# The window ends now
load_end() {
	load_say end
	load_rest
}

# load_report FILE NODES FROM TO OLD_ROOT_LEFT: a pair that never shook hands
# has proven nothing, whatever was not refused
load_report() {
	load_say "report $*"
	wait "$(proc_pid load)" || die "load: $(cat "$D/load.out")"
	rm -f "$D/run/load"
	sed '/^stat /d' "$D/load.out"
	grep -q '"pairs":\[{' "$1" || die "load: no pair in $1"
	! grep -q '"handshakes":0,' "$1" || die "load: a pair without handshakes: $(cat "$1")"
}

# report_value FILE KEY: a number of the report's top level
report_value() {
	sed "s/,\"pairs\".*//; s/.*\"$2\":\([0-9.]*\).*/\1/" "$1"
}
