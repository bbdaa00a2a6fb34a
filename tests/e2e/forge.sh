# forge.sh: orders and reports that are none, sent to live agents and to
# kedged by somebody who has the CA's TLS key or a node's management key, but
# not the key that signs orders. Nothing may change but logs and counters.
# Sourced by check.sh; the fleet is idle while it runs. And a true order, which
# somebody else than kedged brings to its node: in its time and after it.

# What must stay: rendered files, and what the CA believes of the fleet, but
# for the times at which it heard of a node
forge_state() {
	cat "$D"/*/files/*.pem | sha256sum
	kedge graph --json |
		sed 's/"\(seen\|inventory\)": *"[^"]*"//g' | sha256sum
}

# forge_down WHAT WORDS FILE: an order, in the CA's place, to web1
forge_down() {
	forge_try "$1" "$2" web1 send "$MWEB1" "$CA_CERT" "$CA_KEY" ca down \
	    web1 "$3"
}

# forge_try WHAT WORDS NODE COMMAND...: NODE must say no in its log, in these
# words, and nothing may change
forge_try() {
	what=$1 words=$2 log=$D/$3/agent.log
	[ "$3" = ca ] && log=$D/ca/kedged.log
	shift 3
	before=$(wc -l <"$log")
	"$E2E/forge" "$@" >"$D/forge.log" 2>&1 ||
		die "forge: $what: $(cat "$D/forge.log")"
	sleep 0.7
	[ "$(forge_state)" = "$forge_before" ] || die "$what: something changed"
	tail -n "+$((before + 1))" "$log" >"$D/forge.said"
	grep -qF -- "$words" "$D/forge.said" ||
		die "$what: no \"$words\" in $log: $(cat "$D/forge.said")"
	say "e2e: $what: $(sed 's/^[^ ]* //' "$D/forge.said")"
}

forge_make() {
	"$E2E/forge" cert "$db" ca "$o.ca.pem" &&
		"$E2E/forge" cert "$db" app1 "$o.app1.pem" &&
		"$E2E/forge" take "$db" web1 newest "$o.new" &&
		"$E2E/forge" take "$db" web1 oldest "$o.old" &&
		"$E2E/forge" take "$db" app4 newest "$o.app4" &&
		"$E2E/forge" tamper "$o.new" "$o.bad" &&
		"$E2E/forge" resign "$o.new" "$o.ca" "$CA_CERT" "$CA_KEY" &&
		"$E2E/forge" report "$db" app2 "$o.report" "$o.app1.pem" \
		    "$app1_key" || die "forge: cannot make the messages"
}

# kedged has its store for itself; it is idle or dead, so a copy is whole
store_copy() {
	rm -rf "$D/copy"
	mkdir "$D/copy" && cp "$D"/ca/state/kedged.db* "$D/copy"
	db=$D/copy/kedged.db
}

forge_all() {
	store_copy
	o=$D/pki/forge
	CA_CERT=$o.ca.pem CA_KEY=$D/ca/state/ca-tls.key
	app1_key=$D/app1/store/management/key.pem
	forge_before=$(forge_state)
	forge_make
	forge_down "tampered order" "the signature does not verify" "$o.bad"
	forge_down "order signed by the CA's TLS key" \
	    "not certified to sign orders" "$o.ca"
	forge_down "order for app4 sent to web1" \
	    "it is for node app4, this is web1" "$o.app4"
	forge_down "old order again" "is lower than" "$o.old"
	forge_try "report of app2 signed by app1" "is signed by node app1" ca \
	    send "$CA" "$o.app1.pem" "$app1_key" app1 up app1 "$o.report"
}

# web1_says WORDS: the first line with them since what $web1_log counts
web1_says() {
	tail -n "+$((web1_log + 1))" "$D/web1/agent.log" | grep -F -m 1 -- "$1"
}

# What web1 has: its files, and the version under plant that counts. An order
# that is held may tell it the time, nothing else.
web1_holds() {
	cat "$D"/web1/files/*.pem "$D"/web1/store/plant/current* | sha256sum
	ls "$D/web1/store/plant"
}

web1_has_order() {
	kedge roll status plant | grep -q "^  web1 .*(epoch"
}

# late_take: a roll starts while web1's agent is stopped, and kedged dies: the
# first order for it is signed and stored, and was not brought to it
late_take() {
	kill -STOP "$(proc_pid web1-agent)"
	kedge roll start plant || die "the roll did not start"
	try 20 web1_has_order || die "no order for web1: $(kedge roll status)"
	proc_stop kedged KILL
	store_copy
	o=$D/pki/late
	"$E2E/forge" cert "$db" ca "$o.ca.pem" &&
		"$E2E/forge" take "$db" web1 newest "$o.order" ||
		die "late: $(kedge roll status)"
	web1_log=$(wc -l <"$D/web1/agent.log")
	web1_had=$(web1_holds)
}

# late_bring: that order, in the CA's place
late_bring() {
	kill -CONT "$(proc_pid web1-agent)"
	"$E2E/forge" send "$MWEB1" "$o.ca.pem" "$D/ca/state/ca-tls.key" ca \
	    down web1 "$o.order" >"$D/forge.log" 2>&1 ||
		die "late: $(cat "$D/forge.log")"
}

# Its canaries live for so many seconds: a slow machine proves within them
LATE=8

# order_in_time: the roll starts, and its first order comes by another's hand
order_in_time() {
	late_take
	late_bring
	try 20 web1_says "order: none -> received" ||
		die "in time: web1 does not take it: $(tail -n 3 "$D/web1/agent.log")"
	say "e2e: order in time: $(web1_says 'order: none -> received')"
	[ "$(web1_holds)" != "$web1_had" ] || die "in time: nothing stored"
	kedged_start
}

# order_too_late: the roll starts; its first order is held by web1, which
# stores nothing of it and says why, and the CA makes it again
order_too_late() {
	proc_stop kedged
	KEDGED_MORE="canary_life = $LATE;"
	ca_conf
	kedged_start
	try 20 kedge root show plant || die "kedged: $(cat "$D/try.log")"
	late_take
	sleep "$LATE"
	sleep 1
	late_bring
	try 20 web1_says "its time was over at" ||
		die "too late: web1 does not hold it: $(tail -n 3 "$D/web1/agent.log")"
	say "e2e: order too late: $(web1_says 'order: none -> held')"
	[ "$(web1_holds)" = "$web1_had" ] || die "too late: something was stored"
	kedged_start
	try 20 web1_says "order: none -> received" ||
		die "too late: it is not made again: $(kedge roll status)"
	say "e2e: made again: $(web1_says 'order: none -> received')"
	KEDGED_MORE=
	ca_conf # when kedged starts again
}
