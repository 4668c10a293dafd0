#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# clang-format, in the version that the tree is formatted with: each version breaks some lines in
# another way, and both Debian 12 and 13 have this one. Elsewhere the one there is, which may want
# to change a line or two.
set -eu
if command -v clang-format-19 >/dev/null; then
    exec clang-format-19 "$@"
fi
exec clang-format "$@"
