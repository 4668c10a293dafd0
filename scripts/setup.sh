#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages (12 or 13) that a piece of work needs, and only the missing ones.
#
#   scripts/setup.sh [GROUP...]     groups: build test check fuzz interop size; none: all
#
# Quick when nothing is missing. On a system without dpkg it says what is needed and goes on.
set -eu

packages() {
    case $1 in
    build)
        echo gcc libc6-dev cmake ninja-build pkg-config git ca-certificates \
            dpkg-dev debian-archive-keyring \
            libsqlite3-dev libjansson-dev libedit-dev
        ;;
    test) echo libcmocka-dev python3 ;;
    check) echo clang clang-format clang-tidy cppcheck shellcheck ;;
    fuzz) echo clang libclang-rt-dev llvm ;;
    interop) echo default-jdk-headless maven libcoap3-bin libcoap3-dev python3 python3-venv curl ;;
    bench) echo libcoap3-dev ;;
    size) echo gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm valgrind ;;
    *)
        echo "setup: unknown group: $1" >&2
        exit 2
        ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "setup: not root and no sudo; as root: $*" >&2
        return 1
    fi
}

install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 -q -y \
        --no-install-recommends install "$@"
}

[ $# -gt 0 ] || set -- build test check fuzz interop bench size
wanted=
for group in "$@"; do
    names=$(packages "$group")
    wanted="$wanted $names"
done

if ! command -v dpkg-query >/dev/null; then
    echo "setup: no dpkg here; needed, as Debian calls them:$wanted"
    exit 0
fi

missing=
for name in $wanted; do
    # shellcheck disable=SC2016 # the format is dpkg-query's
    state=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) || state=
    case " $missing " in *" $name "*) continue ;; esac
    [ "$state" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0

echo "setup: installing$missing"
# shellcheck disable=SC2086 # package names, one word each
install $missing || {
    echo "setup: reading the package lists anew"
    as_root apt-get -o DPkg::Lock::Timeout=400 -q update
    install $missing
}
