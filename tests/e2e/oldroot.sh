# oldroot.sh: is the old root really gone? Counts the nodes that still accept
# it: in their store, in the rendered files, or when shown a certificate of
# the old generation, which must be refused where the same with one of the new
# generation is accepted. Sourced after fleet.sh; the load must have ended,
# because the servers are replaced by probes. Needs, from before the roll,
# $D/pki/NODE.1.pem (what the node presented) and $D/pki/old-root.pem.

# old_file FILE...: whether one of them holds the old root's certificate, or
# another one for its key (NewWithOld has the old issuer, OldWithNew its key)
old_file() {
	line=$(sed -n 5p "$D/pki/old-root.pem")
	grep -qsF -- "$line" "$@"
}

# old_pair CLIENT SERVER PORT TARGET: the client application accepts SERVER's
# old certificate. The server must have been stopped.
old_pair() {
	key=$D/$2/files/key.pem
	"$E2E/probe" server "$D/$2/files/chain.pem" "$key" "$4" "$3" ||
		die "$1 refuses the new certificate of $2"
	"$E2E/probe" server "$D/pki/$2.1.pem" "$key" "$4" "$3"
	case $? in
	0) echo "$1" ;;
	1) ;;
	*) die "the probe of $1 did not work" ;;
	esac
}

# old_server SERVER PORT CLIENT: the server accepts CLIENT's old certificate
old_server() {
	key=$D/$3/files/key.pem
	"$E2E/probe" client "$D/$3/files/chain.pem" "$key" "$2" ||
		die "$1 refuses the new certificate of $3"
	"$E2E/probe" client "$D/pki/$3.1.pem" "$key" "$2"
	case $? in
	0) echo "$1" ;;
	1) ;;
	*) die "the probe of $1 did not work" ;;
	esac
}

# store_now NODE: the version of root plant that counts (agentd/store.h)
store_now() {
	if [ -f "$D/$1/store/plant/current" ]; then
		read -r v _ <"$D/$1/store/plant/current"
		printf "$D/$1/store/plant/v%06d" "$v"
	fi
}

old_all() {
	for n in $NODES; do
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
	old_pair app4 web1 "$P41" "$WEB1"
	old_pair app5 web2 "$P52" "$WEB2"
	old_pair app6 web2 "$P62" "$WEB2S"
}

# Names of the nodes to standard output, each once
old_root_nodes() {
	old_all >"$D/pki/old" || exit 1
	sort -u "$D/pki/old"
}
