#!/bin/sh
# mutants.sh DIR: builds the explorer with each fault of mutants.txt, one at a
# time, and demands that it is found. DIR is scratch. MUTANT=NAME runs one.
set -eu
dir=$1
here=tests/model
cc=${CC:-cc}
flags="-std=c17 -D_GNU_SOURCE -O1 -w"
found=0
lived=

rungs() {
	cat <<-'RUNGS'
	--nodes 2 --dual
	--nodes 2 --dual --flips 1 --failures 1
	--nodes 2 --dual --doubts 1
	--nodes 2 --dual --excuses 1
	--nodes 3 --dual --walks-only
	--nodes 3 --dual --links 2
	RUNGS
}

# Prints the rung that finds the fault; 1 when none does.
hunt() {
	rungs | while read -r args; do
		# shellcheck disable=SC2086
		if ! timeout 60 "$1" $args >"$1.log" 2>&1; then
			echo "$args: $(head -n 1 "$1.log")"
			exit 1
		fi
	done && return 1
	return 0
}

# Everything once; a mutant is one object of its own among the others.
rm -rf "$dir"
mkdir -p "$dir/base"
for f in policy/*.c "$here"/explore.c "$here"/paced.c "$here"/pick.c "$here"/resume.c \
    "$here"/search.c "$here"/walk.c "$here"/world.c; do
	$cc $flags -I. -c -o "$dir/base/$(basename "$f" .c).o" "$f"
done
while IFS='|' read -r name file expression; do
	case $name in ''|'#'*) continue ;; esac
	# MUTANT is a pattern of names
	# shellcheck disable=SC2254
	case $name in ${MUTANT:-*}) ;; *) continue ;; esac
	m=$dir/$name
	cp -r "$dir/base" "$m"
	sed -E "$expression" "policy/$file" >"$m/$file"
	if cmp -s "policy/$file" "$m/$file"; then
		echo "mutant $name: changes nothing; correct its line" >&2
		exit 1
	fi
	if ! $cc $flags -I. -c -o "$m/${file%.c}.o" "$m/$file" \
	    2>"$m/cc.log" || ! $cc -o "$m/explore" "$m"/*.o 2>>"$m/cc.log"
	then
		echo "mutant $name: does not compile, see $m/cc.log" >&2
		exit 1
	fi
	if by=$(hunt "$m/explore"); then
		found=$((found + 1))
		echo "found $name by $by"
	else
		lived="$lived $name"
		echo "LIVES $name"
	fi
done <"$here/mutants.txt"
[ -z "$lived" ] || { echo "mutants that live:$lived" >&2; exit 1; }
echo "mutants: $found, all found"
