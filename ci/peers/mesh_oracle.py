# SPDX-License-Identifier: MIT OR Apache-2.0
"""Asks scapy, tshark and our codecs about the same packets and compares what they say.

usage: mesh_oracle.py MOTE_ORACLE WORK_FOLDER [COUNT [SEED]]

With WORK_FOLDER/network.pcap, the air of a simulated network, tshark has to understand that too, to the last checksum.
"""

import ipaddress
import logging
import random
import struct
import subprocess
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.contrib import rpl  # noqa: E402
from scapy.layers import dot15d4  # noqa: E402
from scapy.layers.inet import UDP  # noqa: E402
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, raw  # noqa: E402
from scapy.packet import Raw  # noqa: E402

ORACLE, WORK = sys.argv[1:3]
COUNT = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
chance = random.Random(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
failures = 0


def ask(questions):
    """Our codecs' answers, one for each question."""
    done = subprocess.run([ORACLE], input="\n".join(questions) + "\n", capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(questions)
    return answers


def wrong(what, *details):
    global failures
    failures += 1
    if failures <= 20:
        print("DISAGREEMENT:", what, *details)


def report(what, count, before):
    print(f"{what}: {count} compared, {failures - before} disagreements")


def octets(count):
    return bytes(chance.randrange(256) for _ in range(count))


def number(bits):
    return chance.randrange(1 << bits)


def unicast():
    return str(ipaddress.IPv6Address(b"\x20" + octets(15)))


def prefix(length):
    """An address of which only the first bits are set, and the bytes that carry them."""
    whole = int.from_bytes(octets(16), "big") >> (128 - length) << (128 - length) if length else 0
    data = whole.to_bytes(16, "big")
    return data, data[: (length + 7) // 8]


# --- 802.15.4 frames: scapy writes, we read and write again -------------------------------------------------------

def frames():
    before, questions, wanted = failures, [], []
    for _ in range(COUNT):
        destination, source = chance.choice((0, 2, 3)), chance.choice((0, 2, 3))
        compression = int(destination != 0 and source != 0 and number(1))
        header = dot15d4.Dot15d4(
            fcf_frametype=1, fcf_panidcompress=compression, fcf_ackreq=number(1), fcf_pending=number(1),
            fcf_destaddrmode=destination, fcf_srcaddrmode=source, fcf_framever=number(1), seqnum=number(8),
        )
        data = dot15d4.Dot15d4Data(
            dest_panid=number(16), dest_addr=number(16 if destination == 2 else 64),
            src_panid=number(16), src_addr=number(16 if source == 2 else 64),
        )
        if destination == 0 and source == 0:
            continue
        frame = raw(header / data / Raw(octets(number(5))))
        questions.append("frame " + frame.hex())
        wanted.append(frame.hex())
    for question, want, got in zip(questions, wanted, ask(questions)):
        if want != got:
            wrong("frame", question, got)
    report("802.15.4 frames, scapy to us", len(questions), before)


# --- RPL messages: scapy writes, we read, say the fields, and write again ------------------------------------------

def option(lengths=range(129)):
    """A random option; a route or target in it has one of these prefix lengths."""
    kind = number(3)
    if kind == 0:
        return rpl.RPLOptDODAGConfig(
            flags=number(1), A=number(1), PCS=number(3), DIOIntDoubl=number(8), DIOIntMin=number(8),
            DIORedun=number(8), MaxRankIncrease=number(16), MinRankIncrease=number(16), OCP=number(16),
            DefLifetime=number(8), LifetimeUnit=number(16),
        )
    if kind == 1:
        return rpl.RPLOptPIO(
            plen=chance.randrange(129), L=number(1), A=number(1), R=number(1), validlifetime=number(32),
            preflifetime=number(32), prefix=unicast(),
        )
    if kind == 2:
        return rpl.RPLOptTgtDesc(descriptor=number(32))
    if kind == 3:
        length = chance.choice(lengths)
        _, carried = prefix(length)
        return Raw(bytes([5, 2 + len(carried), 0, length]) + carried)
    if kind == 4:
        parent = octets(16) if number(1) else b""
        return Raw(bytes([6, 4 + len(parent), number(1) << 7]) + octets(3) + parent)
    if kind == 5:
        flags = number(3)
        return rpl.RPLOptSolInfo(
            RPLInstanceID=number(8) if flags & 2 else 0, V=flags >> 2, I=flags >> 1 & 1, D=flags & 1,
            dodagid=unicast() if flags & 1 else "::", ver=number(8) if flags & 4 else 0,
        )
    if kind == 6:
        length = chance.choice(lengths)
        _, carried = prefix(length)
        return Raw(bytes([3, 6 + len(carried), length, number(2) << 3]) + octets(4) + carried)
    return Raw(bytes([1, 3, 0, 0, 0]))


def message():
    """A code, a scapy message with options, and what its base object says in our words."""
    kind = chance.randrange(4)
    flag = number(1)
    identity = ipaddress.IPv6Address(unicast())
    given = identity.packed.hex() if flag else ""
    if kind == 0:
        return 0, rpl.RPLDIS(), "-"
    if kind == 1:
        base = rpl.RPLDIO(
            RPLInstanceID=number(8), ver=number(8), rank=number(16), G=number(1), mop=number(3), prf=number(3),
            dtsn=number(8), dodagid=str(identity),
        )
        words = [base.RPLInstanceID, base.ver, base.rank, base.G, base.mop, base.prf, base.dtsn]
        return 1, base, " ".join(map(str, words)) + " " + identity.packed.hex()
    if kind == 2:
        base = rpl.RPLDAO(RPLInstanceID=number(8), K=number(1), D=flag, daoseq=number(8), dodagid=str(identity))
        return 2, base, f"{base.RPLInstanceID} {base.K} {base.daoseq} {given}"
    base = rpl.RPLDAOACK(RPLInstanceID=number(8), D=flag, daoseq=number(8), status=number(8), dodagid=str(identity))
    return 3, base, f"{base.RPLInstanceID} {base.daoseq} {base.status} {given}"


def messages():
    before, questions, wanted = failures, [], []
    for _ in range(COUNT):
        code, base, words = message()
        body = raw(base) + b"".join(raw(option()) for _ in range(number(2)))
        questions.append(f"rpl {code} {body.hex()}")
        wanted.append(f"{body.hex()} {words}")
    for question, want, got in zip(questions, wanted, ask(questions)):
        if want.strip() != got.strip():
            wrong("RPL message", question, "wanted", want, "got", got)
    report("RPL messages, scapy to us", len(questions), before)


# --- Source routes: we read what the rule of RFC 6554 says ----------------------------------------------------------

def routes():
    before, questions, wanted = failures, [], []
    for _ in range(COUNT):
        inner, last, count = number(4), number(4), chance.randrange(1, 20)
        common = octets(16)
        hops = [common[:inner] + octets(16 - inner) for _ in range(count - 1)] + [common[:last] + octets(16 - last)]
        vector = b"".join(hop[inner:] for hop in hops[:-1]) + hops[-1][last:]
        pad = -len(vector) % 8
        header = struct.pack("!BBBBBBH", 58, (len(vector) + pad) // 8, 3, count, inner << 4 | last, pad << 4, 0)
        questions.append(f"route {common.hex()} {(header + vector + bytes(pad)).hex()}")
        wanted.append(" ".join(hop.hex() for hop in hops))
    for question, want, got in zip(questions, wanted, ask(questions)):
        if want != got:
            wrong("source route", question, got)
    report("source routes, written by the rule of RFC 6554, to us", len(questions), before)


# --- Whole packets: scapy writes IPv6, we compress it into frames, tshark restores --------------------------------

FIELDS = [
    "wpan.src64", "wpan.src16", "ipv6.tclass", "ipv6.flow", "ipv6.hlim", "ipv6.src", "ipv6.dst", "udp.srcport",
    "udp.dstport", "udp.checksum.status", "icmpv6.type", "icmpv6.code", "icmpv6.checksum.status",
    "icmpv6.rpl.dio.rank", "icmpv6.rpl.dio.dagid", "icmpv6.rpl.dao.sequence", "icmpv6.rpl.opt.type",
    "ipv6.opt.rpl.sender_rank", "ipv6.opt.rpl.instance_id", "_ws.malformed",
]


def link():
    return octets(2) if number(1) else octets(8)


def identifier(address):
    if len(address) == 2:
        return b"\0\0\0\xff\xfe\0" + address
    return bytes([address[0] ^ 2]) + address[1:]


def address(link_address):
    head = chance.choice((b"\xfe\x80" + bytes(6), b"\xfd\0" + bytes(6), b"\x20" + octets(7)))
    tail = chance.choice((identifier(link_address), octets(8), b"\0\0\0\xff\xfe\0" + octets(2)))
    return str(ipaddress.IPv6Address(head + tail))


def group():
    keep = chance.choice((1, 3, 5, 15))
    tail = octets(keep) if keep < 15 else octets(14)
    flags = b"\x02" if keep == 1 else octets(1)
    return str(ipaddress.IPv6Address(b"\xff" + flags + bytes(14 - len(tail)) + tail))


def packet(source, destination):
    classes, flows = chance.choice(((0, 0), (number(8), 0), (number(2), number(20)), (number(8), number(20))))
    outer = IPv6(
        src=address(source), dst=group() if number(2) == 0 else address(destination), tc=classes, fl=flows,
        hlim=chance.choice((1, 64, 255, chance.randrange(2, 254))),
    )
    expected = {
        "ipv6.tclass": f"0x{classes:08x}", "ipv6.flow": f"0x{flows:06x}", "ipv6.hlim": str(outer.hlim),
        "ipv6.src": outer.src, "ipv6.dst": outer.dst, "_ws.malformed": "",
    }
    kind = number(2)
    if kind == 0:
        ports = chance.choice(((0xF0B0 | number(4), 0xF0B0 | number(4)), (number(16) | 1, 0xF000 | number(8)),
                               (0xF000 | number(8), number(16) | 1), (number(16) | 1, number(16) | 1)))
        outer = outer / UDP(sport=ports[0], dport=ports[1]) / Raw(octets(number(6)))
        # It guesses what the payload is, and may find that malformed.
        del expected["_ws.malformed"]
        expected |= {"udp.srcport": str(ports[0]), "udp.dstport": str(ports[1]), "udp.checksum.status": "1"}
    elif kind == 1:
        outer = outer / ICMPv6EchoRequest(id=number(16), seq=number(16), data=octets(number(6)))
        expected |= {"icmpv6.type": "128", "icmpv6.checksum.status": "1"}
    else:
        outer.nh = 58
        if kind == 3:
            rank, instance = number(16), number(7)
            info = bytes([0x63, 4, number(3) << 5, instance]) + struct.pack("!H", rank)
            outer.nh = 0
            outer = outer / Raw(bytes([58, 0]) + info)
            expected |= {"ipv6.opt.rpl.sender_rank": f"0x{rank:04x}", "ipv6.opt.rpl.instance_id": f"0x{instance:02x}"}
        code, base, _ = message()
        # tshark reads routes and targets of 0, 8 and 16 bytes alone, as neighbour discovery has them.
        options = [raw(option((0, 64, 128))) for _ in range(number(2))]
        body = raw(base) + b"".join(options)
        if options:
            expected["icmpv6.rpl.opt.type"] = str(options[0][0])
        # Our own emission is what goes on the air.
        body = bytes.fromhex(ask([f"rpl {code} {body.hex()}"])[0].split(" ")[0])
        outer = outer / rpl_message(code, body, outer)
        expected |= {"icmpv6.type": "155", "icmpv6.code": str(code), "icmpv6.checksum.status": "1"}
        if code == 1:
            expected |= {"icmpv6.rpl.dio.rank": str(base.rank), "icmpv6.rpl.dio.dagid": base.dodagid}
        if code == 2:
            expected["icmpv6.rpl.dao.sequence"] = str(base.daoseq)
    return raw(outer), expected


def rpl_message(code, body, outer):
    """An ICMPv6 message of type 155 with its checksum; the pseudo-header ends at it."""
    length = 4 + len(body)
    pseudo = ipaddress.IPv6Address(outer.src).packed + ipaddress.IPv6Address(outer.dst).packed
    pseudo += struct.pack("!II", length, 58)
    data = bytes([155, code, 0, 0]) + body
    total = sum(struct.unpack(f"!{(len(pseudo + data) + 1) // 2}H", (pseudo + data) + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return Raw(bytes([155, code]) + struct.pack("!H", ~total & 0xFFFF) + body)


def same(field, want, got):
    if field in ("ipv6.src", "ipv6.dst", "icmpv6.rpl.dio.dagid"):
        return got and ipaddress.IPv6Address(got) == ipaddress.IPv6Address(want)
    try:
        return int(want, 0) == int(got, 0)
    except ValueError:
        return want == got


def air():
    before, questions, expectations, packets = failures, [], [], []
    for _ in range(COUNT):
        source, destination = link(), link()
        whole, expected = packet(source, destination)
        mine = source.hex() if len(source) == 2 else ":".join(f"{byte:02x}" for byte in source)
        expected["wpan.src16" if len(source) == 2 else "wpan.src64"] = f"0x{mine}" if len(source) == 2 else mine
        questions.append(f"air {source.hex()} {destination.hex()} {whole.hex()}")
        expectations.append(expected)
        packets.append((source, destination, whole))
    frames_made = ask(questions)
    path = f"{WORK}/air.pcap"
    with open(path, "wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 195))
        for index, frame in enumerate(frames_made):
            data = bytes.fromhex(frame) if frame != "refused" else b""
            capture.write(struct.pack("<IIII", index, 0, len(data), len(data)) + data)
    command = ["tshark", "-r", path, "-o", "6lowpan.context0:fd00::/64", "-o", "udp.check_checksum:TRUE",
               "--disable-protocol", "coap", "-T", "fields", "-E", "separator=|", "-E", "occurrence=f"]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    if len(lines) != COUNT:
        wrong("tshark said", len(lines), "lines")
    for number_, (expected, line, frame) in enumerate(zip(expectations, lines, frames_made)):
        said = dict(zip(FIELDS, line.split("|")))
        for field, want in expected.items():
            if not same(field, want, said[field]):
                wrong("air frame", number_ + 1, field, "wanted", want, "got", said[field], frame)
    report("802.15.4, IPHC, NHC, IPv6, ICMPv6, UDP and RPL, us to tshark", len(lines), before)
    # And back again, by ourselves: what goes on the air is what scapy wrote.
    back = []
    for (source, destination, _), frame in zip(packets, frames_made):
        skip = 5 + len(source) + len(destination)
        back.append(f"lowpan {source.hex()} {destination.hex()} {bytes.fromhex(frame)[skip:-2].hex()}")
    for (_, _, whole), got in zip(packets, ask(back)):
        if whole.hex() != got:
            wrong("round trip", whole.hex(), got)


# --- The air of a simulated network: tshark understands everything -------------------------------------------------

def network():
    path = f"{WORK}/network.pcap"
    before = failures
    fields = ["frame.number", "_ws.malformed", "wpan.fcs_ok", "icmpv6.type", "icmpv6.checksum.status", "ipv6.nxt"]
    command = ["tshark", "-r", path, "-o", "6lowpan.context0:fd00::/64", "-T", "fields", "-E", "separator=|",
               "-E", "occurrence=a"]
    for field in fields:
        command += ["-e", field]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    kinds = {}
    for line in lines:
        frame, malformed, _, kind, status, _ = line.split("|")
        if malformed or any(word != "1" for word in status.split(",") if word):
            wrong("frame of the network", frame, line)
        for word in filter(None, kind.split(",")):
            kinds[word] = kinds.get(word, 0) + 1
    if kinds.get("155", 0) == 0 or kinds.get("128", 0) == 0:
        wrong("the network's air lacks RPL or echo requests", kinds)
    report(f"the air of a network, us to tshark {kinds}", len(lines), before)


for check in (frames, messages, routes, air, network):
    check()
sys.exit(1 if failures else 0)
