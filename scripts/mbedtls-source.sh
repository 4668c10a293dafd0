#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the source of Mbed TLS 3.6 (LTS) from Debian into build/_deps and prints its directory as
# the last line. Does nothing but print when it is there already.
#
#   scripts/mbedtls-source.sh [DEPS_DIR]
#
# Debian 12 itself has 2.28, which knows no RFC 9146 connection id; the suite trixie has 3.6.
set -eu

"$(dirname "$0")/debian-source.sh" mbedtls 3.6 library/ssl_tls.c "$@" || {
    echo "mbedtls-source: with a source tree at hand:" \
        "cmake --preset release -DPROA_MBEDTLS_SOURCE=DIRECTORY" >&2
    exit 1
}
