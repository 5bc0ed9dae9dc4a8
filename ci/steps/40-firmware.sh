# SPDX-License-Identifier: MIT OR Apache-2.0
# Firmware in C on an emulated Cortex-M4F: it links without a panic handler and runs.
. ci/lib.sh
for file in tests/firmware/*.c; do
    name=$(basename "$file" .c)
    [ "$name" = start ] || ci/firmware.sh "$name"
done
