#!/bin/sh
# prove.sh: the inductive step of prove.c, for either end of a direction; and
# without the rules, which must be refuted. CBMC='chroot DIR cbmc' runs
# another one.
set -eu
cbmc=${CBMC:-cbmc}

if [ -z "${CBMC:-}" ] && ! command -v cbmc >/dev/null; then
	echo "make prove: SKIPPED: cbmc is not here" \
	    "(apt-get install cbmc on Debian 13; Debian 12 has none)"
	exit 0
fi
run() {
	$cbmc "$@" -I . --unwind 5 --unwinding-assertions \
	    --no-standard-checks --slice-formula --drop-unused-functions \
	    tests/model/prove.c policy/rule.c
}
for end in 0 1; do
	out=$(run -DEND=$end) || { echo "$out"; exit 1; }
	echo "prove: holds when $([ $end = 0 ] && echo presenter ||
	    echo verifier) gets the order"
	if out=$(run -DEND=$end -DWRONG); then
		echo "prove: does not see that the rules are not asked" >&2
		exit 1
	fi
	case $out in
	*"assertion !safe || is_safe(): FAILURE"*) ;;
	*) echo "$out"; exit 1 ;;
	esac
	echo "prove: refuted without the rules"
done
