# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against three more brokers: aedes and amqtt (3.1.1) and mochi-mqtt (3.1.1 and 5.0).
. ci/lib.sh
ci/build.sh
ci/peers/brokers.sh
