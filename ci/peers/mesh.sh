#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Our codecs of the mesh against scapy's and tshark's, on some thousands of packets of each layer.
. "$(dirname "$0")/../lib.sh"
cd "$root"
need_deb tshark=tshark mergecap=wireshark-common
venv scapy==2.6.1
work=$build/ci/peers-mesh
rm -rf "$work"
mkdir -p "$work"
cargo build --quiet --release --manifest-path ci/oracle/Cargo.toml --target-dir "$target_dir/oracle"
for mode in storing non-storing; do
    timeout 300 "$build/bin/mote-mesh" --nodes 16 --mode $mode --loss 10 --duration 60 --pcap "$work/$mode.pcap" >"$work/$mode.log"
done
mergecap -a -F pcap -w "$work/network.pcap" "$work/storing.pcap" "$work/non-storing.pcap"
timeout 600 "$python" ci/peers/mesh_oracle.py "$target_dir/oracle/release/mote-oracle" "$work" "$@"
