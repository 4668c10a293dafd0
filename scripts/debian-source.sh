#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fetches a source package of the Debian suite trixie and prints its directory as the last line.
# Does nothing but print when it is there already. For scripts/*-source.sh.
#
#   scripts/debian-source.sh PACKAGE VERSION PROOF [DEPS_DIR]
#
# VERSION is how the upstream version begins, PROOF a file that a complete tree has.
#
# The suite is read through a private APT configuration under DEPS_DIR (build/_deps); the machine's
# own stays as it is. APT checks the archive's signature (Signed-By) and each file's hash;
# dpkg-source checks the files once more.
set -eu

package=$1
version=$2
proof=$3
root=$(cd "$(dirname "$0")/.." && pwd)
deps=${4:-$root/build/_deps}
suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() {
    echo "$package-source: $*" >&2
}

fail() {
    say "$*"
    exit 1
}

# A complete tree is renamed into place as the last step, so what has the name is complete.
find_source() {
    for dir in "$deps/$package-$version".*; do
        [ -f "$dir/$proof" ] && echo "$dir" && return 0
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

unreachable() {
    say "APT, which says why above, got no source of $package $version from $uri (suite $suite)."
    fail "when that can be reached, give the same command again"
}

mkdir -p "$deps"
deps=$(cd "$deps" && pwd)

# Two builds may configure at once; the second waits and finds the work done.
exec 9>"$deps/.$package.lock"
flock 9
if find_source; then
    exit 0
fi

command -v dpkg-source >/dev/null || fail "needs dpkg-dev; ./dev setup build installs it"
[ -f "$keyring" ] || fail "needs $keyring (package debian-archive-keyring)"
uri=$(debian_uri)
[ -n "$uri" ] || fail "no entry in /etc/apt whose address ends in /debian"

apt=$deps/apt-$package
rm -rf "$apt"
mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/download"
cat >"$apt/sources/$suite.sources" <<EOS
Types: deb-src
URIs: $uri
Suites: $suite
Components: main
Signed-By: $keyring
EOS

say "reading the list of sources of Debian $suite"
private_apt apt-get -q update || unreachable
say "fetching the source of $package"
(cd "$apt/download" && private_apt apt-get -q source --download-only "$package") || unreachable

dsc=$(echo "$apt/download/${package}_$version".*.dsc)
[ -f "$dsc" ] || fail "Debian $suite has no $package $version: $(ls "$apt/download")"
rm -rf "$apt/tree"
say "unpacking it (APT has checked it; gpgv may add that it does not know the uploader)"
dpkg-source -q --no-copy -x "$dsc" "$apt/tree" >&2

upstream=$(basename "$dsc" .dsc)
upstream=${upstream#"${package}_"}
upstream=${upstream%%-*}
target=$deps/$package-${upstream%%+*}
mv "$apt/tree" "$target"
rm -rf "$apt"
echo "$target"
