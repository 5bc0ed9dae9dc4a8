# SPDX-License-Identifier: MIT OR Apache-2.0
# Real IPv6: the kernel's ping6 and traceroute, and libcoap's client, reach a node three hops into the mesh through
# mote-border-router, in a network namespace of its own.
. ci/lib.sh
need_deb gcc=gcc ping=iputils-ping traceroute=traceroute ip=iproute2 coap-client-notls=libcoap3-bin python3=python3
ci/build.sh >/dev/null
work=$build/ci/mesh
mkdir -p "$work"
spaces=yes
unshare -n true 2>/dev/null || spaces=no
for mode in non-storing storing; do
    [ $spaces = no ] || timeout 180 unshare -n bash ci/mesh_scene.sh "$build/bin" "$work" "$mode"
done
# The simulator: complete, and nothing lost on perfect links.
for mode in non-storing storing; do
    timeout 120 "$build/bin/mote-mesh" --nodes 100 --mode "$mode" --duration 120 --svg "$work/$mode.svg" --json "$work/$mode.json"
    python3 - "$work/$mode.json" "$work/$mode.svg" <<'P'
import json, sys, xml.dom.minidom
seen = json.load(open(sys.argv[1]))
assert seen["complete"] == 99, seen
for way in ("down", "up"):
    assert seen[way]["sent"] == seen[way]["answered"] > 500, seen
xml.dom.minidom.parse(sys.argv[2])
P
done
timeout 120 "$build/bin/mote-mesh" --nodes 100 --loss 20 --duration 200 --json "$work/lossy.json"
python3 - "$work/lossy.json" <<'P'
import json, sys
seen = json.load(open(sys.argv[1]))
for way in ("down", "up"):
    assert seen[way]["answered"] >= 0.99 * seen[way]["sent"], seen
P
[ $spaces = yes ] || skip "network namespaces are not allowed here: the kernel's ping, traceroute and the CoAP clients were left out"
