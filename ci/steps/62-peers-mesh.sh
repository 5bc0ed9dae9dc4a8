# SPDX-License-Identifier: MIT OR Apache-2.0
# Frames, compressed packets and RPL messages against scapy and tshark, both directions.
. ci/lib.sh
ci/build.sh
ci/peers/mesh.sh
