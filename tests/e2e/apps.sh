# apps.sh: the applications of the demo fleet: their configurations, start,
# stop and reload. Sourced by fleet.sh, which sets D (the fleet's directory),
# E2E (our programs) and the ports. Every file that a roll changes lies in
# $D/NODE/files; docs/recipes.md says why each option is there.

# Where the processes of a node run, as the words before a command, and where
# its servers listen. netns.sh has other answers.
node_in() {
	:
}

node_addr() {
	echo 127.0.0.1
}

# How long an application gives a handshake, in seconds; netns.sh: longer
HANDSHAKE=10

# nginx_server NODE PORT on|off: one TLS port whose answer tells what the
# server saw of the client and of the session.
nginx_server() {
	cat <<CONF
	server {
		listen $(node_addr "$1"):$2 ssl backlog=1024;
		server_name $1;
		ssl_certificate $D/$1/files/chain.pem;
		ssl_certificate_key $D/$1/files/key.pem;
		ssl_client_certificate $D/$1/files/trust.pem;
		ssl_verify_client $3;
		location / {
			default_type text/plain;
			return 200 "server=$1 client=\$peer verify=\$ssl_client_verify resumed=\$ssl_session_reused request=\$connection_requests uri=\$uri\n";
		}
	}
CONF
}

# nginx_conf NODE MUTUAL_PORT [SERVER_ONLY_PORT]
nginx_conf() {
	cat <<CONF
daemon off;
worker_processes 1;
pid $D/$1/app.pid;
error_log $D/$1/app.log warn;
events { worker_connections 2048; }
http {
	access_log off;
	client_header_timeout ${HANDSHAKE}s;
	client_body_temp_path $D/$1/tmp;
	proxy_temp_path $D/$1/tmp;
	fastcgi_temp_path $D/$1/tmp;
	uwsgi_temp_path $D/$1/tmp;
	scgi_temp_path $D/$1/tmp;
	keepalive_timeout 0;
	ssl_protocols TLSv1.2 TLSv1.3;
	ssl_session_tickets off;
	ssl_session_cache off;
	map \$ssl_client_s_dn \$peer {
		default "";
		"~(^|,)CN=(?<cn>[^,]+)" \$cn;
	}
CONF
	nginx_server "$1" "$2" on
	if [ -n "${3:-}" ]; then
		nginx_server "$1" "$3" off
	fi
	echo "}"
}

# haproxy_conf NODE LISTEN=PORT=NAME...
haproxy_conf() {
	n=$1
	shift
	cat <<CONF
global
	nbthread 1
	maxconn 2000
	hard-stop-after ${HANDSHAKE}s
	ssl-default-server-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
	mode tcp
	retries 0
	timeout connect ${HANDSHAKE}s
	timeout client ${HANDSHAKE}s
	timeout server ${HANDSHAKE}s
	timeout client-fin 1s
	timeout server-fin 1s
CONF
	for t in "$@"; do
		target_split "$n" "$t"
		cat <<CONF
listen to-$t_name
	bind 127.0.0.1:$t_listen
	server s $t_addr:$t_port ssl verify required ca-file $D/$n/files/trust.pem crt $D/$n/files/chain.pem sni str($t_name) verifyhost $t_name no-ssl-reuse
CONF
	done
}

# stunnel_conf NODE LISTEN=PORT=NAME...
stunnel_conf() {
	n=$1
	shift
	cat <<CONF
foreground = yes
pid = $D/$n/app.pid
debug = warning
syslog = no
CONF
	for t in "$@"; do
		target_split "$n" "$t"
		cat <<CONF
[to-$t_name]
client = yes
accept = 127.0.0.1:$t_listen
connect = $t_addr:$t_port
TIMEOUTconnect = $HANDSHAKE
TIMEOUTbusy = $HANDSHAKE
CAfile = $D/$n/files/trust.pem
cert = $D/$n/files/chain.pem
key = $D/$n/files/key.pem
verifyChain = yes
checkHost = $t_name
sni = $t_name
sslVersionMin = TLSv1.2
options = NO_TICKET
sessionResume = no
TIMEOUTclose = 0
CONF
	done
}

# target_split NODE LISTEN=PORT=NAME; what bears the node's own name is its probe
target_split() {
	n=$1
	shift
	t_listen=${1%%=*}
	t_name=${1##*=}
	t_port=${1#*=}
	t_port=${t_port%=*}
	t_addr=127.0.0.1
	[ "$t_name" = "$n" ] || t_addr=$(node_addr "$t_name")
}

# app_start NODE nginx|haproxy|stunnel|tlsclient|tlsclient-server-only [TARGET...]
app_start() {
	node=$1 kind=$2
	shift 2
	f=$D/$node/files
	log=$D/$node/app.log
	in=$(node_in "$node")
	case $kind in
	nginx)
		mkdir -p "$D/$node/tmp"
		nginx_conf "$node" "$@" >"$D/$node/app.conf"
		$in nginx -e "$log" -c "$D/$node/app.conf" >>"$log" 2>&1 &
		;;
	haproxy)
		ln -sf key.pem "$f/chain.pem.key"
		haproxy_conf "$node" "$@" >"$D/$node/app.conf"
		$in haproxy -W -db -f "$D/$node/app.conf" -p "$D/$node/app.pid" \
		    >>"$log" 2>&1 &
		;;
	stunnel)
		stunnel_conf "$node" "$@" >"$D/$node/app.conf"
		ports=
		for t in "$@"; do
			ports="$ports ${t%%=*}"
		done
		$in "$E2E/activate" $ports -- stunnel4 "$D/$node/app.conf" \
		    >>"$log" 2>&1 &
		;;
	tlsclient | tlsclient-server-only)
		own="-c $f/chain.pem -k $f/key.pem"
		[ "$kind" = tlsclient ] || own=
		targets=
		for t in "$@"; do
			target_split "$node" "$t"
			targets="$targets $t_listen=$t_addr:$t_port=$t_name"
		done
		$in "$E2E/tlsclient" -l "$HANDSHAKE" -t "$f/trust.pem" $own \
		    -p "$D/$node/app.pid" $targets >>"$log" 2>&1 &
		;;
	esac
	proc_keep "$node-app" $!
}

# app_reload NODE KIND: for the control and the tests of the applications
# alone; in a roll kedge-agentd does this.
app_reload() {
	case $2 in
	nginx)
		nginx -t -q -e "$D/$1/app.log" -c "$D/$1/app.conf" \
		    2>>"$D/$1/app.log" || return 1
		kill -HUP "$(proc_pid "$1-app")"
		;;
	haproxy)
		haproxy -c -q -f "$D/$1/app.conf" >>"$D/$1/app.log" 2>&1 ||
			return 1
		kill -USR2 "$(proc_pid "$1-app")"
		;;
	*)
		kill -HUP "$(proc_pid "$1-app")"
		;;
	esac
}
