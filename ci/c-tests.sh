#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds and runs the C tests in tests/c: with the library as it is shipped (static), and once more with the
# library and the tests under AddressSanitizer. ci/c-tests.sh [NAME…]
. "$(dirname "$0")/lib.sh"
cd "$root"
need_deb gcc=gcc python3=python3
work=$build/ci/c-tests
mkdir -p "$work"
system="-lgcc_s -lutil -lrt -lpthread -lm -ldl"
warnings="-std=c99 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -Iinclude -Itests/c -Itests/firmware -I$work"
gcc -E -P -x c include/mote.h | python3 ci/null_test.py >"$work/null.c"
gcc -E -P -x c include/mote.h | python3 ci/storm_functions.py >"$work/storm_functions.h"

# The sanitizers come with the compiler; the flag for them is unstable.
host=$(rustc -vV | sed -n 's/^host: //p')
RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" cargo rustc --quiet --lib --crate-type staticlib --target "$host" \
    --target-dir "$target_dir/asan"
ci/build.sh >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }

status=0
for source in "$work/null.c" tests/c/*.c; do
    name=$(basename "$source" .c)
    [ $# = 0 ] || [[ " $* " = *" $name "* ]] || continue
    gcc $warnings -O1 -g "$source" -o "$work/$name" "$build/lib/libmote.a" $system
    gcc $warnings -O1 -g -fsanitize=address,undefined -fno-sanitize-recover "$source" -o "$work/$name-asan" \
        "$target_dir/asan/$host/debug/libmote.a" $system
    for program in "$work/$name" "$work/$name-asan"; do
        if timeout 600 "$program" >"$program.log" 2>&1; then
            echo "ok    $(basename "$program"): $(tail -n 1 "$program.log")"
        else
            status=1
            echo "FAIL  $(basename "$program")"
            tail -n 30 "$program.log"
        fi
    done
done
exit $status
