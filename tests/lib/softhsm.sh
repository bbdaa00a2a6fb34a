# softhsm.sh: a SoftHSM token in a directory of one's own, and kedge-hsmd on
# it. Source it (". tests/lib/softhsm.sh"); sets nothing but these functions
# and, in softhsm_make, SOFTHSM2_CONF.
#
#   softhsm_make DIR                 token "kedge", PIN in DIR/pin (0600)
#   hsmd_conf DIR FLEET [LINES]      writes DIR/hsmd.conf; more settings in LINES
#   hsmd_start PROGRAM DIR           starts it, waits until it serves; its
#                                    process is $hsmd_pid, its log DIR/hsmd.log
#   hsmd_stop                        ends it and waits

. tests/lib/module.sh

# The PIN is on softhsm2-util's command line, which has no other way but a
# terminal: a test token's only.
softhsm_make() {
	mkdir -p "$1/tokens" || return 1
	cat >"$1/softhsm2.conf" <<CONF
directories.tokendir = $1/tokens
objectstore.backend = file
log.level = ERROR
CONF
	SOFTHSM2_CONF=$1/softhsm2.conf
	export SOFTHSM2_CONF
	(umask 077 && od -An -N8 -tx1 /dev/urandom | tr -d ' \n' >"$1/pin")
	softhsm2-util --init-token --free --label kedge \
	    --pin "$(cat "$1/pin")" --so-pin "$(cat "$1/pin")" >/dev/null
}

hsmd_conf() {
	cat >"$1/hsmd.conf" <<CONF
fleet = "$2";
socket = "$1/hsmd.sock";
state = "$1/state";
tokens = ( {
	name = "soft";
	module = "$(softhsm_module)";
	uri = "pkcs11:token=kedge";
	backup_of = "$1/tokens";
} );
${3:-}
CONF
}

hsmd_start() {
	rm -f "$2/hsmd.sock"
	"$1" --config "$2/hsmd.conf" --pin-fd 3 3<"$2/pin" \
	    >>"$2/hsmd.log" 2>&1 &
	hsmd_pid=$!
	n=0
	while [ ! -S "$2/hsmd.sock" ]; do
		n=$((n + 1))
		if [ "$n" -gt 200 ] || ! kill -0 "$hsmd_pid" 2>/dev/null; then
			tail -n 5 "$2/hsmd.log" >&2
			return 1
		fi
		sleep 0.05
	done
}

hsmd_stop() {
	kill "$hsmd_pid" && wait "$hsmd_pid"
}
