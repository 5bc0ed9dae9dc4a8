# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our MQTT tools against other brokers than mosquitto: brokers.py TOOLS WORK NAME[,VERSION…]=COMMAND…

Both ends are ours, the broker between them is not. COMMAND gets a port of loopback as its last argument. Each check prints a line; the
status says how it went. Nothing that our side does wrong is forgiven; what a broker cannot do stands where it is left out.
"""
import asyncio
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

import mqtt_audit as audit
from mqtt import HANG, WORK, check, failures, run, tool
from mqtt_proxy import Proxy
from mqtt_times import CEILING
from ports import free_port

BATCH = 30
CUT_BATCH = 300
# The least and the most bytes that a connection carries before it is cut.
CUT_AFTER = (300, 2500)
CUTS = 6
# How long nothing may come before what is missing counts as lost: some waits for the next attempt to connect, and as long again for a busy machine.
QUIET = 6 * CEILING


# What a broker cannot ("cannot": left out) or does wrong now and then ("may": forgiven where the record of a proxy shows nothing of ours).
LIMITS = {
    # A PUBREL for a message that it has completed already, because its PUBCOMP was cut off, has to be answered (3.1.1, 4.3.3). aedes 0.51.3
    # closes the connection instead (lib/handlers/pubrel.js: "no such packet"), amqtt 0.12.1 says nothing (mqtt/protocol/handler.py: "Received
    # PUBREL for unknown pending message"): so a publisher of QoS 2 never comes to its end.
    ("aedes", "cut publisher 2"): "cannot",
    ("amqtt", "cut publisher 2"): "cannot",
    # amqtt 0.12.1 gives up what a client has not acknowledged within 5 seconds or before it went (mqtt/protocol/handler.py), and to one that comes
    # back while it still holds the old connection for alive it says Session Present and sends nothing, as the proxy's record shows.
    ("amqtt", "cut subscriber 1"): "cannot",
    ("amqtt", "cut subscriber 2"): "cannot",
    # mochi 2.7.9 acknowledges a message before it passes it on, and does not pass it on when writing the acknowledgement fails, which it sends
    # again all the same when the publisher is back (server.go, processPublish).
    ("mochi", "cut publisher 1"): "may",
    ("mochi", "cut publisher 2"): "may",
    # When a subscriber comes back it copies what is in flight before the subscriptions go over to the new connection, and then clears the old list
    # (server.go, inheritClientSession): a message that comes in between is lost. The proxy's record shows that it was never sent.
    ("mochi", "cut subscriber 1"): "may",
    ("mochi", "cut subscriber 2"): "may",
    # In one of some hundred runs it stops in the midst of answering a publisher: a proxy showed PUBLISH 1 to 20 and PUBREL 1 to 12 on their way to
    # it, PUBREC 1 to 12 coming, and nothing more. It has locked itself up: what a subscriber acknowledges makes it read-lock the list of what is
    # in flight to that one twice, one within the other (inflight.go, NextImmediate and GetAll), and when the next message for the subscriber
    # comes in between, which locks the list for writing, both wait for each other. Such a part is tried once more where the broker's
    # own stacks show this, and the second time it has to come to its end.
    ("mochi", "answer"): "may",
    # It sends what was in flight in the order of a Go map, sorted by seconds only (inflight.go, GetAll).
    ("mochi", "order"): "may",
    # A filter that ends in +/# does not get the messages of the parent level (topics.go, scanSubscribers; against 4.7.1.2).
    ("mochi", "parent of +/#"): "cannot",
    # aedes 0.51.3 counts identifiers from a random number in each connection and sends again what has one of an earlier connection (lib/client.js,
    # lib/qos-packet.js), so that two messages may have the same at once (against 2.3.1-4). At QoS 1 it takes the first PUBACK for whichever of them
    # is the older (aedes-persistence, outgoingClearMessageId), and forgets that one, sent or not. At QoS 2 the second cannot be told from a
    # duplicate of the first. By chance this is rare; as "aedes-first" it counts from 1 in each connection, so that it happens each time.
    ("aedes", "cut subscriber 1"): "may",
    ("aedes-first", "cut subscriber 1"): "may",
    ("aedes-first", "cut publisher 2"): "cannot",
    ("aedes-first", "cut subscriber 2"): "cannot",
    ("aedes", "order"): "may",
    ("aedes-first", "order"): "may",
    # aedes 0.51.3 publishes again, after a reconnection, what it had sent PUBREL for (against 4.3.3), as the proxy's record shows.
    ("aedes", "cut subscriber 2"): "may",
}


class Broker:
    """A broker of its own on a free port."""

    def __init__(self, name, command):
        self.name, self.port = name, free_port()
        self.log = open(os.path.join(WORK, name + ".log"), "w")
        self.process = subprocess.Popen([*command, str(self.port)], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def wait(self):
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not start, see its log")

    def locked_up(self):
        """Whether a goroutine of mochi-mqtt waits for a lock that it holds itself."""
        self.process.send_signal(signal.SIGUSR1)
        waits = re.compile(r"\[sync\.RWMutex\.RLock[^\]]*\]:\n(?:.+\n)*?.*\(\*Inflight\)\.GetAll.*\n.*\n.*\(\*Inflight\)\.NextImmediate")
        for _ in range(200):
            time.sleep(0.1)
            with open(self.log.name) as log:
                if waits.search(log.read()):
                    return True
        return False

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class SomeCuts(Proxy):
    """Cuts so often and no oftener: a broker that sends all again at once would never get through."""

    async def accepted(self, reader, writer):
        if self.cuts >= CUTS:
            self.budget = None
        await super().accepted(reader, writer)


class Cutter:
    """A TCP proxy before a broker that keeps what passes, and may cut. In a thread of its own."""

    def __init__(self, port, seed, budget):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.proxy = self.call(self.make(port, seed, budget))
        self.port = self.proxy.port

    def call(self, what):
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(HANG)

    async def make(self, port, seed, budget):
        return await SomeCuts(port, seed, budget).start()

    def stop(self):
        self.call(self.proxy.end())
        self.loop.call_soon_threadsafe(self.loop.stop)


# The checks of each broker that are wanted, all if none is named.
PARTS = os.environ.get("MOTE_BROKER_PARTS", "").split()


class Sub:
    """Our subscriber, and what it has printed."""

    def __init__(self, port, *arguments):
        self.lines, self.news = [], threading.Condition()
        self.process = subprocess.Popen(tool("sub", port, *arguments), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()

    def until(self, good, seconds=HANG):
        with self.news:
            return self.news.wait_for(lambda: good(self.lines), seconds)

    def ready(self, topic, publish):
        """Publishes what does not count until some of it arrives: from then on it is subscribed."""
        hang = time.monotonic() + HANG
        while time.monotonic() < hang:
            publish(topic, "-q", 1, "-m", "begin")
            if self.until(lambda lines: lines, 0.1):
                return self
        raise RuntimeError("the subscription is never there")

    def got(self, last="end"):
        """What has come before `last`, the probes apart."""
        self.until(lambda lines: any(line.endswith(last) for line in lines))
        time.sleep(0.05)  # for what should not come any more
        self.stop()
        return [line for line in self.lines if not line.endswith(("begin", last))]

    def all(self, expected):
        """Waits for all of these, or until nothing has come for a while."""
        count, missing = -1, set(expected)
        while missing and len(self.lines) != count:
            count = len(self.lines)
            self.until(lambda lines: missing <= set(lines), QUIET)
            missing -= set(self.lines)

    def stop(self, kill=False):
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait()
        self.reader.join()
        return self.process.returncode


class Peer:
    """The checks of one broker in one version."""

    def __init__(self, broker, version):
        self.broker, self.version, self.title = broker, version, f"{broker.name} {version}"
        self.port, self.keep = broker.port, ["-c", *(["-x", "1000"] if version == "mqttv5" else [])]
        # amqtt keeps no session of a client that has not given its name (amqtt/broker.py asks is_anonymous).
        self.common = ["-V", version, *(["-u", "user", "-P", "secret"] if broker.name == "amqtt" else [])]

    def limit(self, what, how):
        """Whether the broker is known not to do something."""
        return LIMITS.get((self.broker.name, what)) == how

    def check(self, name, good, detail=""):
        check(f"{self.title}: {name}", good, "" if good else detail)

    def sub(self, topic, *arguments, port=None, ready=None):
        sub = Sub(port or self.port, *self.common, "-t", topic, *arguments)
        return sub.ready(ready or topic, self.pub) if ready is not False else sub

    def pub(self, topic, *arguments, text=None, port=None):
        return run(tool("pub", port or self.port, *self.common, "-t", topic, *arguments), text)[0]

    def lines(self, count=BATCH):
        return [str(number) for number in range(count)]

    def feed(self, count=BATCH):
        return "\n".join([*self.lines(count), "end", ""])

    def every_qos_pair(self):
        wrong = []
        for qos_pub in range(3):
            for qos_sub in range(3):
                topic = f"{self.version}/pair/{qos_pub}{qos_sub}"
                sub = self.sub(topic, "-q", qos_sub)
                status = self.pub(topic, "-q", qos_pub, "-l", text=self.feed())
                got = sub.got()
                if got != self.lines() or status != 0:
                    wrong.append(f"{qos_pub}->{qos_sub}: status {status}, {len(got)} came: {got[:5]}")
        self.check("every pair of QoS, in order, none lost, none doubled", not wrong, "; ".join(wrong))

    def retained(self):
        topic = f"{self.version}/kept"
        self.pub(topic, "-q", 1, "-r", "-m", "keep me")
        _, got = run(tool("sub", self.port, *self.common, "-t", topic, "-C", 1))
        self.check("a retained message for a later subscriber", got == "keep me\n", repr(got))
        self.pub(topic, "-q", 1, "-r", "-n")
        sub = self.sub(topic)
        self.pub(topic, "-q", 1, "-m", "end")
        got = sub.got()
        self.check("retained, and removed by an empty one", got == [], repr(got))

    def wills(self):
        for qos in (0, 1, 2):
            topic = f"{self.version}/will/{qos}"
            watch = self.sub(topic, "-q", qos)
            doomed = self.sub(topic + "/none", "--will-topic", topic, "--will-payload", "died", "--will-qos", qos)
            doomed.stop(kill=True)
            got = watch.until(lambda lines: "died" in lines)
            watch.stop()
            self.check(f"will after SIGKILL, QoS {qos}", got, repr(watch.lines))
        topic = f"{self.version}/will/not"
        watch = self.sub(topic)
        self.sub(topic + "/none", "--will-topic", topic, "--will-payload", "died").stop()
        time.sleep(0.3)
        self.pub(topic, "-m", "end")
        got = watch.got()
        self.check("no will after DISCONNECT", got == [], repr(got))

    def session(self):
        for qos in (1, 2):
            for kill in (False, True):
                topic, how = f"{self.version}/away/{qos}{kill:d}", "killed" if kill else "gone"
                identity = [*self.keep, "-i", topic.replace("/", "-"), "-q", qos]
                self.sub(topic, *identity).stop(kill)
                status = self.pub(topic, "-q", qos, "-l", text=self.feed())
                sub = self.sub(topic, *identity, ready=False)
                sub.all(self.lines())
                got = sub.got()
                if self.limit("order", "may"):
                    got.sort(key=int)
                self.check(f"a kept session, {how}, QoS {qos}", got == self.lines() and status == 0, f"{status}, {len(got)} came: {got[:5]}")

    def cuts(self):
        for qos in (1, 2):
            for end in ("publisher", "subscriber"):
                if self.limit(f"cut {end} {qos}", "cannot"):
                    print(f"       {self.title}: {end} cut off, QoS {qos}: left out, the broker cannot", flush=True)
                else:
                    self.cut(qos, end)

    def cut(self, qos, end):
        """One end is cut off again and again. What both have sent and got is kept, to tell whose fault it is when something is wrong."""
        topic = f"{self.version}/cut/{end}/{qos}"
        name = topic.replace("/", "-")
        proxies = {side: Cutter(self.port, topic, CUT_AFTER if side == end else None) for side in ("publisher", "subscriber")}
        sub = self.sub(topic, "-q", qos, *self.keep, "-i", name + "-s", port=proxies["subscriber"].port)
        status = self.pub(topic, "-q", qos, *self.keep, "-i", name + "-p", "--window", 20, "-l", text=self.feed(CUT_BATCH),
                          port=proxies["publisher"].port)
        expected = self.lines(CUT_BATCH)
        sub.all(expected)
        got = sub.got()
        for proxy in proxies.values():
            proxy.stop()
        publisher, subscriber = (audit.Side(proxies[side].proxy, self.version) for side in ("publisher", "subscriber"))
        lost = [line for line in expected if line not in got]
        # At QoS 1 what was not acknowledged before the cut comes again.
        doubled = sorted({line for line in got if got.count(line) > 1}) if qos == 2 else []
        mine = [f"{line}: {fault}" for line in lost + doubled for fault in
                (audit.publisher_fault(publisher, line, qos), audit.subscriber_fault(subscriber, line, qos, got.count(line))) if fault]
        firsts = list(dict.fromkeys(got))
        confused = qos == 2 and any(audit.reused(subscriber, p.identifier) for run in subscriber.got for p in run)
        if firsts != sorted(firsts, key=int) and audit.sent_in_order(subscriber) and not confused:
            mine.append("out of order, and not by the broker")
        cuts, connections = proxies[end].proxy.cuts, proxies[end].proxy.connections
        # Both come back after every cut, and what the last connection has carried is printed.
        if len(connections) <= cuts:
            mine.append("did not come back")
        mine += [f"{line}: came, and was not printed" for line in lost for c, _, packet in subscriber.deliveries(line)
                 if c == len(subscriber.got) - 1 and not (qos == 2 and audit.reused(subscriber, packet.identifier))]
        title = f"{end} cut off {cuts} times, QoS {qos}: nothing lost" + (", nothing doubled" if qos == 2 else "")
        theirs = [] if mine else [f"{len(lost)} lost, {len(doubled)} doubled"] if lost or doubled else []
        if firsts != sorted(firsts, key=int) and not mine and not self.limit("order", "may"):
            theirs.append("out of order")
        if (theirs or status) and not mine and self.limit(f"cut {end} {qos}", "may"):
            print(f"       {self.title}: {end} cut off, QoS {qos}: {'; '.join(theirs)}, by the broker as the record shows", flush=True)
        else:
            self.check(title, not mine and not theirs and status == 0 and cuts >= 3,
                       f"status {status}, {len(connections)} connections, {len(got)} came; ours: {mine[:3]}; the broker's: {theirs} "
                       f"{[(line, audit.history(publisher, line), audit.history(subscriber, line)) for line in (lost + doubled)[:3]]}")

    def large(self):
        path = os.path.join(WORK, f"{self.broker.name}-{self.version}-large")
        text = random.randbytes(50_000).hex()
        with open(path, "w") as out:
            out.write(text)
        for qos in (0, 1, 2):
            topic = f"{self.version}/large/{qos}"
            sub = self.sub(topic, "-q", qos)
            status = self.pub(topic, "-q", qos, "-f", path)
            self.pub(topic, "-q", qos, "-m", "end")
            got = sub.got()
            self.check(f"100 KB, QoS {qos}", got == [text] and status == 0, f"{status}, {[len(line) for line in got]}")

    def wildcards(self):
        base = f"{self.version}/wild"
        topics = [f"{base}{rest}" for rest in ("", "/a", "/a/x", "/b/x", "//x", "/a/x/y", "/a/", "er/a/x")]
        cases = {
            f"{base}/+/x": [2, 3, 4],
            f"{base}/#": [0, 1, 2, 3, 4, 5, 6],
            f"{base}/+": [1],
            f"{base}/a/+": [2, 6],
            f"{base}/+/+/#": [2, 3, 4, 5, 6],
            f"{self.version}/+/a/x/#": [2, 5, 7],
        }
        if self.limit("parent of +/#", "cannot"):
            cases[f"{base}/+/+/#"] = [5]
        wrong = []
        for wanted, numbers in cases.items():
            probe = topics[numbers[0]]
            sub = self.sub(wanted, "-q", 1, "-v", ready=probe)
            for topic in topics:
                self.pub(topic, "-q", 1, "-m", "here")
            self.pub(probe, "-q", 1, "-m", "end")
            got, expected = sub.got(), [f"{topics[number]} here" for number in numbers]
            if got != expected:
                wrong.append(f"{wanted}: {got}")
        self.check("wildcards", not wrong, "; ".join(wrong))

    def attempt(self, part):
        """Whether a part came to its end; one that did not may be tried again where the broker is known to lock itself up, and has."""
        try:
            part()
        except subprocess.TimeoutExpired:
            if not self.limit("answer", "may") or not self.broker.locked_up():
                raise
            return False
        return True

    def all(self):
        for part in (self.every_qos_pair, self.retained, self.wills, self.session, self.wildcards, self.large, self.cuts):
            if (PARTS and part.__name__ not in PARTS) or (self.broker.name == "aedes-first" and part != self.cuts):
                continue
            began = time.monotonic()
            try:
                if not self.attempt(part):
                    print(f"       {self.title}: {part.__name__}: once more, the broker has locked itself up", flush=True)
                    part()
            except Exception as error:  # a check that cannot go on has failed, and the others still run
                self.check(part.__name__, False, repr(error))
            if time.monotonic() - began > 5:
                print(f"       {self.title}: {part.__name__} took {time.monotonic() - began:.1f} s", flush=True)


def main():
    unknown = [part for part in PARTS if part not in dir(Peer)]
    if unknown:
        sys.exit(f"no such part: {' '.join(unknown)}")
    brokers, peers = [], []
    try:
        for argument in sys.argv[3:]:
            name, command = argument.split("=", 1)
            name, *versions = name.split(",")
            brokers.append(Broker(name, shlex.split(command)))
            peers += [Peer(brokers[-1], version) for version in versions]
        for broker in brokers:
            broker.wait()
        threads = [threading.Thread(target=peer.all, daemon=True) for peer in peers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for broker in brokers:
            check(f"{broker.name} still runs", broker.process.poll() is None)
    finally:
        for broker in brokers:
            broker.stop()
    print(f"{len(failures)} failed" if failures else "all passed")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
