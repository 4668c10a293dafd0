#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Starts an interoperability run by name: tests/interop/NAME.py, with our programs built.
set -eu
cd "$(dirname "$0")/.."

if [ $# -eq 0 ] || [ ! -f "tests/interop/$1.py" ]; then
    echo "usage: ./dev interop NAME [ARGUMENT...]" >&2
    find tests/interop -maxdepth 1 -name '*.py' 2>/dev/null | sed 's|.*/|  |; s|\.py$||' | sort >&2
    exit 2
fi
name=$1
shift

scripts/setup.sh build interop >&2
[ -f build/release/build.ninja ] || cmake --preset release >&2
cmake --build build/release >&2
exec python3 "tests/interop/$name.py" "$@"
