# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto: what they can, and that nothing is lost when connections are cut, the broker is killed, with its database or
# without, or the client.
. ci/lib.sh
ci/build.sh
ci/peers/mqtt.sh 10000 1
