# SPDX-License-Identifier: MIT OR Apache-2.0
# The committed header is what the sources make, and compiles everywhere with all warnings.
. ci/lib.sh
need_deb gcc=gcc g++=g++ arm-none-eabi-gcc=gcc-arm-none-eabi
ci/header.sh --check
work=$build/ci/header
mkdir -p "$work"
echo '#include "mote.h"
#include "mote.h"
int main(void) { return 0; }' >"$work/header.c"
warnings="-Wall -Wextra -Wpedantic -Werror -Wshadow -Wundef -Wconversion"
for std in c99 c11 c17; do gcc -std=$std $warnings -Wstrict-prototypes -Iinclude -c "$work/header.c" -o "$work/header.o"; done
for std in c++11 c++17 c++20; do g++ -x c++ -std=$std $warnings -Iinclude -c "$work/header.c" -o "$work/header.o"; done
# As of C++20 structures are filled in as in C.
echo '#include "mote.h"
mote_node_config by_name = { MOTE_NODE_CONFIG_INIT, .objects = 2 };
mote_coap_config by_default = { MOTE_COAP_CONFIG_INIT };' >"$work/filled.cc"
g++ -std=c++20 $warnings -Wno-missing-field-initializers -Iinclude -c "$work/filled.cc" -o "$work/header.o"
sed -i '/by_name/d' "$work/filled.cc"
g++ -std=c++11 $warnings -Wno-missing-field-initializers -Iinclude -c "$work/filled.cc" -o "$work/header.o"
if have clang; then clang -std=c99 $warnings -Iinclude -c "$work/header.c" -o "$work/header.o"; else without clang; fi
arm-none-eabi-gcc -std=c99 $warnings -mthumb -mcpu=cortex-m0 -Iinclude -c "$work/header.c" -o "$work/header.o"
# No macro but MOTE_…, no #if inside a structure.
gcc -dM -E -Iinclude -include include/mote.h -x c /dev/null | awk '{ print $2 }' | sort >"$work/with"
gcc -dM -E -include stdint.h -include stddef.h -x c /dev/null | awk '{ print $2 }' | sort >"$work/without"
alien=$(comm -23 "$work/with" "$work/without" | grep -v '^MOTE_' || true)
[ -z "$alien" ] || die "macros that are not ours: $alien"
awk '/^typedef struct .*\{/ { inside = 1 } /^}/ { inside = 0 } inside && /^#/ { print FILENAME ": " FNR ": preprocessor inside a structure"; bad = 1 } END { exit bad }' include/mote.h
