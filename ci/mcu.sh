#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the static library for a microcontroller as small as it gets, and prints where it is:
#
#   ci/mcu.sh TARGET FEATURES        such as: ci/mcu.sh thumbv7em-none-eabihf coap,mqtt
#
# What `cargo rustc` makes for the target alone works as well, and is about 5 % larger (see mcu_cargo and mcu_target in ci/lib.sh).
. "$(dirname "$0")/lib.sh"
cd "$root"
target=${1:?which target: one of $mcu_targets} extra=$(mcu_extra "$1")
mcu_cargo "$target" rustc --quiet --lib --profile embedded --no-default-features \
    --features "panic-handler${2:+,$2}${extra:+,$extra}" --crate-type staticlib
echo "$target_dir/mcu/$target/embedded/libmote.a"
