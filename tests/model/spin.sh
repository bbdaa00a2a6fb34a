#!/bin/sh
# spin.sh DIR: server.pml must hold, and each of its faults must be refuted.
# DIR is scratch.
set -eu
dir=$1
here=$(cd "$(dirname "$0")" && pwd)

rm -rf "$dir"
mkdir -p "$dir"
cd "$dir"

# verify NAME "PAN FLAGS" [DEFINE]: prints pan's count of errors and states
verify() {
	name=$1 flags=$2
	shift 2
	spin "$@" -a "$here/server.pml" >"$name.log"
	# shellcheck disable=SC2086
	${CC:-cc} -O2 -w -DMEMLIM=2048 $flags -o "$name" pan.c
}

verify safe "-DSAFETY -DNOCLAIM -DCOLLAPSE"
./safe -m100000 >safe.out
grep -q "errors: 0" safe.out || { cat safe.out; exit 1; }
echo "spin: holds in all $(awk '/states, stored/ { print $1 }' safe.out) states"

verify ends "-DNFAIR=4 -DCOLLAPSE"
./ends -a -f -m1000000 >ends.out
grep -q "errors: 0" ends.out || { cat ends.out; exit 1; }
echo "spin: always comes to its end when all are heard"

for fault in RECEIVED HASTY EAGER; do
	verify "$fault" "-DSAFETY -DNOCLAIM -DCOLLAPSE" "-D$fault"
	"./$fault" -m100000 >"$fault.out"
	if ! grep -q "assertion violated" "$fault.out"; then
		echo "spin: does not see the fault $fault" >&2
		exit 1
	fi
	echo "spin: refutes $fault"
done
