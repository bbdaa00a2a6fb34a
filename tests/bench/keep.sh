#!/bin/sh
# keep.sh NAME COMMAND...: runs it, shows what it says and keeps that in
# build/bench/NAME.txt, for summary.sh. Its exit code is the command's.
set -u
f=${KEDGE_BUILD:-build}/bench/$1.txt
shift
"$@" >"$f" 2>&1
status=$?
cat "$f"
exit $status
