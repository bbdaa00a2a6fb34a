#!/bin/sh
# mutants.sh DIR: builds the explorer with each fault of mutants.txt, one at a
# time, and demands that it is found; those after the line @stars by three peers,
# which runs up to three nodes do not have; those after the line @unit, which is
# what only the unit tests of policy/ see, by these. DIR is scratch. MUTANT=NAME
# runs one.
set -eu
dir=$1
here=tests/model
cc=${CC:-cc}
flags="-std=c17 -D_GNU_SOURCE -O1 -w"
unit_libs="-Wl,--wrap=realloc $(pkg-config --libs check)"
found=0
lived=
alone=

rungs() {
	cat <<-'RUNGS'
	--nodes 2 --dual --states-only --again 1
	--nodes 2 --dual --states-only --flips 1 --failures 1
	--nodes 2 --dual --states-only --doubts 1
	--nodes 2 --dual --states-only --excuses 1
	--nodes 2 --kinds --states-only --again 1
	--nodes 3 --dual --states-only --links 2
	--nodes 2 --kinds --walks-only
	--nodes 3 --dual --walks-only
	--stars 1
	RUNGS
}

peers() {
	echo --stars 3
}

# What runs find must be found by the facts alone as well, as the two are proofs
# of the same. Walks see more than rules: strategies; and facts know no --kinds.
compare() {
	case $what in *--walks-only*|*--kinds*|*--stars*|unit:*) return 0 ;; esac
	code=0
	timeout 300 "$1" --stars 1 >"$1.log" 2>&1 || code=$?
	[ $code -eq 1 ] || alone="$alone $name"
}

# attempt SECONDS PROGRAM ARGS: whether it says that something is wrong. A crash,
# no more time or memory finds nothing; that is kept in $dir/neither.
attempt() {
	limit=$1
	shift
	code=0
	timeout "$limit" "$@" >"$1.log" 2>&1 || code=$?
	case $code in
	0) return 1 ;;
	1) return 0 ;;
	esac
	echo "$* ended with $code" >>"$dir/neither"
	return 1
}

# Prints the rung that finds the fault; 1 when none does.
hunt() {
	if [ "$by" = unit ]; then
		CK_FORK=no attempt 60 "$1" || return 1
		echo "unit: $(sed -n 's/.*:[0-9]*:[EF]:\([^:]*:[^:]*\).*/\1/p' "$1.log" |
		    head -n 1)"
		return 0
	fi
	$by | while read -r args; do
		# shellcheck disable=SC2086
		if attempt 300 "$1" $args; then
			echo "$args: $(head -n 1 "$1.log")"
			exit 1
		fi
	done && return 1
	return 0
}

compile() {
	mkdir -p "$dir/$1"
	for f in $2; do
		$cc $flags -I. -c -o "$dir/$1/$(basename "$f" .c).o" "$f"
	done
}

# Everything once; a mutant is one object of its own among the others.
rm -rf "$dir"
compile policy "$(echo policy/*.c)"
compile model "$(for f in ends events explore facts hood paced pick resume search star walk world; do
	echo "$here/$f.c"; done)"
compile unit "$(echo tests/unit/policy/*.c)"
# What fails by itself finds everything. Three peers are what make model is for.
for by in rungs unit; do
	tests=$([ $by = unit ] && echo unit || echo model)
	# shellcheck disable=SC2046
	$cc -o "$dir/$tests/sound" "$dir"/policy/*.o "$dir/$tests"/*.o \
	    $([ $by != unit ] || echo "$unit_libs")
	if what=$(hunt "$dir/$tests/sound"); then
		echo "no mutant, and yet: $what" >&2
		exit 1
	elif [ -e "$dir/neither" ]; then
		echo "no mutant, and yet: $(cat "$dir/neither")" >&2
		exit 1
	fi
done
by=rungs
while IFS='|' read -r name file expression; do
	case $name in ''|'#'*) continue ;; @stars) by=peers; continue ;;
	@unit) by=unit; continue ;; esac
	# MUTANT is a pattern of names
	# shellcheck disable=SC2254
	case $name in ${MUTANT:-*}) ;; *) continue ;; esac
	m=$dir/$name
	rm -f "$dir/neither"
	cp -r "$dir/policy" "$m"
	sed -E "$expression" "policy/$file" >"$m/$file"
	if cmp -s "policy/$file" "$m/$file"; then
		echo "mutant $name: changes nothing; correct its line" >&2
		exit 1
	fi
	tests=$dir/model
	libs=
	[ $by != unit ] || { tests=$dir/unit; libs=$unit_libs; }
	# shellcheck disable=SC2086
	if ! $cc $flags -I. -c -o "$m/${file%.c}.o" "$m/$file" \
	    2>"$m/cc.log" ||
	    ! $cc -o "$m/tests" "$m"/*.o "$tests"/*.o $libs 2>>"$m/cc.log"
	then
		echo "mutant $name: does not compile, see $m/cc.log" >&2
		exit 1
	fi
	if what=$(hunt "$m/tests"); then
		found=$((found + 1))
		echo "found $name by $what"
		compare "$m/tests"
	else
		lived="$lived $name"
		echo "LIVES $name"
		[ ! -e "$dir/neither" ] || cat "$dir/neither"
	fi
done <"$here/mutants.txt"
[ -z "$lived" ] || { echo "mutants that live:$lived" >&2; exit 1; }
[ -z "$alone" ] || { echo "found by runs, and not by facts:$alone" >&2; exit 1; }
echo "mutants: $found, all found; by the facts alone, too, where runs find them"
