# SPDX-License-Identifier: MIT OR Apache-2.0
"""Exercises mote-zep-switch: zep_switch.py SWITCH WORKDIR."""
import os
import select
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), "peers"))
from ports import free_port  # noqa: E402

switch, work = sys.argv[1:]


def packet(frame, kind=1, channel=26):
    return b"EX\x02" + bytes([kind, channel]) + b"\0\1\1\xff" + bytes(8 + 4 + 10) + bytes([len(frame)]) + frame


def frame(source, payload=b""):
    """A broadcast from an extended address."""
    return struct.pack("<HBHH", 0xC841, 7, 0xABCD, 0xFFFF) + source[::-1] + payload + b"\0\0"


def eui64(number):
    return bytes([2, 0, 0, 0, 0, 0, 0, number])


class Switch:
    def __init__(self, topology=None, *more):
        arguments = [switch, "-v", "-s", "1", *more]
        if topology is not None:
            path = os.path.join(work, "topology")
            with open(path, "w") as file:
                file.write(topology)
            arguments += ["-t", path]
        port = free_port(socket.SOCK_DGRAM)
        self.to = ("127.0.0.1", port)
        self.process = subprocess.Popen(arguments + ["::", str(port)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline().startswith("listening")

    def node(self, number=None):
        node = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        node.bind(("127.0.0.1", 0))
        node.settimeout(60)
        if number is not None:
            node.sendto(packet(eui64(number), kind=255), self.to)
        else:
            node.sendto(packet(struct.pack("<HB", 0x0002, 1) + b"\0\0"), self.to)
        assert self.process.stdout.readline().startswith("joined")
        return node

    def send(self, node, data):
        node.sendto(data, self.to)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        words = self.process.stdout.read()
        assert self.process.wait(60) == 0, words
        return words


def heard(node):
    """What comes next, however long that takes. The switch deals with one packet after the other: what it should not have passed on would come first."""
    return node.recv(512)


def silent(node):
    return not select.select([node], [], [], 0)[0]


# Without a topology everybody hears everybody else.
air = Switch(None, "-w", os.path.join(work, "air.pcap"))
a, b, c = (air.node(number) for number in (1, 2, 3))
sent = packet(frame(eui64(1), b"x"))
air.send(a, sent)
assert heard(b) == sent and heard(c) == sent and silent(a)
# A hello, what is no packet, and packets that are cut short or too long are not passed on.
for bad in (packet(eui64(1), kind=255), b"", b"EX", b"EX\x01\x01", sent[:-1], sent + b"x", sent[:31], b"EX\x02\x63" + sent[4:]):
    air.send(a, bad)
# An acknowledgement packet has a short header of its own.
acknowledgement = b"EX\x02\x02\0\0\0\1"
air.send(b, acknowledgement)
assert heard(a) == acknowledgement and heard(c) == acknowledgement
air.send(a, acknowledgement)
assert heard(b) == acknowledgement
words = air.end()
assert "malformed 7" in words, words
with open(os.path.join(work, "air.pcap"), "rb") as file:
    data = file.read()
assert data[20:24] == struct.pack("=I", 195) and data[24 + 16:] == sent[32:]

# A line of three, with a loss in one direction and a named node.
air = Switch("# a line\nA B\nB 02:00:00:00:00:00:00:09 0.5 1\n\n")
nine = air.node(9)
a, b = air.node(1), air.node(2)
sent = packet(frame(eui64(1)))
air.send(a, sent)
assert heard(b) == sent and silent(nine)
sent = packet(frame(eui64(9)))
air.send(nine, sent)
assert heard(b) == sent and silent(a)
sent = packet(frame(eui64(2)))
last = packet(frame(eui64(2), b"last"))
for _ in range(200):
    air.send(b, sent)
    assert heard(a) == sent
# One of these comes through, behind all that did before.
for _ in range(30):
    air.send(b, last)
    assert heard(a) == last
count = 0
while (got := heard(nine))[:8] + got[9:] != last[:8] + last[9:]:
    assert got[8] == 127 and got[:8] + got[9:] == sent[:8] + sent[9:]
    count += 1
assert 60 < count < 140, count
# There is no place for a fourth; a node that starts anew takes its place.
fourth = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
air.send(fourth, packet(eui64(4), kind=255))
again = air.node(1)
air.send(b, sent)
assert heard(again) == sent and silent(a)
words = air.end()
assert "without a place 1" in words, words

# Nodes that say no hello are known by their frames, first by none and then by their own address.
air = Switch("0200000000000007 X\n")
quiet = air.node()
air.send(quiet, packet(frame(eui64(7))))
assert air.process.stdout.readline().startswith("joined 0200000000000007")
other = air.node()
sent = packet(frame(eui64(7), b"y"))
air.send(quiet, sent)
assert heard(other) == sent
air.end()

# What is no topology is refused.
for bad in ("A\n", "A B 2\n", "A B x\n", "A B 1 1 1\n", "A B 1 nan\n"):
    path = os.path.join(work, "topology")
    with open(path, "w") as file:
        file.write(bad)
    assert subprocess.run([switch, "-t", path], stderr=subprocess.DEVNULL, timeout=60).returncode == 1, bad
print("the switch passes frames as its topology says")
