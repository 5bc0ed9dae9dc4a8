#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Our CoAP tools against libcoap's and aiocoap, both directions, on loopback; and tshark reads along.
. "$(dirname "$0")/../lib.sh"
cd "$root"
need_deb ip=iproute2 unshare=util-linux coap-client-notls=libcoap3-bin coap-server-notls=libcoap3-bin tshark=tshark python3=python3
venv aiocoap==0.4.17
work=$build/ci/peers-coap
rm -rf "$work"
mkdir -p "$work"
status=0
PYTHONPATH=ci/peers timeout 1500 python3 ci/peers/coap.py "$build/bin" "$python" "$work" "$@" || { echo "FAILED coap.py: exit status $?"; status=1; }
# What was said between the peers and us, as tshark understands it.
for capture in "$work"/*.pcap; do
    [ -e "$capture" ] || continue
    messages=$(tshark -r "$capture" -Y coap 2>/dev/null | wc -l)
    # Options that this tshark is too old to know are marked like broken ones (Echo 252, Request-Tag 292); a message
    # sent again is marked, but not broken.
    bad=$({
        tshark -r "$capture" -Y _ws.malformed -T fields -e _ws.expert.message | sed -E 's/Invalid Option Number (252|292)|Retransmitted|,//g'
        tshark -r "$capture" -Y 'udp && !coap' -T fields -e frame.number
    } 2>/dev/null | grep -c . || true)
    echo "tshark: $(basename "$capture"): $messages messages, $bad malformed"
    [ "$bad" = 0 ] && [ "$messages" != 0 ] || { tshark -r "$capture" -Y '_ws.malformed || (udp && !coap)' 2>/dev/null | head -n 5; status=1; }
done
exit $status
