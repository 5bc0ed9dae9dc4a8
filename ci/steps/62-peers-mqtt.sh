# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto: what they can, and that nothing is lost when connections are cut, the broker is killed, or the client.
# `ci/peers/mqtt.sh` alone runs more: a broker that forgets what it has acknowledged.
. ci/lib.sh
ci/build.sh
ci/peers/mqtt.sh 10000 1 cut-pub cut-sub broker-killed pub-killed sub-killed
