# agents.sh: configuration of the eight kedge-agentd of the demo fleet
# (docs/agent.md). Sourced by kedge.sh.

# Seconds that a change settles, and within which it must be proven
SETTLE=0.3
DEADLINE=10

# agent_files: the lines that name the rendered files
agent_files() {
	printf '\t\ttrust = "%s";\n' "$D/$1/files/trust.pem"
	if [ "$1" != app6 ]; then
		printf '\t\tchain = "%s";\n\t\tkey = "%s";\n' \
		    "$D/$1/files/chain.pem" "$D/$1/files/key.pem"
		printf '\t\troot = "plant";\n'
	fi
	printf '\t\tverify_root = "plant";\n'
}

# agent_client NODE CANARY TRIGGER
agent_client() {
	printf '\tclient = {\n'
	agent_files "$1"
	cat <<CONF
		canary = "127.0.0.1:$2";
		trigger = { connect = "127.0.0.1:$3"; };
	};
CONF
}

agent_server() {
	printf '\tserver = {\n'
	agent_files "$1"
	cat <<CONF
		address = "$(node_addr "$1"):$2";
		request = "GET /probe HTTP/1.1\\r\\nHost: $1\\r\\nConnection: close\\r\\n\\r\\n";
		expect = "server=$1 client=$1 verify=SUCCESS";
	};
CONF
}

# agent_sides NODE
agent_sides() {
	case $1 in
	web1) agent_server web1 "$WEB1" ;;
	web2) agent_server web2 "$WEB2" ;;
	app1) agent_client app1 "$C1" "$T1" ;;
	app2) agent_client app2 "$C2" "$T2" ;;
	app3) agent_client app3 "$C3" "$T3" ;;
	app4) agent_client app4 "$C4" "$T4" ;;
	app5) agent_client app5 "$C5" "$T5" ;;
	app6) agent_client app6 "$C6" "$T6" ;;
	esac
}

# agent_reload NODE: how its application takes new files
agent_reload() {
	case $(app_kind "$1") in
	nginx) cat <<CONF ;;
	check = [ "nginx", "-t", "-q", "-e", "$D/$1/app.log", "-c", "$D/$1/app.conf" ];
	signal = "HUP";
CONF
	haproxy) cat <<CONF ;;
	check = [ "haproxy", "-c", "-q", "-f", "$D/$1/app.conf" ];
	signal = "USR2";
CONF
	*) echo '	signal = "HUP";' ;;
	esac
}

# agent_processes NODE: whom the agent waits for
agent_processes() {
	printf '\tpidfile = "%s";\n' "$D/$1/app.pid"
}

# agent_hops NODE: how orders come to it, and whom it relays for
agent_hops() {
	mutual='root = "plant"; verify_root = "plant";'
	# the one that a test wants to poll the CA itself
	if [ "$1" = "${CA_POLLER:-}" ]; then
		echo "ca = { address = \"127.0.0.1:$CA\"; poll = true; };"
		return
	fi
	# the one that a test carries files to
	if [ "$1" = "${CARRIED:-}" ]; then
		echo "by_file = true;"
		return
	fi
	case $1 in
	web1) cat <<CONF ;;
management = { listen = "127.0.0.1:$MWEB1"; };
relay = { listen = "127.0.0.1:$RWEB1"; $mutual
	accept = ( "app1", "app2", "app3", "app4" ); };
CONF
	web2) cat <<CONF ;;
relay = { listen = "127.0.0.1:$RWEB2"; $mutual
	accept = ( "app3", "app5", "app6" ); };
CONF
	app3) cat <<CONF ;;
neighbours = (
	{ node = "web1"; role = "poll"; address = "127.0.0.1:$RWEB1"; $mutual },
	{ node = "web2"; role = "push"; address = "127.0.0.1:$RWEB2"; $mutual }
);
CONF
	app5) cat <<CONF ;;
neighbours = (
	{ node = "web2"; role = "poll"; address = "127.0.0.1:$RWEB2"; $mutual }
);
CONF
	app6) cat <<CONF ;;
neighbours = (
	{ node = "web2"; role = "poll"; address = "127.0.0.1:$RWEB2"; verify_root = "plant"; }
);
CONF
	*) cat <<CONF ;;
neighbours = (
	{ node = "web1"; role = "poll"; address = "127.0.0.1:$RWEB1"; $mutual }
);
CONF
	esac
}

# agent_conf NODE
agent_conf() {
	cat <<CONF
fleet = "demo";
node = "$1";
store = "$D/$1/store";
wait = 5.0;
retry = 0.2;
inventory = 1.0;
$(agent_hops "$1")
applications = ( {
	name = "$(app_kind "$1")";
$(agent_sides "$1")
$(agent_reload "$1")
$(agent_processes "$1")
	settle = $SETTLE;
	deadline = $DEADLINE;
} );
CONF
}

# agent_start NODE [OPTION...]
agent_start() {
	node=$1
	shift
	$(node_in "$node") "$B/bin/kedge-agentd" --config "$D/$node/agent.conf" "$@" \
	    >>"$D/$node/agent.log" 2>&1 &
	proc_keep "$node-agent" $!
}
