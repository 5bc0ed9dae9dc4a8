# SPDX-License-Identifier: MIT OR Apache-2.0
# The library with everything builds for each microcontroller target, and its size.
. ci/lib.sh
for target in $mcu_targets; do
    mcu_toolchain "$target" || { echo "no compiler for $target"; exit 1; }
    printf '%s: text data bss stack: ' "$target"
    ci/footprint.sh set coap,mqtt,mesh "$target"
done
