#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds what the paper's evaluation needs, and runs it: experiments/evaluate.py has the options.
set -eu
cd "$(dirname "$0")/.."

build() {
    scripts/setup.sh build experiments >&2
    [ -f build/release/build.ninja ] || cmake --preset release >&2
    cmake --build build/release >&2
}

case " $* " in
*" --help "* | *" -h "* | *" --only-report "*) scripts/setup.sh experiments >&2 ;;
*) build ;;
esac
exec python3 experiments/evaluate.py "$@"
