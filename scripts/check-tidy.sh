#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over one file, unless it was clean before with the same text, the same headers (their
# hash is in $headers) and the same rules.
set -eu
file=$1
stamp=build/tidy/$(printf '%s' "$file" | tr / _)
seen="${headers:-} $(sha256sum <"$file")"
if [ "$(cat "$stamp" 2>/dev/null)" = "$seen" ]; then
    exit 0
fi
if ! grep -qF "/$file\"" build/clang/compile_commands.json; then
    echo "$file: no target compiles it"
    exit 1
fi
clang-tidy --quiet -p build/clang "$file" 2>/dev/null
printf '%s' "$seen" >"$stamp"
