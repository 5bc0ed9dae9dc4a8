# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reckons from the air alone what mote-mesh says of a network of storing mode, and compares.

usage: mesh_figures.py CAPTURE JSON
"""
import json
import struct
import subprocess
import sys

capture, said = sys.argv[1], json.load(open(sys.argv[2]))

# What is on the air: each frame has 6 bytes in front, and each byte takes 32 microseconds.
data, at, frames, airtime = open(capture, "rb").read(), 24, 0, 0
while at < len(data):
    (length,) = struct.unpack_from("<I", data, at + 8)
    is_acknowledgement = data[at + 16] & 7 == 2
    frames += not is_acknowledgement
    airtime += (6 + length) * 32
    at += 16 + length
share = airtime / 1e6 / (said["nodes"] * said["virtual_s"])

fields = "frame.time_epoch wpan.src64 wpan.seq_no ipv6.src ipv6.dst icmpv6.type icmpv6.echo.identifier".split()
command = ["tshark", "-r", capture, "-o", "6lowpan.context0:fd00::/64", "-Y", "icmpv6", "-T", "fields"]
command += [word for field in fields for word in ("-e", field)]
lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
rpl, last, asked, answered = 0, {}, {}, {}
for line in lines:
    time, sender, number, source, destination, kind, identifier = line.split("\t")
    time, kind = float(time), int(kind.split(",")[0])
    if kind == 155:
        # The same number again at once is the same frame again.
        rpl += time - last.get((sender, number), -9) > 1
        last[sender, number] = time
    # The first transmission of a request, and the last of its reply.
    elif kind == 128:
        asked.setdefault((source, destination, identifier), time)
    elif kind == 129:
        answered[destination, source, identifier] = time

root = min(source for source, _, _ in asked if source.endswith("::1:1"))
figures = [("frames", frames, said["frames"], 0), ("RPL messages", rpl, said["rpl_messages"], 0)]
figures += [("share of time", share, said["transmit_share"], said["transmit_share"] / 100)]
for way in ("down", "up"):
    pings = [key for key in asked if (key[0] == root) == (way == "down")]
    times = [answered[key] - asked[key] for key in pings if key in answered]
    figures += [(f"pings {way}", len(pings), said[way]["sent"], 0)]
    figures += [(f"answered {way}", len(times), said[way]["answered"], 0)]
    # The wait for a free channel at the start, and the last frame itself, are not in it.
    mean, worst = 1000 * sum(times) / len(times), 1000 * max(times)
    figures += [(f"mean {way}", mean + 4, said[way]["mean_ms"], 4), (f"worst {way}", worst + 8, said[way]["worst_ms"], 20)]
for name, reckoned, told, tolerance in figures:
    print(f"{name}: {reckoned:.6g} from the air, {told:.6g} told")
    assert abs(reckoned - told) <= tolerance, name
