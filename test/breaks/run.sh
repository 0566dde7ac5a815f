#!/bin/sh
# Breaks the library in one way after the other and sees that the test that holds the rule notices.
#
#   test/breaks/run.sh            all breaks
#   test/breaks/run.sh late goex  those whose names contain late or goex
#
# A break is a patch. Its first lines say what it breaks ("Break:") and which test of which package has to
# fail for it ("Test:"); without the patch that test has to pass. Everything happens in a copy of the tree.
# Prints a table; exits 1 unless every break is caught.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# copy puts a tree into a new folder.
copy() { # from to
	mkdir -p "$2" &&
		(cd "$1" && tar -cf - --exclude=./.git --exclude=./bin --exclude=node_modules .) | (cd "$2" && tar -xf -)
}

# field prints what a patch says in one of its first lines.
field() { sed -n "s/^$2: //p;/^diff /q" "$1"; }

# passes runs one test. A test that hangs fails.
passes() { # folder package test
	(cd "$1" && go test -count=1 -timeout=90s -run "^$3\$" "$2") >"$work/output" 2>&1
}

selected() { # name [part...]
	name=$1
	shift
	[ $# -eq 0 ] && return 0
	for part; do
		case $name in *"$part"*) return 0 ;; esac
	done
	return 1
}

copy "$root" "$work/whole" || exit 1
missed=0
checked=
printf '%-28s %-14s %s\n' BREAK VERDICT TEST
for patch in "$here"/*.patch; do
	name=$(basename "$patch" .patch)
	selected "$name" "$@" || continue
	held=$(field "$patch" Test)
	package=${held% *}
	test=${held#* }
	broken=$work/broken
	rm -rf "$broken"
	copy "$work/whole" "$broken"
	if ! (cd "$broken" && GIT_CEILING_DIRECTORIES="$work" git apply "$patch") 2>"$work/output"; then
		verdict="NOT APPLIED"
	elif ! (cd "$broken" && go test -count=1 -run '^$' "$package") >"$work/output" 2>&1; then
		verdict="NOT BUILT"
	elif passes "$broken" "$package" "$test"; then
		verdict="NOT CAUGHT"
	elif ! grep -q "$test" "$work/output"; then
		verdict="OTHER FAILURE"
	else
		verdict=caught
		# Once per test: it says something only if it passes on the tree as it is.
		case " $checked " in
		*" $package/$test "*) ;;
		*)
			if passes "$work/whole" "$package" "$test" && ! grep -q 'no tests to run' "$work/output"; then
				checked="$checked $package/$test"
			else
				verdict="FAILS ANYWAY"
			fi
			;;
		esac
	fi
	printf '%-28s %-14s %s\n' "$name" "$verdict" "$package $test"
	if [ "$verdict" != caught ]; then
		missed=$((missed + 1))
		tail -n 20 "$work/output" | sed 's/^/    /'
	fi
done
if [ "$missed" -gt 0 ]; then
	echo "$missed not caught"
	exit 1
fi
