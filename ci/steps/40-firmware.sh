# SPDX-License-Identifier: MIT OR Apache-2.0
# Firmware in C on an emulated Cortex-M4F: it links without a panic handler and runs; and so do the C tests.
. ci/lib.sh
need_deb gcc=gcc python3=python3
null=$build/ci/firmware/null.c
mkdir -p "${null%/*}"
gcc -E -P -x c include/mote.h | python3 ci/null_test.py mote_sim_ mote_air_ mote_port_linux >"$null"
for file in tests/firmware/*.c tests/c/*.c "$null"; do
    # start.c is a part of each; what names the port of Linux is for Linux.
    [ "$file" = tests/firmware/start.c ] || grep -q mote_port_linux "$file" || ci/firmware.sh "$file"
done
# A core without compare-and-swap.
for file in tests/firmware/coap.c tests/firmware/mesh.c tests/c/mqtt_requests.c; do
    ci/firmware.sh "$file" thumbv6m-none-eabi
done
