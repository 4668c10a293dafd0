#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-tidy over one file, unless it was clean before with the same text, the same headers (their
# hash is in $headers) and the same rules. The second argument is the folder of the commands that
# compile it.
set -eu
file=$1
commands=$2
stamp=build/tidy/$(printf '%s' "$file" | tr / _)
seen="${headers:-} $(sha256sum <"$file")"
if [ "$(cat "$stamp" 2>/dev/null)" = "$seen" ]; then
    exit 0
fi
if ! grep -qF -e "\"$file\"" -e "/$file\"" "$commands/compile_commands.json"; then
    echo "$file: no target compiles it"
    exit 1
fi
clang-tidy --quiet -p "$commands" "$file" 2>/dev/null
printf '%s' "$seen" >"$stamp"
