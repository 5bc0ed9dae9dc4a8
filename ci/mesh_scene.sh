#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Inside a network namespace: mesh_scene.sh BIN WORK MODE [reading|compress]
# Builds a mesh of four processes in a line and tries everything at its far end; with `reading`, only fetches that;
# with `compress`, the headers of RPL are compressed on the air (RFC 8138), since the root asks for it (RFC 9035).
set -euo pipefail
bin=$1 work=$2 mode=$3
compress=
[ "${4:-}" != compress ] || compress=yes
cd "$work"
die() { echo "error: mesh scene: $*" >&2; tail -n 5 border.log node*.log >&2 || true; exit 1; }
ip link set lo up
cat >topology <<T
0210000000000000 0210000000000001
0210000000000001 0210000000000002
0210000000000002 0210000000000003
T
# A radio answers at once, whatever else its machine has to do: where it is allowed, these processes go before others.
first=
if chrt -f 1 true 2>/dev/null; then first="chrt -f 1"; fi
pids=()
# Dies when one of the processes has: what is waited for would never come.
alive() {
    local pid
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || die "a process of the mesh has ended"; done
}
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true' EXIT
: >switch.log
: >border.log
$first "$bin/mote-zep-switch" -v -t topology ::1 17754 >switch.log &
pids+=($!)
for _ in $(seq 600); do
    grep -q listening switch.log && break
    alive
    sleep 0.1
done
$first "$bin/mote-border-router" --zep '[::1]:17754' --eui64 0210000000000000 --tun mote0 --mode "$mode" ${compress:+--compress} --fast --capture air.pcapng -v >border.log 2>&1 &
pids+=($!)
for id in 1 2 3; do
    $first "$bin/mote-node" --zep '[::1]:17754' --eui64 "021000000000000$id" -v >"node$id.log" 2>&1 &
    pids+=($!)
done
far=fd00::10:0:0:3
for _ in $(seq 600); do
    grep -q "route $far/128" border.log && break
    alive
    sleep 0.5
done
grep -q "route $far/128" border.log || die "the third node did not join"
# A radio that a busy machine keeps waiting loses frames: then once more, and it is said.
again() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        if "$@"; then return 0; fi
        echo "once more: $*"
        sleep 1
    done
    return 1
}
if [ "${4:-}" = reading ]; then
    again "$bin/mote-coap-client" "coap://[$far]/reading" || die "no reading"
    exit 0
fi
# Those over 1,232 bytes take two fragments each way (RFC 8200 section 4.5).
for size in 8 56 500 1000 1200 1232 1233 1400 1452; do
    all_answered() { ping -6 -c 5 -i 0.2 -s "$size" -W 10 "$far" >ping.log || true; grep -q ' 0% packet loss' ping.log; }
    again all_answered || { cat ping.log; die "$size bytes were lost"; }
done
for size in 80 1400; do
    right_hops() {
        hops=$(traceroute -6 -n -N 1 -q 1 -w 10 "$far" "$size" | awk 'NR > 1 { print $2 }' | tr '\n' ' ')
        [ "$hops" = "fd00::10:0:0:0 fd00::10:0:0:1 fd00::10:0:0:2 $far " ]
    }
    again right_hops || die "traceroute with $size bytes saw $hops"
done
coap-client-notls -B 120 -m get "coap://[$far]/reading" >reading.txt 2>/dev/null
grep -Eq '^[0-9]+\.[0-9]' reading.txt || die "libcoap's client read $(cat reading.txt)"
"$bin/mote-coap-client" "coap://[$far]/parent" | grep -q 'fe80::10:0:0:2' || die "mote-coap-client did not see the parent"
# Frames of 6LoRH begin with page 1, behind a header with a short or long destination and a long source.
pages=$(python3 - air.pcapng <<'P'
import struct, sys
data, at, pages, frames = open(sys.argv[1], "rb").read(), 0, 0, 0
while at + 12 <= len(data):
    kind, length = struct.unpack_from("=II", data, at)
    if kind == 6 and data[at + 8] == 1:
        frame = data[at + 28 : at + 28 + struct.unpack_from("=I", data, at + 20)[0]]
        frames += 1
        control = frame[0] | frame[1] << 8
        if control & 7 == 1 and control >> 14 == 3:
            pages += frame[3 + 2 + {2: 2, 3: 8}[control >> 10 & 3] + 8] == 0xF1
    at += length
assert frames > 50
print(pages)
P
)
[ "$pages" -gt 0 ] && seen=yes || seen=
[ "$seen" = "$compress" ] || die "$pages frames of page 1 on the air"
echo "$mode${compress:+ compressed}: ping6 with 8 to 1452 bytes, traceroute with 80 and 1400 and two CoAP clients reach the third hop"
