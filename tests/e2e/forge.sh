# forge.sh: orders and reports that are none, sent to live agents and to
# kedged by somebody who has the CA's TLS key or a node's management key, but
# not the key that signs orders. Nothing may change but logs and counters.
# Sourced by check.sh; the fleet is idle while it runs.

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

forge_all() {
	# kedged has its store for itself; it is idle, so a copy is whole
	mkdir "$D/copy" && cp "$D"/ca/state/kedged.db* "$D/copy"
	db=$D/copy/kedged.db
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
