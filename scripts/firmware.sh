#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The firmware: a lamp and a switch on two emulated boards with a Cortex-M3.
#
#   ./dev firmware build [--ipv4] [DIRECTORY]
#                                        images, with the configurations (lamp.c, switch.c) of a
#                                        directory, into it; else with the examples. They speak
#                                        IPv6, and IPv4 as well if that is asked for
#   ./dev firmware run [dtls|oscore]     a server and two boards, to talk to
#   ./dev firmware test [--json] [--only REGEX] [--network namespace|socket]
#                                        the same, tested
#   ./dev firmware size [--json] [IMAGE] what an image takes of flash and RAM, else the lamp; and
#                                        each part of it, linked apart. Exit status 1: the lamp on
#                                        the small board takes more than it may
#
# ./dev bench firmware measures it.
#
# Exit status 3: a tool is missing, and nothing was run.
set -eu
cd "$(dirname "$0")/.."

boards="mps2-an385 lm3s6965evb"
devices="lamp switch"
out=build/firmware
objects=$out/objects
ipv4=0

usage() {
    sed -n '3,17s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

skip() {
    echo "firmware: skipped: $*" >&2
    exit 3
}

present() {
    for tool in "$@"; do
        command -v "$tool" >/dev/null || skip "no $tool (./dev setup firmware installs it)"
    done
}

tools() {
    scripts/setup.sh firmware >&2 || :
    present "$@"
}

# ---- compile --------------------------------------------------------------------------------

cpu="-mcpu=cortex-m3 -mthumb"

# Objects have both: what the linker makes one program of, as a whole (-flto), and code that is linked
# as it stands, where parts are to be told apart or replaced (--wrap).
lto="-flto -ffat-lto-objects"
whole="-flto -flto-partition=one"
apart="-fno-lto"

# What -Os leaves that is larger than without; only gcc knows it.
small="-fipa-pta -fno-move-loop-invariants -fno-tree-loop-im -fno-schedule-insns2"
small="$small -fno-tree-switch-conversion"

set_flags() {
    mbedtls=$(scripts/mbedtls-source.sh)
    lwip=$(scripts/lwip-source.sh) || skip "no source of lwIP"
    common="$cpu -std=c11 -Os -g $small $lto -ffunction-sections -fdata-sections -MMD"
    common="$common -I. -Iinclude -DNDEBUG -DPROA_LWIP_IPV4=$ipv4"
    common="$common -DMBEDTLS_CONFIG_FILE='\"ports/mcu/mbedtls_config.h\"'"
    # What boards say differently (include/proa/limits.h).
    common="$common -DPROA_PANIC_TEXT=0 -DPROA_CHUNKS_MAX=3 -DPROA_DATAGRAM_MAX=576"
    common="$common -DPROA_CLIENT_EVENTS_MAX=8 -DPROA_C2C_PAYLOAD_MAX=64 -DPROA_STRING_MAX=128"
    common="$common -DPROA_DTLS_ARENA_BITS=14"
    system="-isystem $mbedtls/include -isystem $lwip/src/include -Iports/mcu/lwip"
    own="$common $system -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes"
    own="$own -Wmissing-prototypes -Werror"
    foreign="$common -w -I$mbedtls/include -I$mbedtls/library -I$lwip/src/include"
    foreign="$foreign -Iports/mcu/lwip"
}

# The file that makes one device of a firmware.
config_of() {
    if [ "$images" = "$out" ]; then
        echo "firmware/$1/config.c"
    else
        echo "$images/$1.c"
    fi
}

# rule OBJECT SOURCE FLAGS: how ninja makes it
rule() {
    echo "build $1: cc $2"
    echo "  flags = $3"
}

# All objects of an area, and its archive, so that the linker takes what is asked for.
area() {
    name=$1 flags=$2
    shift 2
    list=
    for file in "$@"; do
        rule "$objects/$name/$(basename "$file" .c).o" "$file" "$flags"
        list="$list $objects/$name/$(basename "$file" .c).o"
    done
    echo "build $objects/$name.a: ar $list"
}

listed() {
    grep -v '^#' "$1"
}

library_files() {
    listed ports/mbedtls/sources.txt | sed "s|^|$mbedtls/library/|"
}

# Where the object of a source is; what is an object already stays.
object() {
    case $1 in
    *.c) echo "$objects/${1%.c}.o" ;;
    *) echo "$1" ;;
    esac
}

# image LINK BOARD NAME FILE...: the files are all linked, because what a program leaves out it says by
# being there first (parts.c), and behind them the archives.
image() {
    link=$1 board=$2 name=$3
    shift 3
    echo "build $images/$board-$name.elf: link" \
        "$(for file in firmware/boards/cortex_m3.c firmware/boards/"$board"/*.c "$@"; do
            object "$file"
        done | tr '\n' ' ')" \
        "$(for area in $archives; do echo "$objects/$area.a"; done | tr '\n' ' ')" \
        "| firmware/boards/$board/board.ld firmware/boards/cortex_m3.ld"
    echo "  script = firmware/boards/$board/board.ld"
    echo "  link = $link"
}

# program BOARD NAME FILE...: the image that boards get, and the same apart, by which size tells parts.
program() {
    board=$1 name=$2
    shift 2
    image "$whole" "$board" "$name" "$@"
    image "$apart" "$board" "$name-apart" "$@"
}

# The archives in the order in which the linker needs them.
archives="ports/mcu core/c2c core/client core/oscore core/lwm2m core/coap core/codec
    core/base ports/mbedtls mbedtls/dtls mbedtls/crypto mbedtls/aes
    lwip ports/mcu/libc"

write_ninja() {
    echo "builddir = $out"
    echo "rule cc"
    echo "  command = arm-none-eabi-gcc \$flags -MF \$out.d -c \$in -o \$out"
    echo "  depfile = \$out.d"
    echo "  deps = gcc"
    echo "rule ar"
    echo "  command = rm -f \$out && arm-none-eabi-ar rcs \$out \$in"
    echo "rule link"
    echo "  command = arm-none-eabi-gcc $cpu -Os -g $small \$link -nostartfiles --specs=nano.specs -T \$script" \
        "-Wl,--gc-sections -Wl,--no-warn-rwx-segments -Wl,-Map=\$out.map -o \$out \$in \$more"
    for name in base codec coap oscore lwm2m client c2c; do
        area "core/$name" "$own" core/$name/*.c
    done
    area ports/mbedtls "$own" ports/mbedtls/*.c
    # shellcheck disable=SC2046 # a list
    area mbedtls/dtls "$foreign" $(library_files | grep /ssl_)
    # shellcheck disable=SC2046
    area mbedtls/crypto "$foreign" $(library_files | grep -v -e /ssl_ -e /aes.c)
    # Half of what a message takes. 230 bytes more, a fifth of its instructions less.
    area mbedtls/aes "$foreign -O2" "$mbedtls/library/aes.c"
    # shellcheck disable=SC2046
    area lwip "$foreign" $(listed ports/mcu/lwip/sources.txt | sed "s|^|$lwip/src/|")
    area ports/mcu "$own" ports/mcu/*.c ports/mcu/lwip/*.c
    # What the compiler calls by itself, and must not find in what it compiles here.
    area ports/mcu/libc "$own $apart -fno-builtin -fno-ivopts -fno-tree-scev-cprop -fno-tree-loop-distribute-patterns" ports/mcu/libc/*.c
    for file in firmware/*.c firmware/boards/*.c firmware/boards/*/*.c firmware/emulator/*.c \
        firmware/measure/*.c; do
        rule "$(object "$file")" "$file" "$own"
    done
    for device in $devices; do
        rule "$(object "firmware/$device/$device.c")" "firmware/$device/$device.c" "$own"
        # Apart, or the compiler would make one device's configuration part of the program: who
        # has no key yet would get an image without what comes behind that.
        rule "$images/$device.o" "$(config_of "$device")" "$own $apart"
        for board in $boards; do
            # A board that has flash and a seed of its own needs no emulator.
            emulated='firmware/emulator/*.c'
            [ ! -f "firmware/boards/$board/flash.c" ] || emulated=
            # shellcheck disable=SC2086 # a list
            program "$board" "$device" firmware/*.c $emulated "firmware/$device/$device.c" \
                "$images/$device.o"
        done
    done
    write_measured
}

# What ./dev bench firmware compares with and counts in.
write_measured() {
    program lm3s6965evb client firmware/*.c firmware/emulator/*.c firmware/lamp/lamp.c \
        firmware/measure/without_c2c.c "$images/lamp.o"
    wrapped="proa_dtls_arena_init proa_oscore_protect mbedtls_ssl_write"
    for protection in dtls oscore; do
        image "$apart" mps2-an385 "measure-$protection" firmware/console.c firmware/device.c \
            firmware/device_object.c firmware/parts.c firmware/random.c firmware/lamp/lamp.c \
            firmware/measure/main.c firmware/measure/counter.c firmware/measure/memory.c \
            firmware/measure/server.c firmware/measure/wire.c \
            "firmware/measure/config_$protection.c"
        echo "  more = $(for name in $wrapped; do printf ' -Wl,--wrap=%s' "$name"; done)"
    done
}

build() {
    tools arm-none-eabi-gcc ninja
    set_flags
    mkdir -p "$out" "$images"
    write_ninja >"$images/build.ninja"
    ninja --quiet -f "$images/build.ninja" >&2
}

# How each file is compiled, for tools that are clang. The C library's headers are the last place into
# which the cross compiler looks by itself.
commands() {
    ipv4=1 # or they would not read that half of lwIP's port
    small=
    set_flags
    mkdir -p "$out"
    write_ninja >"$out/build.ninja"
    libc=$(arm-none-eabi-gcc -E -Wp,-v -x c /dev/null 2>&1 >/dev/null | sed -n 's/^ //p' | tail -1)
    ninja -f "$out/build.ninja" -t compdb cc |
        sed "s|\"arm-none-eabi-gcc |\"clang --target=arm-none-eabi -isystem $libc |; s/ -f[a-z-]*lto[a-z=-]*//g; s/ -fno-\(ivopts\|tree-[a-z-]*\)//g" \
            >"$out/compile_commands.json"
}

# Sources, and proad and proa, which the boards talk to: fetched and built here, because where the
# boards run there is no other network.
programs() {
    set_flags
    scripts/setup.sh build >&2
    [ -f build/release/build.ninja ] || cmake --preset release >&2
    cmake --build build/release --target proad proa >&2
}

# ---- size -----------------------------------------------------------------------------------

# What the whole lamp may take, on the smaller of both boards: an image that takes more is no
# finished work.
limited=lm3s6965evb-lamp
flash_max=131072
ram_max=40960

# Which part of the tree counts as what.
kind_of() {
    case $1 in
    firmware*) echo application ;;
    core/client | core/lwm2m) echo lwm2m ;;
    core/coap) echo coap ;;
    core/c2c) echo c2c ;;
    core/oscore) echo oscore ;;
    ports/mbedtls | mbedtls/dtls) echo dtls ;;
    mbedtls/crypto | mbedtls/aes) echo crypto ;;
    ports/mcu | lwip) echo lwip ;;
    core/base | core/codec) echo base ;;
    ports/mcu/libc | "C library") echo libc ;;
    stack) echo stack ;;
    .bss.engines_bytes) echo engines_arena ;;
    .bss.dtls_bytes) echo dtls_arena ;;
    *) echo alignment ;;
    esac
}

# parts MEMORY: "BYTES KIND" for each kind, largest first
parts() {
    awk -v objects="$objects" -v memory="$1" -f bench/size/parts.awk "$images/$image-apart.elf.map" |
        while read -r bytes name; do
            echo "$bytes $(kind_of "$name")"
        done | awk '{n[$2] += $1} END {for (kind in n) print n[kind], kind}' | sort -rn
}

json_parts() {
    parts "$1" | awk '{printf "%s\"%s\": %d", NR == 1 ? "" : ", ", $2, $1}'
}

# total MEMORY IMAGE
total() {
    arm-none-eabi-size "$images/$2.elf" |
        awk -v ram="$1" 'NR == 2 {print $2 + (ram == "ram" ? $3 : $1)}'
}

# within LIMIT MEMORY: true if the image takes no more than that
within() {
    taken=$(total "$2" "$image")
    [ "$image" != $limited ] || [ "$taken" -le "$1" ] || {
        echo "firmware: $image takes $taken bytes of $2, more than $1" >&2
        false
    }
}

json_totals() {
    echo "{\"flash\": $(total flash "$1"), \"ram\": $(total ram "$1")}"
}

size() {
    json=false
    [ "${1:-}" != --json ] || { json=true && shift; }
    image=${1:-$limited}
    [ -f "$images/$image-apart.elf" ] || usage
    ok=true
    within $flash_max flash || ok=false
    within $ram_max ram || ok=false
    if $json; then
        echo "{\"schema\": \"proa-firmware-size-1\", \"ok\": $ok, \"image\": $(json_totals "$image")," \
            "\"at_most\": {\"flash\": $flash_max, \"ram\": $ram_max}," \
            "\"parts\": {\"flash\": {$(json_parts flash)}, \"ram\": {$(json_parts ram)}," \
            "\"all\": $(json_totals "$image-apart")}}"
    else
        for memory in flash ram; do
            printf '%s, bytes of %s: %d\nits parts, linked apart\n' \
                "$image" $memory "$(total $memory "$image")"
            parts $memory | awk '{printf "  %-14s %7d\n", $2, $1}'
            printf '  %-14s %7d\n' all "$(total $memory "$image-apart")"
        done
    fi
    $ok
}

images=$out
command=${1:-}
[ $# -eq 0 ] || shift
case $command in
build)
    [ "${1:-}" != --ipv4 ] || { ipv4=1 objects=$objects-ipv4 && shift; }
    images=${1:-$out}
    build
    ;;
run)
    tools arm-none-eabi-gcc ninja qemu-system-arm python3
    programs
    exec python3 tests/firmware/run.py "$@"
    ;;
test)
    tools arm-none-eabi-gcc ninja qemu-system-arm python3
    programs
    exec python3 tests/firmware/boards.py "$@"
    ;;
commands) # of ./dev check: what is there is enough
    present arm-none-eabi-gcc ninja
    commands
    ;;
size)
    tools arm-none-eabi-gcc ninja
    build
    size "$@"
    ;;
bench) # of ./dev bench firmware
    tools arm-none-eabi-gcc ninja qemu-system-arm python3
    programs
    build
    exec python3 tests/firmware/measure.py "$@"
    ;;
*) usage ;;
esac
