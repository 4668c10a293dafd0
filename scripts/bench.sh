#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts a benchmark by name: scripts/bench-NAME.sh, or else the program bench-NAME.
set -eu
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
    echo "usage: ./dev bench NAME [ARGUMENT...]" >&2
    find scripts build/release/bin -name 'bench-*' -type f 2>/dev/null |
        sed 's|.*/bench-|  |; s|\.sh$||' | sort -u >&2
    exit 2
fi
name=$1
shift

scripts/setup.sh build bench >&2
[ -f build/release/build.ninja ] || cmake --preset release >&2
cmake --build build/release >&2
if [ -f "scripts/bench-$name.sh" ]; then
    exec "scripts/bench-$name.sh" "$@"
fi
if [ -x "build/release/bin/bench-$name" ]; then
    exec "build/release/bin/bench-$name" "$@"
fi
echo "bench: no such benchmark: $name" >&2
exit 2
