#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Writes include/mote.h from the Rust sources; with --check, fails when the committed one differs.
. "$(dirname "$0")/lib.sh"
cd "$root"
need_deb python3=python3
need_crate cbindgen cbindgen "$cbindgen_version"
new=$build/ci/mote.h
cbindgen --quiet --config cbindgen.toml --crate mote --output "$build/ci/mote.raw.h"
# The header holds what is named mote_ and MOTE_ alone, and the macros of src/ffi/macros.h at its end.
python3 ci/header.py "$build/ci/mote.raw.h" src/ffi/macros.h >"$new"
if [ "${1:-}" = --check ]; then
    diff -u include/mote.h "$new" || die "include/mote.h is not what ci/header.sh makes; run it"
else
    mkdir -p include
    cmp -s "$new" include/mote.h || cp "$new" include/mote.h
fi
