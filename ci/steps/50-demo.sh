# SPDX-License-Identifier: MIT OR Apache-2.0
# The README's first command: the demonstration, and the README's C program against our server.
. ci/lib.sh
# The program in the README is the one that is tried.
diff <(sed -n '/^```c$/,/^```$/p' README.md | sed '1d;$d') <(sed -n '/^#include "mote.h"/,$p' examples-c/quickstart.c) \
    || die "the README shows another program than examples-c/quickstart.c"
ci/demo.sh
[ -s "$build/demo.pcap" ] || die "no capture was written"
