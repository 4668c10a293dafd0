#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Keeps the arrows of docs/DESIGN.md true: who may include whom, and what pure code may not touch.
# A new area or public header gets its place here first.
# shellcheck disable=SC2046,SC2086,SC2013 # no path in this tree has a space
set -eu
cd "$(dirname "$0")/.."
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT
complain() { awk -v why="$1" '{print $0 "    <- " why}' >>"$bad"; }

# The areas that each area may include, besides itself.
may_include() {
    case $1 in
    base) echo ;;
    codec) echo base ;;
    coap) echo base codec ;;
    oscore) echo base codec coap edge ;;
    lwm2m) echo base codec coap ;;
    edge) echo base ;;
    client | server) echo base codec coap oscore lwm2m edge ;;
    c2c) echo base codec coap oscore lwm2m edge client server ;;
    app) echo base codec coap oscore lwm2m edge client server c2c ;;
    *) return 1 ;;
    esac
}

# The area that a header belongs to. "edge": what a port implements and engines call.
area_of() {
    case $1 in
    core/*/*) expr "$1" : 'core/\([a-z0-9]*\)/' ;;
    server/app/*) echo app ;;
    proa/addr.h | proa/assert.h | proa/bytes.h | proa/err.h | proa/limits.h | proa/memory.h | \
        proa/random.h) echo base ;;
    proa/codec/*.h) echo codec ;;
    proa/coap.h | proa/coap_*.h) echo coap ;;
    proa/oscore.h) echo oscore ;;
    proa/lwm2m.h | proa/payload.h | proa/object.h) echo lwm2m ;;
    proa/secure.h | proa/store.h | proa/crypto.h | proa/port.h) echo edge ;;
    proa/client*.h) echo client ;;
    proa/server*.h | proa/bootstrap*.h) echo server ;;
    proa/c2c*.h) echo c2c ;;
    proa/app*.h | proa/policy.h | proa/grant*.h) echo app ;;
    *) echo "unknown:$1" ;;
    esac
}

sources() { find "$@" -name '*.[ch]' 2>/dev/null | sort; }
pure=$(sources core server/app)
public=$(sources include/proa)

for file in $pure $public; do
    area=$(area_of "${file#include/}")
    allowed=$(may_include "$area") || echo "$file" | complain "give it an area in $0"
    for header in $(sed -n 's/^#include "\(.*\)".*/\1/p' "$file"); do
        case " $area $allowed " in
        *" $(area_of "$header") "*) ;;
        *) echo "$file: $header" | complain "$area may include: $area $allowed" ;;
        esac
    done
done

# Ports know the public headers, and the pools and maps of base; nothing knows the simulator or the
# tools.
grep -nE '^#include "(core|server|sim|experiments|tools)/' $(sources ports) /dev/null |
    grep -v '"core/base/' | complain "ports include proa/, ports/ and core/base/" || :
grep -nE '^#include "(sim|experiments|tools|tests|firmware)/' $(sources core server ports) /dev/null |
    complain "arrows point downwards" || :

# Pure code: no system headers, no heap, no clock, no input or output.
std='stdint|stddef|stdbool|stdalign|string|limits|inttypes|math'
grep -nE '^#include <' $pure $public /dev/null | grep -vE "<($std)\.h>" |
    complain "only <$std>" || :
# What ports have for all boards is as pure; it does not own its hardware.
boards=$(sources ports/mcu/flash_store.c ports/mcu/flash_store.h)
grep -nE '^#include <' $boards /dev/null | grep -vE "<($std)\.h>" |
    complain "only <$std>, for all boards" || :
calls='malloc|calloc|realloc|free|printf|fprintf|snprintf|puts|time|clock|clock_gettime|rand|srand'
calls="$calls|random|getenv|abort|exit|assert"
for file in $pure $boards; do
    # Without comments, so that prose may say free().
    ${CC:-cc} -fpreprocessed -dD -E -P "$file" 2>/dev/null |
        grep -E "(^|[^A-Za-z0-9_.>])($calls)[[:space:]]*\(" | sed "s|^|$file: |" |
        complain "not in pure code" || :
done

# The preprocessor chooses nothing outside ports/ and limits.h; include guards are no choice.
grep -nE '^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif)\b' \
    $(sources core server sim experiments tools examples include firmware) /dev/null |
    grep -vE '^include/proa/limits\.h:|#ifndef [A-Z0-9_]+_H$|#ifdef __cplusplus$' |
    complain "#if lives in ports/ and limits.h" || :

# No mutable globals: nothing of the pure libraries stands in .data or .bss.
for lib in base codec coap oscore lwm2m client server c2c app; do
    [ -f "build/release/lib/libproa_$lib.a" ] || continue
    objdump -t "build/release/lib/libproa_$lib.a" |
        awk '$3 == "O" && $4 ~ /^\.(data|bss)/ && $4 !~ /^\.data\.rel\.ro/ {print $4, $NF}
             $2 == "O" && $3 ~ /^\.(data|bss)/ && $3 !~ /^\.data\.rel\.ro/ {print $3, $NF}' |
        sed "s|^|proa_$lib: |" | complain "a mutable global"
done

if [ -s "$bad" ]; then
    cat "$bad"
    exit 1
fi
