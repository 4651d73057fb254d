#!/bin/bash
# What `make test` runs. One line a stage, the logs of what failed, and at the end
# `N passed, N failed` over all stages: one for each meson test in each build, one for
# each end-to-end case. A stage that does not build counts as one failure.
set -u
cd "$(dirname "$0")/.." || exit 1

python=/usr/bin/python3
counts=build/test-counts
# Everything a test may leave behind or depend on is inside the checkout.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# stage NAME COMMAND…: runs it quietly, prints how long it took, shows its output if it failed.
stage() {
	local name=$1 start=$EPOCHREALTIME status=0 took
	shift
	printf '%-28s' "$name"
	"$@" >build/stage.log 2>&1 || status=$?
	took=$(awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
	if [ "$status" -eq 0 ]; then
		printf '%7s s  ok      %s\n' "$took" "$(tail -n 1 build/stage.log | grep -E '^[0-9]+ passed')"
		return 0
	fi
	printf '%7s s  FAILED\n' "$took"
	sed 's/^/    /' build/stage.log | tail -n 200
	return 1
}

# compile DIR CC [meson options]: sets the directory up once; ninja sees later changes.
compile() {
	local dir=$1 compiler=$2 cxx=g++
	[ "$compiler" = clang ] && cxx=clang++
	shift 2
	if [ ! -f "$dir/build.ninja" ]; then
		CC=$compiler CXX=$cxx meson setup "$dir" "$@" || return 1
	fi
	ninja -C "$dir" --quiet
}

# run DIR NAME [meson test options]: counts are kept, failures print their log.
run() {
	local dir=$1 name=$2 wrap=()
	shift 2
	# ThreadSanitizer of clang 14 knows no memory layout with many random bits.
	if [ "$name" = tsan ] && setarch -R true 2>/dev/null; then wrap=(setarch -R); fi
	rm -f "$dir/meson-logs/$name".*
	"${wrap[@]}" meson test -C "$dir" --no-rebuild --logbase "$name" --quiet \
		--no-suite bench --no-suite e2e "$@" >"build/$name.log" 2>&1
	[ -f "$dir/meson-logs/$name.json" ] || cat "build/$name.log"
	"$python" tools/test_report.py "$counts" meson "$dir/meson-logs/$name.json"
}

end_to_end() {
	rm -f build/e2e.xml
	HOLDFAST="$PWD/build/gcc/src/app/holdfast" \
		timeout -k 10 1800 "$python" -m pytest -q --no-header -p no:cacheprovider \
		--junitxml=build/e2e.xml test/e2e test/torture
	"$python" tools/test_report.py "$counts" junit build/e2e.xml
}

# build_and_run NAME CC "meson options" [meson test options]
build_and_run() {
	local name=$1 compiler=$2 options=$3
	shift 3
	# shellcheck disable=SC2086 # options are words
	if stage "$name: build" compile "build/$name" "$compiler" $options; then
		stage "$name: test" run "build/$name" "$name" "$@"
	else
		echo "0 1" >>"$counts"
	fi
}

tools/deps.sh || exit 1
mkdir -p build
: >"$counts"
stage "cel-spec suites" tools/cel_spec.sh || echo "0 1" >>"$counts"

build_and_run gcc gcc ""
build_and_run clang clang "" --suite unit --suite sim --suite conformance
build_and_run asan clang "-Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true" -t 5
build_and_run tsan clang "-Db_sanitize=thread -Db_lundef=false" --suite thread -t 10
if ls test/e2e/test_*.py >/dev/null 2>&1; then
	stage "end to end" end_to_end
fi

awk '{ passed += $1; failed += $2 } END {
	printf "%d passed, %d failed\n", passed, failed
	exit failed > 0 || passed == 0
}' "$counts"
