#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto, both versions, on loopback; a proxy that cuts; brokers and clients that are killed.
#
#   ci/peers/mqtt.sh [COUNT]    messages of each kill and cut test, 10000 if not given; 0 leaves these tests out
. "$(dirname "$0")/../lib.sh"
cd "$root"
need_deb mosquitto=mosquitto mosquitto_pub=mosquitto-clients tshark=tshark
work=$build/ci/peers-mqtt
rm -rf "$work"
mkdir -p "$work"
status=0
timeout 900 python3 ci/peers/mqtt.py "$build/bin" "$work" "${1:-10000}" || status=1
# What the tools have sent, as tshark understands it: the bytes as the proxy saw them, one file per connection.
for stream in "$work"/*.stream; do
    [ -e "$stream" ] || continue
    od -Ax -tx1 -v "$stream" | text2pcap -q -T 40000,1883 - "$stream.pcap" 2>/dev/null || continue
    packets=$(tshark -r "$stream.pcap" -Y mqtt 2>/dev/null | wc -l)
    bad=$(tshark -r "$stream.pcap" -Y '_ws.malformed' 2>/dev/null | wc -l)
    echo "tshark: $(basename "$stream"): $packets frames with MQTT, $bad malformed"
    [ "$bad" = 0 ] && [ "$packets" != 0 ] || status=1
done
exit $status
