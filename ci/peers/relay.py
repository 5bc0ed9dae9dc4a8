# SPDX-License-Identifier: MIT OR Apache-2.0
"""A UDP relay on loopback that records what passes into a pcap file, and may lose some of it.

Recording this way needs no privileges, other than capturing on an interface.
"""
import random
import select
import socket
import struct
import threading
import time


class Relay(threading.Thread):
    """Listens on a free port of ::1 and passes datagrams on to `port` there, one way back per client."""

    def __init__(self, port, path=None, loss=0.0, seed=1):
        super().__init__(daemon=True)
        self.server, self.loss, self.random = port, loss, random.Random(seed)
        self.front = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.front.bind(("::1", 0))
        self.port = self.front.getsockname()[1]
        self.backs, self.passed, self.lost = {}, 0, 0
        self.done = threading.Event()
        self.file = open(path, "wb") if path else None
        if self.file:
            # LINKTYPE_RAW: each record starts with the IP header.
            self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        self.start()

    def record(self, source, destination, data):
        """One datagram as IPv6 and UDP between ports of ::1. A client's port stands as it is, the server's as 5683."""
        if not self.file:
            return
        host = socket.inet_pton(socket.AF_INET6, "::1")
        length = 8 + len(data)
        udp = struct.pack(">HHHH", source, destination, length, 0)
        total = sum(struct.unpack(">%dH" % ((40 + length + (length & 1)) // 2),
                                  host + host + struct.pack(">II", length, 17) + udp + data + b"\0" * (length & 1)))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        udp = struct.pack(">HHHH", source, destination, length, ~total & 0xFFFF or 0xFFFF)
        packet = struct.pack(">IHBB", 6 << 28, length, 17, 64) + host + host + udp + data
        now = time.time()
        self.file.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)
        self.file.flush()

    def run(self):
        while not self.done.is_set():
            ready, _, _ = select.select([self.front, *self.backs.values()], [], [], 0.05)
            for end in ready:
                try:
                    if end is self.front:
                        data, client = end.recvfrom(65536)
                        if client not in self.backs:
                            back = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                            back.connect(("::1", self.server))
                            self.backs[client] = back
                        self.record(client[1], 5683, data)
                        if self.keeps():
                            self.backs[client].send(data)
                    else:
                        data = end.recv(65536)
                        client = next(client for client, back in self.backs.items() if back is end)
                        self.record(5683, client[1], data)
                        if self.keeps():
                            self.front.sendto(data, client)
                except OSError:
                    pass  # the other side is gone; what it misses, it misses

    def keeps(self):
        kept = self.random.random() >= self.loss
        self.passed, self.lost = self.passed + kept, self.lost + (not kept)
        return kept

    def stop(self):
        self.done.set()
        self.join()
        for end in [self.front, *self.backs.values()]:
            end.close()
        if self.file:
            self.file.close()
