#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the library and the C examples, and runs a scene that needs no server: a device and a client, GET, PUT,
# observing, a block-wise upload and download, over a simulated network that loses every fifth datagram.
. "$(dirname "$0")/lib.sh"
cd "$root"
have cargo || die "Rust is needed: https://rustup.rs"
ci/build.sh
echo
"$build/bin/mote-coap-demo" "$build/demo.pcap"
echo
echo "Now on real sockets: a server on loopback, and the README's program asking it for the time."
port=$(free_port)
"$build/bin/mote-coap-server" -A ::1 -p "$port" >"$build/ci/demo-server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
    if "$build/bin/quickstart" "coap://[::1]:$port/time" 2>"$build/ci/demo-client.log"; then echo; exit 0; fi
    sleep 0.2
done
cat "$build/ci/demo-client.log" "$build/ci/demo-server.log"
exit 1
