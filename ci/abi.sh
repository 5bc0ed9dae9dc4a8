#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Compares the C ABI with that of the last release, ci/abi/mote.abi.
#
#   ci/abi.sh              fails when something that was released is gone or has changed
#   ci/abi.sh --release    writes the description anew: part of making a release
#   ci/abi.sh --self-test  shows that breaks are found, and that what may change is let through
#
# What is described is the header: a library with each of its functions, empty, with C's own debug information. That
# the real library has just these functions is checked by the step "package"; their layouts are shared with the
# Rust sources, from which the header is generated.
. "$(dirname "$0")/lib.sh"
cd "$root"
need_deb gcc=gcc abidw=abigail-tools abidiff=abigail-tools python3=python3
work=$build/ci/abi
mkdir -p "$work"

# describe VARIANT OUT
describe() {
    gcc -E -P -x c include/mote.h | python3 ci/abi_stub.py "$1" >"$work/stub.c"
    gcc -g -O0 -fPIC -shared -Wl,-soname,libmote.so.0 "$work/stub.c" -o "$work/stub.so"
    abidw --no-show-locs --no-corpus-path --no-comp-dir-path --short-locs "$work/stub.so" --out-file "$2"
}
# compare OLD NEW : new functions are no difference, and what the suppressions allow is not either.
compare() { abidiff --no-added-syms --suppressions ci/abi/allowed.suppr "$1" "$2"; }

now=$work/now.abi
describe "" "$now"
# The numbers behind the names; sizes of memory blocks and the version may change.
gcc -dM -E -x c include/mote.h | awk '$2 ~ /^MOTE_/ && $2 !~ /\(/ && $3 ~ /^\(?-?[0-9]/ { print $2, $3 }' \
    | grep -vE '^MOTE_(VERSION_|.*_MEM )' | sort >"$work/constants"
case ${1:-} in
    --release)
        cp "$now" ci/abi/mote.abi
        cp "$work/constants" ci/abi/constants
        echo "ci/abi/mote.abi describes $(grep -c '<elf-symbol ' "$now") functions" ;;
    --self-test)
        for variant in added grown removed changed; do describe $variant "$work/$variant.abi"; done
        compare "$now" "$now" || die "a library differs from itself"
        compare "$now" "$work/added.abi" || die "a new function counts as a break"
        compare "$now" "$work/grown.abi" || die "a configuration that grew at its end counts as a break"
        for broken in removed changed; do
            ! compare "$now" "$work/$broken.abi" >"$work/$broken.log" || die "a break goes unnoticed: $broken"
        done
        echo "a removed function and a changed structure are found; a new function and an appended member are let through" ;;
    "")
        [ -e ci/abi/mote.abi ] || die "no description of a release: ci/abi.sh --release"
        compare ci/abi/mote.abi "$now"
        lost=$(comm -23 ci/abi/constants "$work/constants")
        [ -z "$lost" ] || die "constants are gone or have another number: $lost"
        echo "nothing that was released has changed" ;;
    *) die "--release or --self-test" ;;
esac
