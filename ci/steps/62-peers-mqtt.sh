# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto: what they can, and that nothing is lost when connections are cut, the broker is killed, or the client.
#
# `ci/peers/mqtt.sh` alone runs more: a broker that forgets what it has acknowledged, and cut-sub-mqttv5-2, in which a resumed session
# now and then takes minutes to come to its end (mosquitto 2.0.11 repeats what it has sent already; not explained yet).
. ci/lib.sh
ci/build.sh
ci/peers/mqtt.sh 10000 1 cut-pub cut-sub-mqttv311-1 cut-sub-mqttv311-2 cut-sub-mqttv5-1 broker-killed pub-killed sub-killed
