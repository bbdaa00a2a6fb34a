#!/bin/sh
# summary.sh [NAME ...]: the ratios that kedge has targets for, out of what
# keep.sh has kept: one line each, with "below target" where it is. Without a
# name all of them, and build/bench/report.json. A missed target is no
# failure: the machine may be busy. A ratio that is not there is one.
set -u
D=${KEDGE_BUILD:-build}/bench
json='' failed=0

# name, file, the line that has it, "least" or "most", target, of what
table() {
	cat <<'TABLE'
issuing|hsm|^bench-hsm:|least|0.40|node certificates per second, of raw C_Sign on the same token
agent_rss|agent|^agent RSS:|most|1.30|memory of the agent, of one TLS context and an event loop
agent_start|agent|^agent start:|||start of the agent, of the same
plan|policy|^plan  *100000 nodes  *1000000 links by client|most|4.00|time of a plan, of building both adjacencies and counting
reports|reports|^reports:|least|0.70|durable reports per second, of bare SQLite
TABLE
}

# judge NAME RATIO least|most TARGET WHAT
judge() {
	reached=null verdict=
	if [ -n "$4" ]; then
		reached=true verdict=" (target at $3 $4): reached"
		awk -v r="$2" -v t="$4" -v d="$3" \
		    'BEGIN { exit d == "least" ? r >= t : r <= t }' &&
			reached=false verdict=" (target at $3 $4): BELOW TARGET"
	fi
	echo "bench: $1: $2, $5$verdict"
	json="$json${json:+,}{\"name\":\"$1\",\"ratio\":$2,\"target\":${4:-null},\"better\":\"$([ "$3" = least ] && echo more || echo less)\",\"reached\":$reached}"
}

# The names have no space, so a list of them is one text.
wanted=" $* "
while IFS='|' read -r name file line side target what; do
	case $wanted in
	"  " | *" $name "*) ;;
	*) continue ;;
	esac
	ratio=$(grep "$line" "$D/$file.txt" 2>/dev/null | tail -n 1 |
		sed -n 's/.*ratio \([0-9.][0-9.]*\).*/\1/p')
	if [ -z "$ratio" ]; then
		echo "bench: $name: not in $D/$file.txt; make bench" >&2
		failed=1
		continue
	fi
	judge "$name" "$ratio" "$side" "$target" "$what"
done <<LINES
$(table)
LINES
[ "$failed" -eq 0 ] || exit 1
[ $# -gt 0 ] || echo "{\"ratios\":[$json]}" >"$D/report.json"
