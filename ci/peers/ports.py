# SPDX-License-Identifier: MIT OR Apache-2.0
"""Ports of loopback for the servers of the tests: ports.py prints one for UDP, ports.py tcp one for TCP."""
import random
import socket
import sys


def free_port(kind=socket.SOCK_STREAM):
    """A port that nobody has: one at random, below those that the system gives to clients, of which each may be taken before the server is there."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as limits:
        end = max(int(limits.read().split()[0]), 20_000)
    family, address = (socket.AF_INET, "127.0.0.1") if kind == socket.SOCK_STREAM else (socket.AF_INET6, "::")
    while True:
        with socket.socket(family, kind) as probe:
            try:
                probe.bind((address, random.SystemRandom().randrange(10_000, end)))
                return probe.getsockname()[1]
            except OSError:
                pass


if __name__ == "__main__":
    print(free_port(socket.SOCK_STREAM if sys.argv[1:] == ["tcp"] else socket.SOCK_DGRAM))
