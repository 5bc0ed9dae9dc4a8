#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the library and the C examples, and runs a scene that needs no server: a device and a client, GET, PUT,
# observing, a block-wise upload and download, over a simulated network that loses every fifth datagram. Then a mesh: a border
# router and nodes, and a reading from one that is three hops away.
. "$(dirname "$0")/lib.sh"
cd "$root"
ci/build.sh
echo
"$build/bin/mote-coap-demo" "$build/demo.pcap"
echo
echo "Now on real sockets: a server on loopback, and the README's program asking it for the time."
port=$(free_port)
if has_ipv6; then address=::1 host=[::1]; else address=127.0.0.1 host=127.0.0.1; fi
"$build/bin/mote-coap-server" -A $address -p "$port" >"$build/ci/demo-server.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
answered=no
for _ in $(seq 50); do
    if "$build/bin/quickstart" "coap://$host:$port/time" 2>"$build/ci/demo-client.log"; then answered=yes; break; fi
    sleep 0.2
done
echo
if [ $answered = no ]; then
    cat "$build/ci/demo-client.log" "$build/ci/demo-server.log"
    exit 1
fi
echo
if need_deb ip=iproute2 2>/dev/null && own_network; then
    echo "And a mesh: a border router and three nodes in a line; a reading from the one three hops away, through IPv6 of this system:"
    mkdir -p "$build/ci/demo-mesh"
    timeout 600 unshare -n bash ci/mesh_scene.sh "$build/bin" "$build/ci/demo-mesh" non-storing reading
    echo
    exit 0
fi
echo "And a mesh, simulated, since this user may not have a network of its own here:"
"$build/bin/mote-mesh" --nodes 20 --topology grid --duration 120
