# SPDX-License-Identifier: MIT OR Apache-2.0
# Real IPv6: the kernel's ping6 and traceroute, and libcoap's client, reach a node three hops into the mesh through
# mote-border-router, in a network namespace of its own.
. ci/lib.sh
need_deb gcc=gcc ping=iputils-ping traceroute=traceroute ip=iproute2 coap-client-notls=libcoap3-bin python3=python3
ci/build.sh >/dev/null
work=$build/ci/mesh
mkdir -p "$work"
spaces=yes
own_network || spaces=no
for mode in non-storing storing; do
    [ $spaces = no ] || timeout 900 unshare -n bash ci/mesh_scene.sh "$build/bin" "$work" "$mode"
done
[ $spaces = no ] || timeout 900 unshare -n bash ci/mesh_scene.sh "$build/bin" "$work" non-storing compress
# What the tools do not know they refuse, and say what it is.
refused() {
    local tool=$1 status=0
    shift
    timeout 60 "$build/bin/$tool" "$@" >"$work/refused.log" 2>&1 || status=$?
    [ $status = 2 ] && grep -q "not a number\|not .* or \|malformed\|digits\|no option" "$work/refused.log" ||
        die "$tool $*: status $status, $(head -n 1 "$work/refused.log")"
}
refused mote-mesh --topology ring
refused mote-mesh --mode some
refused mote-mesh --objective of1
refused mote-mesh --nodes 1
refused mote-mesh --loss 5x
refused mote-mesh --duration 1e3
refused mote-node --zep '[::1]:x'
refused mote-node --zep '::1'
refused mote-node --zep '[::1]:17754' --eui64 zz
refused mote-node --zep '[::1]:17754' --channel 3
refused mote-node --zep '[::1]:17754' --role root --mode some
refused mote-node --zep '[::1]:17754' --role some
refused mote-node --zep '[::1]:17754' --reading
refused mote-node --zep '[::1]:17754' --local '[::1]17754'
refused mote-border-router --zep '[::1]:17754' --tun
refused mote-ping6 --zep '[::1]:17754' fd00::1 fd00::2
refused mote-border-router --zep '[::1]:17754' --routes 0
refused mote-ping6 --zep '[::1]:17754' -s 5000 fd00::1
refused mote-ping6 --zep '[::1]:17754' nowhere
refused mote-zep-switch ::1 99999
refused mote-zep-switch -s x
# The simulator: a network that does not come about ends all the same.
status=0
timeout 60 "$build/bin/mote-mesh" --nodes 5 --loss 99 --patience 1 --duration 10 >/dev/null || status=$?
[ $status = 3 ] || die "a network that did not come about: exit status $status, not 3"
# Complete, and nothing lost on perfect links.
for mode in non-storing storing; do
    timeout 600 "$build/bin/mote-mesh" --nodes 100 --mode "$mode" --duration 120 --svg "$work/$mode.svg" --json "$work/$mode.json"
    python3 - "$work/$mode.json" "$work/$mode.svg" <<'P'
import json, sys, xml.dom.minidom
seen = json.load(open(sys.argv[1]))
assert seen["complete"] == seen["joined"] == 100, seen
for way in ("down", "up"):
    assert seen[way]["sent"] == seen[way]["answered"] > 500, seen
xml.dom.minidom.parse(sys.argv[2])
P
done
timeout 600 "$build/bin/mote-mesh" --nodes 100 --loss 20 --duration 200 --json "$work/lossy.json"
python3 - "$work/lossy.json" <<'P'
import json, sys
seen = json.load(open(sys.argv[1]))
for way in ("down", "up"):
    assert seen[way]["answered"] >= 0.99 * seen[way]["sent"], seen
P
# Without any patience nobody has joined when the pings begin: time passes all the same.
status=0
timeout 60 "$build/bin/mote-mesh" --patience 0 --duration 5 >/dev/null || status=$?
[ $status = 3 ] || die "mote-mesh --patience 0: status $status"
[ $spaces = yes ] || skip "this user may not have a network of its own here: the kernel's ping, traceroute and the CoAP clients were left out"
