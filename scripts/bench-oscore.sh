#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What OSCORE costs: bench/bench_oscore.c, and before it flash and RAM on a Cortex-M3.
#
#   ./dev bench oscore [--json]
#
# flash         core/oscore of a device without Appendix B.2, dead code left out by the linker
# flash_shared  the same with all of base, codec and CoAP messages that it uses, which every device
#               with CoAP has already; cryptography and C library are not counted
set -eu
cd "$(dirname "$0")/.."

figures=
scripts/setup.sh size >&2 || :
if command -v arm-none-eabi-gcc >/dev/null; then
    out=build/oscore-size
    objects=$out/objects
    flags="-mcpu=cortex-m3 -mthumb -std=c11 -Os -ffunction-sections -fdata-sections -I. -Iinclude"
    flags="$flags -DPROA_PANIC_TEXT=0 -DPROA_CHUNKS_MAX=3 -Wall -Wextra -Wconversion -Werror"
    rm -rf "$out"
    for file in core/base/*.c core/codec/*.c core/coap/message.c core/oscore/*.c \
        bench/size/oscore.c bench/size/startup.c bench/size/hardware.c; do
        mkdir -p "$objects/$(dirname "$file")"
        # shellcheck disable=SC2086 # a list of flags
        arm-none-eabi-gcc $flags -c "$file" -o "$objects/${file%.c}.o" >&2
    done
    for area in oscore coap codec base; do
        arm-none-eabi-ar rcs "$objects/core/$area.a" "$objects/core/$area"/*.o
    done
    arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb -Os -nostartfiles --specs=nano.specs \
        -T bench/size/board.ld -Wl,--gc-sections -Wl,--no-warn-rwx-segments \
        -Wl,-Map="$out/image.map" -o "$out/image.elf" \
        "$objects/bench/size/startup.o" "$objects/bench/size/oscore.o" \
        "$objects/bench/size/hardware.o" \
        "$objects/core/oscore.a" "$objects/core/coap.a" "$objects/core/codec.a" \
        "$objects/core/base.a" >&2
    awk -v objects="$objects" -f bench/size/parts.awk "$out/image.map" >"$out/image.parts"
    symbol() {
        arm-none-eabi-nm -S "$objects/bench/size/oscore.o" |
            awk -v name="$1" '$4 == name {print "0x" $2}'
    }
    flash=$(awk '$2 == "core/oscore" {print $1}' "$out/image.parts")
    shared=$(awk '$2 ~ /^core\// {n += $1} END {print n}' "$out/image.parts")
    figures="--flash $flash --flash-shared $shared"
    figures="$figures --context $(($(symbol oscore_context_len)))"
    figures="$figures --table $(($(symbol oscore_table_len)))"
fi
# shellcheck disable=SC2086 # a list of arguments
exec build/release/bin/bench-oscore $figures "$@"
