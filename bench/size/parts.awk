# SPDX-License-Identifier: Apache-2.0
# What stands in flash, or with memory=ram in RAM, by part of the tree, from the map that the linker
# wrote.
# Prints "BYTES PART"; objects and the archive of each area lie as their sources do, below
# the directory `objects`.
function hex(text, i, value) {
    value = 0
    for (i = 3; i <= length(text); i++)
        value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1
    return value
}

# fill is what the linker puts in for alignment
function add(at, len, section, file) {
    if ((memory == "ram") != (hex(at) >= 536870912)) return
    if (section !~ /^(\.text|\.rodata|\.vectors|\.data|\.bss|COMMON|\*fill\*)/) return
    if (index(file, objects) == 1) {
        part = substr(file, length(objects) + 2)
        if (!sub(/\.a\(.*/, "", part)) sub(/\/[^\/]*$/, "", part)
    } else {
        part = file ~ /\.a\(/ ? "C library" : "alignment"
    }
    if (section ~ /_bytes$/) part = section # an array that a program hands out
    bytes[part] += hex(len)
}

/^Linker script and memory map/ { body = 1 }
!body { next }
/^\.[a-z]/ { outer = $1; if (outer == ".stack" && memory == "ram") bytes["stack"] += hex($3) }
outer == ".stack" { next }
/^ [.*A-Z]/ && NF == 1 { section = $1; next }
/^ [.*A-Z]/ && NF >= 3 { add($2, $3, $1, NF >= 4 ? $4 : ""); section = ""; next }
/^ +0x/ && section != "" { if (NF >= 3) add($1, $2, section, $3); section = ""; next }
{ section = "" }

END { for (part in bytes) print bytes[part], part }
