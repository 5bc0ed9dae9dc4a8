# SPDX-License-Identifier: MIT OR Apache-2.0
# Our CoAP tools against libcoap and aiocoap, both directions.
. ci/lib.sh
[ -e examples-c/mote-coap-client.c ] && [ -e examples-c/mote-coap-server.c ] || skip "no CoAP tools yet"
ci/build.sh
ci/peers/coap.sh
