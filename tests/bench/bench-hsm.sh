#!/bin/sh
# make bench-hsm: node certificates issued per second through kedge-hsmd (real
# socket, every check on) against raw C_Sign in one thread on the same token,
# before and after, in one run.
set -eu
B=${KEDGE_BUILD:-build}
. tests/lib/softhsm.sh

D=$(mktemp -d "${TMPDIR:-/tmp}/kedge-bench.XXXXXX")
hsmd_pid=
finish() {
	[ -z "$hsmd_pid" ] || kill "$hsmd_pid" 2>/dev/null || :
	rm -rf "$D"
}
trap finish EXIT
seconds=${1:-3}

softhsm_make "$D"
hsmd_conf "$D" bench
raw() {
	"$B/bench/raw_sign" "$(softhsm_module)" kedge "$seconds" <"$D/pin"
}
before=$(raw)
hsmd_start "$B/bin/kedge-hsmd" "$D"
certs=$("$B/bench/issue" "$D/hsmd.sock" bench "$seconds")
hsmd_stop
hsmd_pid=
after=$(raw)
awk -v c="$certs" -v a="$before" -v b="$after" 'BEGIN {
	raw = (a + b) / 2
	printf "bench-hsm: %d certificates/s, raw C_Sign %d/s: ratio %.2f\n", c, raw, c / raw
}'
