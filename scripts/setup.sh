#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages (12 or 13) that a piece of work needs, and only the missing ones.
#
#   scripts/setup.sh [GROUP...]     groups: build test check fuzz interop size firmware experiments; none: all
#
# Quick when nothing is missing. On a system without dpkg it says what is needed and goes on.
set -eu
cd "$(dirname "$0")/.."

packages() {
    case $1 in
    build)
        echo gcc libc6-dev cmake ninja-build pkg-config git ca-certificates \
            dpkg-dev debian-archive-keyring \
            libsqlite3-dev libjansson-dev libedit-dev
        ;;
    test) echo libcmocka-dev python3 ;;
    check) echo clang clang-format-19 clang-tidy cppcheck shellcheck ;;
    fuzz) echo clang libclang-rt-dev llvm ;;
    interop) echo default-jdk-headless maven libcoap3-bin libcoap3-dev python3 python3-venv curl ;;
    experiments) echo python3 ;;
    bench) echo libcoap3-dev ;;
    size) echo gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm valgrind ;;
    firmware) echo gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm iproute2 python3 ;;
    *)
        echo "setup: unknown group: $1" >&2
        exit 2
        ;;
    esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# Two commands at once: the second waits here and finds the work done.
alone() {
    mkdir -p build
    exec 9>build/setup.lock
    flock 9
}

have_lists() {
    [ -n "$(find /var/lib/apt/lists -name '*_Packages*' -print -quit 2>/dev/null)" ]
}

read_lists() {
    echo "setup: reading the package lists"
    as_root apt-get -o DPkg::Lock::Timeout=400 -q update 9>&-
}

install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=400 -q -y \
        --no-install-recommends install "$@" 9>&-
}

give_up() {
    echo "setup: $1. By hand, as root:"
    echo "    apt-get update && apt-get install --no-install-recommends$missing"
    echo "setup: then give the same command again."
    exit 1
}

# Fills $missing, each name once.
find_missing() {
    missing=
    for name in $wanted; do
        # shellcheck disable=SC2016 # the format is dpkg-query's
        state=$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null) || state=
        case " $missing " in *" $name "*) continue ;; esac
        [ "$state" = installed ] || missing="$missing $name"
    done
}

[ $# -gt 0 ] || set -- build test check fuzz interop bench size firmware experiments
wanted=
for group in "$@"; do
    names=$(packages "$group")
    wanted="$wanted $names"
done

if ! command -v dpkg-query >/dev/null; then
    echo "setup: no dpkg here; needed, as Debian calls them:$wanted"
    exit 0
fi

find_missing
[ -n "$missing" ] || exit 0
[ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null || give_up "not root, and there is no sudo"
alone
find_missing
[ -n "$missing" ] || exit 0

# A fresh system may have no package lists; old ones name packages that are gone.
echo "setup: installing$missing"
# shellcheck disable=SC2086 # package names, one word each
{
    have_lists && install $missing && exit 0
    read_lists && install $missing && exit 0
}
give_up "apt could not install all of it, and says why above (is there a network?)"
