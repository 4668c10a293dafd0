#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches the source of Mbed TLS 3.6 (LTS) from the Debian suite trixie into build/_deps and
# prints its directory as the last line. Does nothing but print when it is there already.
#
#   scripts/mbedtls-source.sh [DEPS_DIR]
#
# Debian 12 itself has 2.28, which knows no RFC 9146 connection id. The suite is read through a
# private APT configuration under DEPS_DIR; the machine's own stays as it is. APT checks the
# archive's signature (Signed-By) and each file's hash; dpkg-source checks the files once more.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
deps=${1:-$root/build/_deps}
suite=trixie
version=3.6
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
    echo "mbedtls-source: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

# A complete tree is renamed into place as the last step, so what has the name is complete.
find_source() {
    for dir in "$deps/mbedtls-$version".*; do
        [ -f "$dir/library/ssl_tls.c" ] && echo "$dir" && return 0
    done
    return 1
}

# Where this machine gets Debian from: the first entry whose path ends in /debian (or, as in cloud
# images, in a list of mirrors of that name), in either of APT's two formats.
debian_uri() {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources \
        2>/dev/null |
        sed -n -e 's/#.*//' \
            -e 's/^[[:space:]]*deb\(-src\)\{0,1\}[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}//p' \
            -e 's/^URIs:[[:space:]]*//p' |
        tr -s '[:blank:]' '\n' | sed -n 's|/*$||; /^[a-z+]*:.*\/debian\(\.list\)\{0,1\}$/{p;q;}'
}

private_apt() {
    apt_get=$1
    shift
    "$apt_get" -o DPkg::Lock::Timeout=400 \
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/sources" \
        -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache" \
        -o Dir::Cache::archives="$apt/cache/archives" -o APT::Sandbox::User="$(id -un)" \
        -o APT::Get::AllowUnauthenticated=false -o Acquire::AllowInsecureRepositories=false \
        "$@" >&2
}

no_source() {
    say "$*"
    fail "with a source tree at hand: cmake --preset release -DPROA_MBEDTLS_SOURCE=DIRECTORY"
}

unreachable() {
    say "APT, which says why above, got no source of Mbed TLS $version from $uri (suite $suite)."
    no_source "when that can be reached, give the same command again"
}

mkdir -p "$deps"
deps=$(cd "$deps" && pwd)

# Two builds may configure at once; the second waits and finds the work done.
exec 9>"$deps/.mbedtls.lock"
flock 9
if find_source; then
    exit 0
fi

command -v dpkg-source >/dev/null || fail "needs dpkg-dev; ./dev setup build installs it"
[ -f "$keyring" ] || fail "needs $keyring (package debian-archive-keyring)"
uri=$(debian_uri)
[ -n "$uri" ] || no_source "no entry in /etc/apt whose address ends in /debian"

apt=$deps/apt
rm -rf "$apt"
mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/download"
cat >"$apt/sources/$suite.sources" <<EOF
Types: deb-src
URIs: $uri
Suites: $suite
Components: main
Signed-By: $keyring
EOF

say "reading the list of sources of Debian $suite"
private_apt apt-get -q update || unreachable
say "fetching the source of Mbed TLS"
(cd "$apt/download" && private_apt apt-get -q source --download-only mbedtls) || unreachable

dsc=$(echo "$apt"/download/mbedtls_$version.*.dsc)
[ -f "$dsc" ] || fail "Debian $suite has no Mbed TLS $version: $(ls "$apt/download")"
rm -rf "$apt/tree"
say "unpacking it (APT has checked it; gpgv may add that it does not know the uploader)"
dpkg-source -q --no-copy -x "$dsc" "$apt/tree" >&2

upstream=$(basename "$dsc" .dsc)
upstream=${upstream#mbedtls_}
target=$deps/mbedtls-${upstream%%-*}
mv "$apt/tree" "$target"
rm -rf "$apt"
echo "$target"
