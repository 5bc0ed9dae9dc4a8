# SPDX-License-Identifier: MIT OR Apache-2.0
# The README's first command: the demonstration, and the README's C program against our server.
. ci/lib.sh
ci/demo.sh
[ -s "$build/demo.pcap" ] || die "no capture was written"
