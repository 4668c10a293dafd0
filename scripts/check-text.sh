#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What no compiler sees: the tour names every file and no other, comments say something, each file
# starts with the licence, shell scripts are clean.
# shellcheck disable=SC2046,SC2086,SC2013 # no path in this tree has a space
set -eu
cd "$(dirname "$0")/.."
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
complain() { awk -v why="$1" '{print $0 "    <- " why}' >>"$bad"; }
tree() { git ls-files --cached --others --exclude-standard -- "$@" | sort -u; }

# The whole path, or with the line indented under its directory's heading: the path is what counts.
tour=docs/TOUR.md
if [ -f "$tour" ]; then
    for file in $(tree 'core/*' 'ports/*' 'server/*' 'sim/*' 'tools/*' 'examples/*' 'include/*' \
        'firmware/*' 'experiments/*.c' 'experiments/*.h' |
        grep -v 'CMakeLists\.txt$'); do
        [ ! -f "$file" ] || grep -qF "$file" "$tour" || echo "$file" | complain "no line in $tour"
    done
    grep -oE '\b(core|ports|server|sim|tools|examples|include|firmware|experiments)/[A-Za-z0-9_/.-]+\.[a-z]+\b' "$tour" |
        sort -u | while read -r file; do
        [ -e "$file" ] || echo "$file" | complain "stands in $tour, not in the tree"
    done
else
    echo "$tour" | complain "missing"
fi

code=$(tree '*.c' '*.h')
for file in $code; do
    [ -f "$file" ] || continue
    head -1 "$file" | grep -qxF '/* SPDX-License-Identifier: Apache-2.0 */' ||
        echo "$file" | complain "first line: SPDX-License-Identifier"
done
grep -nE '/\*[*!]*[[:space:]]*\*+/' $code /dev/null | complain "a comment that says nothing" || :
grep -nE '^([^"]*[^:"])?//' $code /dev/null | grep -vE '/\*.*//|^[^:]*:[0-9]+:[[:space:]]*\*' |
    complain "comments are /* */" || :

scripts=$(tree '*.sh' dev .ci/run)
for file in $scripts; do
    [ -f "$file" ] || continue
    shellcheck "$file" >>"$bad" || :
done

if [ -s "$bad" ]; then
    cat "$bad"
    exit 1
fi
