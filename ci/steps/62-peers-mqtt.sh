# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto: what they can, and that nothing is lost when connections are cut, the broker is killed, or the client.
# `ci/peers/mqtt.sh` alone runs more: mosquitto killed at QoS 2, where one run in six did not come to its end (not explained yet), and a
# broker that forgets what it has acknowledged.
. ci/lib.sh
ci/build.sh
ci/peers/mqtt.sh 10000 1 cut-pub cut-sub broker-killed-mqttv311-1 broker-killed-mqttv5-1 pub-killed sub-killed
