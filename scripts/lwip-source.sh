#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the source of lwIP 2.2 from Debian into build/_deps and prints its directory as the last
# line. Does nothing but print when it is there already.
#
#   scripts/lwip-source.sh [DEPS_DIR]
set -eu

exec "$(dirname "$0")/debian-source.sh" lwip 2.2 src/core/udp.c "$@"
