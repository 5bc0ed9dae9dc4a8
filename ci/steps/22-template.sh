# SPDX-License-Identifier: MIT OR Apache-2.0
# The page that a porter copies compiles as it is, for the host and for a microcontroller.
. ci/lib.sh
need_deb gcc=gcc arm-none-eabi-gcc=gcc-arm-none-eabi
mkdir -p "$build/ci"
warnings="-Wall -Wextra -Wpedantic -Werror -Wconversion -Wmissing-prototypes"
for std in c99 c11; do gcc -std=$std $warnings -Iinclude -c ports/template/mote_port_template.c -o "$build/ci/template.o"; done
arm-none-eabi-gcc -std=c99 $warnings -mthumb -mcpu=cortex-m0 -Iinclude -c ports/template/mote_port_template.c -o "$build/ci/template.o"
# Every member of every table is set: a service that grows has to grow here too.
missing=$(awk '
    FNR == NR {
        if (/^static const mote_port/) table = $3
        if (match($0, /^    \.[a-z_]+ =/)) set[table substr($1, 1)]
        next
    }
    /^typedef struct mote_port(_[a-z]+)? \{/ { inside = $3; next }
    /^}/ { inside = "" }
    inside && inside != "mote_port_ready" && inside != "mote_port_datagram" {
        line = $0; sub(/^ *\*.*/, "", line); sub(/^ *\/\*.*/, "", line)
        if (match(line, /\(\*[a-z_]+\)/)) name = substr(line, RSTART + 2, RLENGTH - 3)
        else if (line ~ /;$/ && line !~ /\)/ && match(line, /[a-z_]+;/)) name = substr(line, RSTART, RLENGTH - 1)
        else next
        if (name != "reserved" && !(inside "." name in set)) print inside "." name
    }' ports/template/mote_port_template.c include/mote.h)
[ -z "$missing" ] || die "the template lacks: $missing"
