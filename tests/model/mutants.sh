#!/bin/sh
# mutants.sh DIR: builds the explorer with each fault of mutants.txt, one at a
# time, and demands that it is found; those after the line @unit, which is what
# only the unit tests of policy/ see, by these. DIR is scratch. MUTANT=NAME
# runs one.
set -eu
dir=$1
here=tests/model
cc=${CC:-cc}
flags="-std=c17 -D_GNU_SOURCE -O1 -w"
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

# What runs find must be found by the facts alone as well, as the two are proofs
# of the same. Walks see more than rules: strategies; and facts know no --kinds.
compare() {
	case $by in *--walks-only*|*--kinds*|*--stars*|unit:*) return 0 ;; esac
	code=0
	timeout 300 "$1" --stars 1 >"$1.log" 2>&1 || code=$?
	case $code in 0|124) alone="$alone $name" ;; esac
}

# Prints the rung that finds the fault; 1 when none does.
hunt() {
	if [ "$by_unit" = 1 ]; then
		! CK_FORK=no timeout 60 "$1" >"$1.log" 2>&1 || return 1
		echo "unit: $(sed -n 's/.*:[0-9]*:[EF]:\([^:]*:[^:]*\).*/\1/p' "$1.log" |
		    head -n 1)"
		return 0
	fi
	rungs | while read -r args; do
		# shellcheck disable=SC2086
		if ! timeout 300 "$1" $args >"$1.log" 2>&1; then
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
# what fails by itself finds everything
for by_unit in 0 1; do
	tests=$([ $by_unit = 0 ] && echo model || echo unit)
	# shellcheck disable=SC2046
	$cc -o "$dir/$tests/sound" "$dir"/policy/*.o "$dir/$tests"/*.o \
	    $(pkg-config --libs check)
	if by=$(hunt "$dir/$tests/sound"); then
		echo "no mutant, and yet: $by" >&2
		exit 1
	fi
done
by_unit=0
while IFS='|' read -r name file expression; do
	case $name in ''|'#'*) continue ;; @unit) by_unit=1; continue ;; esac
	# MUTANT is a pattern of names
	# shellcheck disable=SC2254
	case $name in ${MUTANT:-*}) ;; *) continue ;; esac
	m=$dir/$name
	cp -r "$dir/policy" "$m"
	sed -E "$expression" "policy/$file" >"$m/$file"
	if cmp -s "policy/$file" "$m/$file"; then
		echo "mutant $name: changes nothing; correct its line" >&2
		exit 1
	fi
	tests=$dir/model
	libs=
	[ $by_unit = 0 ] || { tests=$dir/unit; libs=$(pkg-config --libs check); }
	# shellcheck disable=SC2086
	if ! $cc $flags -I. -c -o "$m/${file%.c}.o" "$m/$file" \
	    2>"$m/cc.log" ||
	    ! $cc -o "$m/tests" "$m"/*.o "$tests"/*.o $libs 2>>"$m/cc.log"
	then
		echo "mutant $name: does not compile, see $m/cc.log" >&2
		exit 1
	fi
	if by=$(hunt "$m/tests"); then
		found=$((found + 1))
		echo "found $name by $by"
		compare "$m/tests"
	else
		lived="$lived $name"
		echo "LIVES $name"
	fi
done <"$here/mutants.txt"
[ -z "$lived" ] || { echo "mutants that live:$lived" >&2; exit 1; }
[ -z "$alone" ] || { echo "found by runs, and not by facts:$alone" >&2; exit 1; }
echo "mutants: $found, all found; by the facts alone, too, where runs find them"
