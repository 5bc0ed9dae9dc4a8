# SPDX-License-Identifier: MIT OR Apache-2.0
# Frames, compressed packets and RPL messages against scapy and tshark, both directions.
. ci/lib.sh
[ -d ci/oracle ] || skip "no codecs to ask"
ci/build.sh
ci/peers/mesh.sh
