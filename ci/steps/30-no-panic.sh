# SPDX-License-Identifier: MIT OR Apache-2.0
# No panic is reachable: in each room's entry points, and in the library with all its functions.
. ci/lib.sh
mcu_toolchain thumbv7em-none-eabihf || { echo "no compiler for microcontrollers"; exit 1; }
for file in ci/no-panic/src/*.rs; do
    room=$(basename "$file" .rs)
    [ "$room" = lib ] || ci/no-panic.sh room "$room"
done
if [ -e src/ffi/mod.rs ]; then
    ci/no-panic.sh
fi
