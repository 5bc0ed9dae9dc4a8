# SPDX-License-Identifier: MIT OR Apache-2.0
"""Reads what a proxy has recorded, and says whose fault it is when a message is lost or comes twice."""
import collections

PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 3, 4, 5, 6, 7
NAMES = {PUBLISH: "PUBLISH", PUBACK: "PUBACK", PUBREC: "PUBREC", PUBREL: "PUBREL", PUBCOMP: "PUBCOMP"}

Packet = collections.namedtuple("Packet", "kind identifier payload dup qos reason")


def variable(data, at):
    value = shift = 0
    while at < len(data) and shift < 28:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    return None, at


def packets(stream, version):
    """The messages and their acknowledgements in one direction of one connection; half a packet at its end is left out."""
    at, found = 0, []
    while at < len(stream):
        first = stream[at]
        length, begin = variable(stream, at + 1)
        if length is None or begin + length > len(stream):
            break
        body, at = stream[begin : begin + length], begin + length
        kind = first >> 4
        if kind == PUBLISH:
            qos = first >> 1 & 3
            place = 2 + int.from_bytes(body[:2], "big")
            identifier = int.from_bytes(body[place : place + 2], "big") if qos else 0
            place += 2 if qos else 0
            if version == "mqttv5":
                properties, place = variable(body, place)
                place += properties
            found.append(Packet(kind, identifier, bytes(body[place:]).decode(), bool(first & 8), qos, 0))
        elif kind in NAMES:
            found.append(Packet(kind, int.from_bytes(body[:2], "big"), "", False, 0, body[2] if len(body) > 2 else 0))
    return found


def subacks(stream):
    """How many SUBACKs there are in what a broker has sent."""
    at, found = 0, 0
    while at < len(stream):
        length, begin = variable(stream, at + 1)
        if length is None or begin + length > len(stream):
            break
        found += stream[at] >> 4 == 9
        at = begin + length
    return found


def index(runs):
    found = collections.defaultdict(list)
    for connection, run in enumerate(runs):
        for place, packet in enumerate(run):
            if packet.kind == PUBLISH:
                found[packet.payload].append((connection, place, packet))
    return found


class Side:
    """All connections of one client, in their order."""

    def __init__(self, proxy, version):
        self.sent = [packets(bytes(c.up), version) for c in proxy.connections]
        self.got = [packets(bytes(c.down[: c.down_passed]), version) for c in proxy.connections]
        self.published, self.delivered = index(self.sent), index(self.got)

    def deliveries(self, payload):
        """(connection, place, packet) of each PUBLISH with this payload that the client was given."""
        return self.delivered[payload]

    def publications(self, payload):
        """The same of those that it has sent."""
        return self.published[payload]

    def confirmed(self, identifier, begin, kinds):
        """In which connection, from `begin` on, the broker confirmed the identifier; None for never."""
        for connection in range(begin, len(self.got)):
            if any(p.kind in kinds and p.identifier == identifier and p.reason < 128 for p in self.got[connection]):
                return connection
        return None


def publisher_fault(side, payload, qos):
    """What our publisher did wrong with a message, or None."""
    sent = side.publications(payload)
    if not sent:
        return "never published"
    first = sent[0]
    if any(p.identifier != first[2].identifier for _, _, p in sent):
        return f"published under several identifiers: {[p.identifier for _, _, p in sent]}"
    confirmed = side.confirmed(first[2].identifier, first[0], (PUBACK,) if qos == 1 else (PUBREC,))
    if confirmed is None:
        return "not confirmed, and given up"
    if qos == 2 and any(c > confirmed for c, _, _ in sent):
        return "published again after its PUBREC"
    if any(not p.dup for _, _, p in sent[1:]):
        return "repeated without DUP"
    return None


def count(run, kind, identifier):
    return sum(p.kind == kind and p.identifier == identifier for p in run)


def reused(side, identifier):
    """Whether the broker gave an identifier to another message of QoS 2 before PUBREL (against 2.3.1): such a message cannot be told from a
    duplicate of the first."""
    holder = None
    for run in side.got:
        for packet in run:
            if packet.identifier == identifier and packet.kind == PUBREL:
                holder = None
            elif packet.identifier == identifier and packet.kind == PUBLISH:
                if holder not in (None, packet.payload):
                    return True
                holder = packet.payload
    return False


def subscriber_fault(side, payload, qos, printed):
    """What our subscriber did wrong with a message that it printed so often, or None."""
    given = side.deliveries(payload)
    if printed == 0:
        for connection, place, packet in given:
            # The first to come is the first to be acknowledged, should an identifier stand for two messages at once.
            before = count(side.got[connection][:place], PUBLISH, packet.identifier)
            if qos == 1 and count(side.sent[connection], PUBACK, packet.identifier) > before:
                return "acknowledged but not delivered"
            if qos == 2 and not reused(side, packet.identifier) and any(count(run, PUBREC, packet.identifier) for run in side.sent[connection:]):
                return "acknowledged but not delivered"
        return None
    if qos == 2 and printed > 1:
        # A second delivery is right only if the broker had released the first.
        for (before, place, packet), (after, index, again) in zip(given, given[1:]):
            if packet.identifier != again.identifier:
                continue
            runs = [side.got[before][place:]] if after != before else [side.got[before][place:index]]
            runs += side.got[before + 1 : after] + ([side.got[after][:index]] if after != before else [])
            if any(p.kind == PUBREL and p.identifier == packet.identifier for run in runs for p in run):
                return None
        if len({packet.identifier for _, _, packet in given}) < 2:
            return "delivered twice within one exchange"
    return None


def sent_in_order(side):
    """Whether the broker has sent numbers in their order: within each connection, and each for the first time."""
    runs = [[int(p.payload) for p in run if p.kind == PUBLISH and p.payload.isdigit()] for run in side.got]
    runs.append(list(dict.fromkeys(number for run in runs for number in run)))
    return all(run == sorted(run) for run in runs)


def recorded(side):
    """The messages of QoS 2 for which the client has sent PUBREC. No identifier comes twice in a test."""
    message = {p.identifier: p.payload for run in side.got for p in run if p.kind == PUBLISH}
    return {message.get(p.identifier) for run in side.sent for p in run if p.kind == PUBREC}


def history(side, payload):
    """What passed for a message, for a human."""
    identifiers = {p.identifier for _, _, p in side.publications(payload) + side.deliveries(payload)}
    said = []
    for connection in range(len(side.sent)):
        for arrow, run in ((">", side.sent[connection]), ("<", side.got[connection])):
            for packet in run:
                mine = packet.payload == payload if packet.kind == PUBLISH else packet.identifier in identifiers
                if mine:
                    said.append(f"{connection}{arrow}{NAMES[packet.kind]}({packet.identifier}{' dup' if packet.dup else ''})")
    return " ".join(said[-40:])
