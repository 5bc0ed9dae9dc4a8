# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against mosquitto. What is cut off, killed and restarted has a script of its own, ci/peers/mqtt.sh: what a
# killed broker had saved is a matter of chance, so that a run may report doubles that are no fault of the client.
. ci/lib.sh
ci/build.sh
ci/peers/mqtt.sh 0
