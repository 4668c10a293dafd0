#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs one libFuzzer target for some seconds. What it finds interesting grows in
# build/fuzz/corpus/TARGET, beside the seeds of the tree, and is used again next time.
set -eu
cd "$(dirname "$0")/.."

if [ $# -ne 2 ]; then
    echo "usage: ./dev fuzz TARGET SECONDS" >&2
    echo "targets:" >&2
    find tests/fuzz -name 'fuzz_*.c' | sed 's|.*/fuzz_\(.*\)\.c|  \1|' | sort >&2
    exit 2
fi
name=$1
seconds=$2
seeds=tests/fuzz/corpus/$name
corpus=build/fuzz/corpus/$name
found=build/fuzz/found/$name

if [ ! -f "tests/fuzz/fuzz_$name.c" ]; then
    echo "fuzz: no such target: $name" >&2
    exit 2
fi
[ -f build/fuzz/build.ninja ] || cmake --preset fuzz >&2
cmake --build build/fuzz --target "fuzz_$name" "replay_$name" >&2
mkdir -p "$corpus" "$found" "$seeds"

status=0
build/fuzz/bin/"fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -print_final_stats=1 -artifact_prefix="$found/" "$corpus" "$seeds" || status=$?

if [ "$status" -ne 0 ]; then
    input=$(find "$found" -type f -printf '%T@ %p\n' | sort -rn | sed -n '1s/^[^ ]* //p')
    echo "fuzz: $name failed on ${input:-no saved input}"
    if [ -n "$input" ]; then
        echo "  replay:  build/fuzz/bin/replay_$name $input"
        echo "  keep it: cp $input $seeds/<what-it-shows>   (and every test run replays it)"
    fi
    exit 1
fi
