#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything that can be said about the tree without running it. Each step runs even when an
# earlier one failed; the last lines say which did. Arguments choose steps by name.
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=$(nproc)
failed=()
chosen=" $* "

step() {
    local name=$1 start=$SECONDS last
    shift
    [[ $chosen == "  " || $chosen == *" $name "* ]] || return 0
    "$@" >"build/check-$name.log" 2>&1
    case $? in
    0) printf 'check: %-8s ok   (%d s)\n' "$name" $((SECONDS - start)) ;;
    3)
        last=$(tail -1 "build/check-$name.log")
        printf 'check: %-8s skipped: %s\n' "$name" "${last##*skipped: }"
        ;;
    *)
        cat "build/check-$name.log"
        printf 'check: %-8s FAILED (%d s)\n' "$name" $((SECONDS - start))
        failed+=("$name")
        ;;
    esac
}

tree() {
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
        while read -r file; do [ ! -f "$file" ] || echo "$file"; done
}

build() {
    [ -f "build/$1/build.ninja" ] || cmake --preset "$1" || return
    cmake --build "build/$1" -- -k 0
}

format() {
    local said
    said=$(tree '*.c' '*.h' | xargs scripts/clang-format.sh --dry-run --Werror 2>&1) && return
    scripts/clang-format.sh --version
    echo "$said" | grep -E '^[^:]+:[0-9]+:' |
        awk -F: '!seen[$1]++ {print $1 ":" $2 ": ./dev fmt would change it"}'
    return 1
}

cppcheck_() {
    mkdir -p build/cppcheck
    local areas=()
    for area in core ports server sim experiments tools examples firmware; do
        [ ! -d $area ] || areas+=("$area")
    done
    cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability -j "$jobs" \
        --inline-suppr --suppressions-list=scripts/cppcheck.txt --library=scripts/cppcheck.cfg \
        --error-exitcode=1 \
        --cppcheck-build-dir=build/cppcheck -I include -I . "${areas[@]}"
}

# tidy_with COMMANDS: over the files on the input, each when it, a header, or the rules changed.
tidy_with() {
    mkdir -p build/tidy
    local headers
    headers=$(tree '*.h' .clang-tidy | xargs cat | sha256sum)
    export headers
    xargs -r -P "$jobs" -I{} scripts/check-tidy.sh {} "$1"
}

tidy() {
    tree 'core/*.c' 'ports/*.c' 'server/*.c' 'sim/*.c' 'experiments/*.c' 'tools/*.c' | grep -v '^ports/mcu/.*/' |
        tidy_with build/clang
}

# What only the cross compiler compiles.
firmware() {
    scripts/firmware.sh commands || return
    tree 'firmware/*.c' 'ports/mcu/*/*.c' | tidy_with build/firmware
}

mkdir -p build
step gcc build release
step layers scripts/check-layers.sh
step text scripts/check-text.sh
step format format
step clang build clang
step cppcheck cppcheck_
step tidy tidy
step firmware firmware

if [ ${#failed[@]} -gt 0 ]; then
    echo "check: failed: ${failed[*]}"
    exit 1
fi
echo "check: all ok"
