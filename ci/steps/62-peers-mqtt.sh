# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto, cut off, killed and restarted. 10,000 messages: ci/peers/mqtt.sh.
. ci/lib.sh
[ -e examples-c/mote-mqtt-pub.c ] && [ -e examples-c/mote-mqtt-sub.c ] || skip "no MQTT tools yet"
ci/build.sh
ci/peers/mqtt.sh 2000
