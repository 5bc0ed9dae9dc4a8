# SPDX-License-Identifier: MIT OR Apache-2.0
# The dispatcher of ZEP packets: who hears whom, with what quality, and what bad input does.
. ci/lib.sh
need_deb gcc=gcc python3=python3
work=$build/ci/zep
mkdir -p "$work"
# -O1 leaves out what it does not use of tool.h, and so the library.
gcc -std=c99 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -O1 -g -fsanitize=address,undefined \
    -fno-sanitize-recover -Iinclude examples-c/mote-zep-switch.c -o "$work/switch"
timeout 300 python3 ci/zep_switch.py "$work/switch" "$work"
