#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What Proa takes on a Cortex-M3: flash and RAM of a minimal device (bench/size) in three profiles,
# without and with DTLS.
#
#   ./dev bench size [--json]
#
# flash   everything the image puts there, C library included, dead code left out by the linker.
#         Beside it the same program optimised as a whole (-flto).
# ram     what is fixed, and what the device took from its arenas in a rehearsal in an emulator: one
#         server session, a read, a write, an observation. The stack is told beside it.
#
# The cost of client-to-client is (c2c_auth - client) / client over the whole image with DTLS,
# cryptography and C library. Its files are those of core/c2c.
# shellcheck disable=SC2154,SC2034,SC2013 # eval gives and takes; file names without spaces
set -eu
cd "$(dirname "$0")/.."

json=false
case ${1:-} in
'') ;;
--json) json=true ;;
*)
    echo "usage: ./dev bench size [--json]" >&2
    exit 2
    ;;
esac

scripts/setup.sh size >&2 || :
command -v arm-none-eabi-gcc >/dev/null || {
    echo "bench size: needs arm-none-eabi-gcc (./dev setup size)" >&2
    exit 3
}
mbedtls=$(scripts/mbedtls-source.sh)

out=build/size
objects=$out/objects
profiles="client c2c c2c_auth"
cpu="-mcpu=cortex-m3 -mthumb"
# Objects for both ways to link, part by part and as a whole.
common="$cpu -std=c11 -Os -flto -ffat-lto-objects -ffunction-sections -fdata-sections"
common="$common -I. -I$mbedtls/include"
common="$common -DMBEDTLS_CONFIG_FILE=\"ports/mbedtls/mbedtls_config.h\""
# What a board that does not print and whose pools do not grow says (include/proa/limits.h).
common="$common -DPROA_PANIC_TEXT=0 -DPROA_CHUNKS_MAX=3"
own="$common -Iinclude -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes"
own="$own -Wmissing-prototypes -Werror"
link="arm-none-eabi-gcc $cpu -Os -nostartfiles --specs=nano.specs -T bench/size/board.ld"
link="$link -Wl,--gc-sections -Wl,--no-warn-rwx-segments"

# ---- compile --------------------------------------------------------------------------------

# compile FLAGS SOURCE OBJECT: one line that xargs can run
compile() {
    mkdir -p "$(dirname "$3")"
    echo "arm-none-eabi-gcc $1 -c $2 -o $3"
}

rm -rf "$out"
mkdir -p "$out"
{
    for file in core/base/*.c core/codec/*.c core/coap/*.c core/lwm2m/*.c core/client/*.c \
        core/c2c/*.c ports/mbedtls/*.c bench/size/*.c; do
        compile "$own -isystem $mbedtls/include" "$file" "$objects/${file%.c}.o"
    done
    for file in $(grep -v '^#' ports/mbedtls/sources.txt); do
        compile "$common -w -I$mbedtls/library" "$mbedtls/library/$file" \
            "$objects/mbedtls/${file%.c}.o"
    done
} | sed "s|\"ports/mbedtls/mbedtls_config.h\"|'&'|" | xargs -P "$(nproc)" -d '\n' -n 1 sh -c >&2

# ---- link -----------------------------------------------------------------------------------

# An archive for each area, so that the linker takes what is asked for, as in a real program.
areas="c2c client lwm2m coap codec base"
for area in $areas; do
    arm-none-eabi-ar rcs "$objects/core/$area.a" "$objects/core/$area"/*.o
done
arm-none-eabi-ar rcs "$objects/ports/mbedtls.a" "$objects"/ports/mbedtls/*.o
arm-none-eabi-ar rcs "$objects/mbedtls.a" "$objects"/mbedtls/*.o

# objects_of PROFILE BOX HARDWARE...
objects_of() {
    profile=$1 box=$2
    shift 2
    for name in startup device formats "profile_$profile" "box_$box" "$@"; do
        echo "$objects/bench/size/$name.o"
    done
    [ "$box" = none ] || echo "$objects/ports/mbedtls.a $objects/mbedtls.a"
    for area in $areas; do
        echo "$objects/core/$area.a"
    done
}

for profile in $profiles; do
    for box in none dtls; do
        image=$out/"$profile-$box"
        # shellcheck disable=SC2046,SC2086 # lists
        $link -fno-lto $(objects_of $profile $box hardware) -Wl,-Map="$image.map" \
            -o "$image.elf" >&2
        # shellcheck disable=SC2046,SC2086
        $link -flto=auto $(objects_of $profile $box hardware) -o "$image-lto.elf" >&2
        awk -v objects="$objects" -f bench/size/parts.awk "$image.map" >"$image.parts"
        wrap=
        [ $box = none ] || wrap=-Wl,--wrap=mbedtls_platform_set_calloc_free
        # shellcheck disable=SC2046,SC2086
        $link -fno-lto -Wl,--defsym=rehearsal=1 $wrap \
            $(objects_of $profile $box rehearsal rehearsal_$box) -o "$image-rehearsal.elf" >&2
    done
done

# ---- measure --------------------------------------------------------------------------------

ok=true
reason=

flash_of() {
    arm-none-eabi-size "$out/$1.elf" | awk 'NR == 2 {print $1 + $2}'
}

# Bytes of the symbols of an image: symbol_len IMAGE SYMBOL
symbol_len() {
    arm-none-eabi-nm -S "$out/$1.elf" |
        awk -v name="$2" '$4 == name {len = $2} END {print len == "" ? 0 : "0x" len}'
}

rehearse() {
    if ! command -v qemu-system-arm >/dev/null; then
        return 1
    fi
    timeout 60 qemu-system-arm -M mps2-an385 -nographic -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$out/$1-rehearsal.elf" \
        >"$out/$1.rehearsal" 2>&1 </dev/null || {
        echo "bench size: $1: $(cat "$out/$1.rehearsal")" >&2
        return 1
    }
}

# ram_of IMAGE: fixed bytes without the arenas, and what was taken from those; or null
ram_of() {
    fixed=$(arm-none-eabi-size "$out/$1.elf" | awk 'NR == 2 {print $2 + $3}')
    arenas=$(($(symbol_len "$1" arena_bytes) + $(symbol_len "$1" dtls_arena_bytes)))
    awk -v fixed=$((fixed - arenas)) '{print fixed + $2 + $4}' "$out/$1.rehearsal"
}

stack_of() {
    awk '{print $6}' "$out/$1.rehearsal"
}

for profile in $profiles; do
    for box in none dtls; do
        name=${profile}_$box
        eval "flash_$name=$(flash_of "$profile-$box")"
        eval "whole_$name=$(flash_of "$profile-$box-lto")"
        eval "ram_$name=null stack_$name=null"
        if rehearse "$profile-$box"; then
            eval "ram_$name=$(ram_of "$profile-$box") stack_$name=$(stack_of "$profile-$box")"
        else
            ok=false
            reason="no rehearsal in an emulator, see the error output"
        fi
    done
done

percent() {
    if [ "$1" = null ] || [ "$2" = null ]; then
        echo null
    else
        awk -v small="$1" -v large="$2" 'BEGIN {printf "%.2f", 100 * (large - small) / small}'
    fi
}

extension_flash=$(percent "$flash_client_dtls" "$flash_c2c_auth_dtls")
extension_ram=$(percent "$ram_client_dtls" "$ram_c2c_auth_dtls")

# No allocator in any image: startup.o has a calloc that stops.
heap=0
for image in "$out"/*-none.elf "$out"/*-dtls.elf; do
    if arm-none-eabi-nm "$image" | grep -qE ' (_malloc_r|_sbrk_r|malloc)$'; then
        heap=null
        ok=false
        reason="an allocator is linked into $image"
    fi
done

# ---- tell -----------------------------------------------------------------------------------

part() {
    awk -v part="$2" '{bytes = $1; $1 = ""; sub(/^ /, "")} $0 == part {n = bytes} END {print n + 0}' \
        "$out/$1.parts"
}

table() {
    printf '%-22s %26s %26s\n' '' 'without DTLS' 'with DTLS'
    printf '%-22s %8s %8s %8s  %8s %8s %8s\n' 'flash, bytes' client c2c c2c_auth client c2c c2c_auth
    cut -d' ' -f2- "$out"/*.parts | sort -u | while read -r name; do
        printf '%-22s' "  $name"
        for box in none dtls; do
            for profile in $profiles; do
                printf ' %8s' "$(part "$profile-$box" "$name")"
            done
            printf ' '
        done
        echo
    done
    for what in flash whole ram stack; do
        case $what in whole) label='flash with -flto' ;; *) label=$what ;; esac
        printf '%-22s' "$label"
        for box in none dtls; do
            for profile in $profiles; do
                eval "printf ' %8s' \"\$${what}_${profile}_$box\""
            done
            printf ' '
        done
        echo
    done
    echo
    echo "The paper's artifact, without DTLS, network stack, kernel and C library (iotlab-m3):"
    printf '%-22s %8s %8s %8s\n' flash 26135 29507 31221 ram 10047 10255 10255
    echo
    echo "client-to-client over the whole image with DTLS: flash +$extension_flash %," \
        "RAM +$extension_ram %"
}

json_profiles() {
    separator=
    for profile in $profiles; do
        eval "printf '%s\"%s\":{\"flash\":%s,\"flash_lto\":%s,\"ram\":%s,\"stack\":%s}' \"\$separator\" $profile \
            \"\$flash_${profile}_$1\" \"\$whole_${profile}_$1\" \"\$ram_${profile}_$1\" \"\$stack_${profile}_$1\""
        separator=,
    done
}

$json || table
version=$(sed -n 's/^project(proa VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
commit=$(git describe --always --dirty --abbrev=12 --exclude='*' 2>/dev/null || echo unknown)
if $json; then
    printf '{"schema":"proa-bench-size-1","version":"%s","commit":"%s","ok":%s' \
        "$version" "$commit" "$ok"
    printf ',"profiles":{%s},"profiles_dtls":{%s}' "$(json_profiles none)" "$(json_profiles dtls)"
    printf ',"extension_flash_pct":%s,"extension_ram_pct":%s,"heap":%s' \
        "$extension_flash" "$extension_ram" "$heap"
    printf ',"seed":{"client":{"flash":26135,"ram":10047},"c2c":{"flash":29507,"ram":10255}'
    printf ',"c2c_auth":{"flash":31221,"ram":10255}}'
    printf ',"goals":{"c2c_auth_flash_max":31221,"met":%s,"extension_flash_pct_max":8}' \
        "$([ "$flash_c2c_auth_none" -le 31221 ] && echo true || echo false)"
    printf ',"peer_live_ram":null,"peer_hibernated_ram":null,"reason":"%s"' \
        "${reason:+$reason; }peers are not measured: the rehearsal has one server session"
    printf '}\n'
fi
$ok
