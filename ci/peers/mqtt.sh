#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto, both versions, on loopback; a proxy that cuts; brokers and clients that are killed.
#
#   ci/peers/mqtt.sh [COUNT [SEED [KIND…]]]    messages of each kill and cut test, 10000 if not given; where the cuts are; which tests of
#                                              ci/peers/mqtt_faults.py, all if not given. With a COUNT of 0 none.
. "$(dirname "$0")/../lib.sh"
cd "$root"
need_deb mosquitto=mosquitto mosquitto_pub=mosquitto-clients tshark=tshark python3=python3
work=$build/ci/peers-mqtt
rm -rf "$work"
mkdir -p "$work"
status=0
timeout 1500 python3 ci/peers/mqtt.py "$build/bin" "$work" || { echo "FAILED mqtt.py: exit status $?"; status=1; }
# What the tools and mosquitto have said to each other, as tshark understands it.
for version in mqttv311 mqttv5; do
    pcap=$work/$version.pcap
    types=$(tshark -r "$pcap" -d tcp.port==1883,mqtt -T fields -e mqtt.msgtype 2>/dev/null | tr ',' '\n' | grep . | sort -n | uniq -c | awk '{ printf "%s:%s ", $2, $1 }')
    bad=$(tshark -r "$pcap" -d tcp.port==1883,mqtt -Y '_ws.malformed || _ws.expert.severity == error' 2>/dev/null | wc -l)
    echo "tshark: $version: packets of each type: $types; $bad malformed"
    [ "$bad" = 0 ] || status=1
    # All types but 15, AUTH.
    for type in $(seq 14); do
        [[ " $types" == *" $type:"* ]] || { echo "FAILED tshark: $version: no packet of type $type"; status=1; }
    done
done
count=${1:-10000}
if [ "$count" != 0 ]; then
    timeout 2400 python3 ci/peers/mqtt_faults.py "$build/bin" "$work" "$count" "${2:-1}" "${@:3}" || status=1
fi
exit $status
