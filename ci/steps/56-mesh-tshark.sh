# SPDX-License-Identifier: MIT OR Apache-2.0
# tshark dissects what whole nodes send over the simulated air: nothing malformed, every checksum right; and mote-mesh tells the truth of it.
. ci/lib.sh
need_deb tshark=tshark
captures=$build/ci/captures
mkdir -p "$captures"
export CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_PANIC=unwind
MOTE_CAPTURES=$captures timeout 3000 cargo test --quiet --release --test mesh_behaviour --target-dir "$build/mesh-scale" -- --ignored captures
count() { tshark -r "$1" -o 6lowpan.context0:fd00::/64 -o udp.check_checksum:TRUE -Y "$2" 2>/dev/null | wc -l; }
for name in storing non-storing large; do
    file=$captures/$name.pcap
    [ -s "$file" ] || die "no capture $file"
    for wrong in _ws.malformed 'wpan.fcs_ok == 0' 'udp.checksum.status == 0' 'icmpv6.checksum.status == 0' \
        '6lowpan.fragment.error' '6lowpan.fragment.overlap.conflicts'; do
        found=$(count "$file" "$wrong")
        [ "$found" = 0 ] || die "$name: $found frames with $wrong"
    done
    # And it is not that it saw nothing.
    for right in 'udp.checksum.status == 1' 'icmpv6.checksum.status == 1' '6lowpan.reassembled.in || 6lowpan.fragments'; do
        found=$(count "$file" "$right")
        [ "$found" -ge 100 ] || die "$name: only $found frames with $right"
        say "$name: $found frames with $right"
    done
done
# What mote-mesh prints is what is on the air.
need_deb python3=python3
ci/build.sh >/dev/null
timeout 600 "$build/bin/mote-mesh" --nodes 16 --mode storing --loss 10 --duration 120 --interval 200 --seed 5 \
    --pcap "$captures/figures.pcap" --json "$captures/figures.json" >/dev/null
python3 ci/mesh_figures.py "$captures/figures.pcap" "$captures/figures.json"
