# SPDX-License-Identifier: MIT OR Apache-2.0
# Our CoAP tools against libcoap and aiocoap, both directions.
. ci/lib.sh
ci/build.sh
ci/peers/coap.sh
