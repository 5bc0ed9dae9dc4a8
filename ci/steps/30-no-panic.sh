# SPDX-License-Identifier: MIT OR Apache-2.0
# No panic is reachable: in the rooms' own entry points, and in the library with all its functions.
. ci/lib.sh
mcu_toolchain thumbv7em-none-eabihf || { echo "no compiler for microcontrollers"; exit 1; }
rooms=$(cd ci/no-panic/src && ls | sed 's/\.rs$//' | grep -v '^lib$' | tr '\n' ,)
ci/no-panic.sh room "${rooms%,}"
ci/no-panic.sh
