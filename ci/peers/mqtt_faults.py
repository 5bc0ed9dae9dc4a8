# SPDX-License-Identifier: MIT OR Apache-2.0
"""Nothing lost: our MQTT tools and mosquitto, cut off and killed. mqtt_faults.py TOOLS WORK COUNT SEED [SCENARIO…], all without a name.

A scenario is KIND-VERSION-QOS (a KIND alone stands for all four of it), run in a process of its own, some at a time:

  cut-pub         our publisher through a proxy that cuts, delays and truncates; mosquitto_sub counts
  cut-sub         mosquitto_pub publishes; our subscriber through the proxy
  broker-killed   our publisher and our subscriber; mosquitto dies by SIGKILL and comes back with its database
  pub-killed      our publisher with --store dies by SIGKILL, in the middle of whatever it does
  sub-killed      our subscriber with --store dies by SIGKILL
  broker-forgets  as broker-killed, but mosquitto has no database: each time it knows neither session nor message, says so (Session Present 0),
                  and our side has to subscribe again and to send again what was not acknowledged, as its version says

Where the cuts and kills are, in bytes, follows from the seed. Every proxy keeps what passed, so that what was lost or doubled is
traced to whoever did it. mosquitto keeps its database when it is told to (SIGUSR1), and what it acknowledged after that it
has forgotten when it is killed. So broker-killed stops all traffic first, at any byte, waits until mosquitto has read and answered
all that it was sent, has the database written, and kills: mosquitto then knows what it has acknowledged, no less and no more.
"""
import asyncio
import collections
import os
import random
import shutil
import signal
import sys

import mqtt_audit as audit
from mqtt_audit import PUBACK, PUBREC
from mqtt_proxy import Proxy
from mqtt_times import CEILING
from ports import free_port

TOOLS, WORK, COUNT, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
KINDS = ("cut-pub", "cut-sub", "broker-killed", "pub-killed", "sub-killed", "broker-forgets")
KILLS = 8
# Seconds without any progress, as progress() says, after which nothing more is expected: our clients are back within CEILING when there is a
# broker, and within another when that came to nothing.
PATIENCE = 6 * CEILING


# Every process and proxy of this scenario, so that none outlives it; and what it is at, should it be stopped.
started, proxies, programs, stage = [], [], [], ["beginning"]


async def spawn(*command, **streams):
    started.append(await asyncio.create_subprocess_exec(*command, **streams))
    return started[-1]


async def proxy_to(broker, name, budget=None):
    proxies.append(await Proxy(broker.port, f"{SEED}/{name}", budget).start())
    return proxies[-1]


def passed():
    return sum(len(c.up) + len(c.down) for p in proxies for c in p.connections)


def worked():
    """Processor time of all that was started, in tenths of a second: who gets but little of it, on a busy machine, is not standing still."""
    ticks = 0
    for process in started:
        try:
            with open(f"/proc/{process.pid}/stat") as stat:
                ticks += sum(map(int, stat.read().rsplit(") ", 1)[1].split()[11:13]))
        except OSError:
            pass
    return ticks * 10 // os.sysconf("SC_CLK_TCK")


def progress():
    """Bytes that came to a proxy, lines that were printed, programs that were started, and their work."""
    return passed(), sum(len(p.lines) for p in programs), len(started), worked()


async def until(what, *waits):
    """Waits for the first of these, as long as there is progress; the results so far, None for what has not come."""
    stage[0] = what
    tasks, before = [asyncio.ensure_future(wait) for wait in waits], None
    try:
        while not any(task.done() for task in tasks) and before != progress():
            before = progress()
            await asyncio.wait(tasks, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        return [task.result() if task.done() else None for task in tasks]
    finally:
        for task in tasks:
            task.cancel()


async def done(what, wait):
    """Waits for this, as long as there is progress."""
    if (await until(what, wait))[0] is None:
        raise asyncio.TimeoutError


async def close_all():
    """Ends all that was started, and waits until it has ended."""
    for program in programs:
        for task in program.tasks:
            task.cancel()
    for process in started:
        if process.returncode is None:
            process.kill()
    await asyncio.gather(*(proxy.end() for proxy in proxies), *(process.wait() for process in started))
    await asyncio.gather(*(task for program in programs for task in program.tasks), return_exceptions=True)


class Broker:
    """A mosquitto of its own, without a database unless `persistent`; it is written at SIGUSR1 alone."""

    def __init__(self, name, persistent=False):
        self.port = free_port()
        directory = os.path.join(WORK, name)
        os.makedirs(directory)
        self.config, self.database = os.path.join(WORK, name + ".conf"), os.path.join(directory, "mosquitto.db")
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", "set_tcp_nodelay true"]
        if os.geteuid() == 0:
            lines.append("user root")  # else it becomes another, who may not be let into the folder of its database
        if persistent:
            lines += ["persistence true", f"persistence_location {directory}/", "autosave_interval 0"]
        with open(self.config, "w") as out:
            out.write("\n".join(lines) + "\n")
        self.log = open(os.path.join(WORK, name + ".log"), "a")

    async def start(self):
        self.process = await spawn("mosquitto", "-c", self.config, stdout=self.log, stderr=self.log)
        while True:
            try:
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
                break
            except OSError:
                if self.process.returncode is not None:
                    raise
                await asyncio.sleep(0.02)
        self.writer.write(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05probe")
        await self.reader.readexactly(4)
        return self

    async def turn(self):
        """Once through mosquitto's loop: what it had read before this is dealt with."""
        self.writer.write(b"\xc0\x00")
        await self.reader.readexactly(2)

    def unread(self):
        """Bytes on the way from or to it, in the kernel, but for those of our own connection."""
        ours, bytes_queued = f":{self.port:04X}", 0
        probe = f":{self.writer.get_extra_info('sockname')[1]:04X}"
        with open("/proc/net/tcp") as table:
            for line in list(table)[1:]:
                words = line.split()
                ends = (words[1][8:], words[2][8:])
                if words[3] == "01" and ours in ends and probe not in ends:
                    bytes_queued += sum(int(half, 16) for half in words[4].split(":"))
        return bytes_queued

    async def quiet(self, proxies):
        """Waits until it has read all, answered all, and all answers are with the proxies."""
        calm = 0
        while calm < 3:
            await self.turn()
            await asyncio.sleep(0.01)
            calm = calm + 1 if self.unread() == 0 and all(c.written() for p in proxies for c in p.connections) else 0
        return True

    async def save(self):
        """The database is written under another name and renamed, so that a new file is a whole one."""
        before = os.stat(self.database).st_ino if os.path.exists(self.database) else None
        self.process.send_signal(signal.SIGUSR1)
        while not os.path.exists(self.database) or os.stat(self.database).st_ino == before:
            await asyncio.sleep(0.01)
        return True

    async def kill(self):
        self.writer.transport.abort()
        self.process.kill()
        await self.process.wait()

    async def stop(self):
        self.process.terminate()
        await self.process.wait()


class Program:
    """A publisher or subscriber, and the lines that it has printed."""

    def __init__(self):
        self.lines, self.seen, self.ended, self.tasks = [], set(), asyncio.Event(), []
        programs.append(self)

    async def start(self, command, feed=None, ahead_of=None):
        pipe = asyncio.subprocess.PIPE
        with open(os.path.join(WORK, f"{sys.argv[5]}.errors"), "a") as errors:
            self.process = await spawn(*command, stdin=pipe if feed else asyncio.subprocess.DEVNULL, stdout=pipe, stderr=errors)
        self.reading = asyncio.create_task(self.read())
        self.tasks.append(self.reading)
        if feed:
            self.tasks.append(asyncio.create_task(self.feed(feed, ahead_of)))
        return self

    async def feed(self, text, ahead_of=None):
        """Gives it lines to publish; no more than 300 ahead of what another program has printed."""
        lines = text.splitlines(keepends=True)
        try:
            for begin in range(0, len(lines), 100):
                while ahead_of and begin - len(ahead_of.seen) > 200:
                    await asyncio.sleep(0.005)
                self.process.stdin.write("".join(lines[begin : begin + 100]).encode())
                await self.process.stdin.drain()
            self.process.stdin.close()
        except OSError:
            pass

    async def read(self):
        while line := await self.process.stdout.readline():
            line = line.decode().strip()
            self.lines.append(line)
            self.seen.add(line)
            if line == "end":
                self.ended.set()

    async def kill(self):
        self.process.kill()
        await self.process.wait()
        await self.reading

    async def finish(self, signal_number=None):
        if signal_number and self.process.returncode is None:
            self.process.send_signal(signal_number)
        status, = await until("a program was to end", self.process.wait())
        if status is None:
            self.process.kill()
            await self.process.wait()
        await self.reading
        return status


def mote(name, port, version, qos, *more):
    session = ["-x", "1000"] if version == "mqttv5" else []
    return [os.path.join(TOOLS, "mote-mqtt-" + name), "-h", "127.0.0.1", "-p", str(port), "-V", version, "-t", "fault", "-q", str(qos),
            "-i", "mote-" + name, "-c", *session, *more]


def mosquitto(name, port, version, qos, *more):
    return ["mosquitto_" + name, "-h", "127.0.0.1", "-p", str(port), "-V", version, "-t", "fault", "-q", str(qos), *more]


def numbers(begin=0):
    return "".join(f"{number}\n" for number in range(begin, COUNT)) + "end\n"


async def subscribed(program, broker, version):
    """Messages that do not count, until the first arrives."""
    while not program.lines:
        probe = await spawn(*mosquitto("pub", broker.port, version, 2, "-m", "begin"))
        await probe.wait()
        await asyncio.sleep(0.1)


async def ended(program):
    """The last message has come; a moment more for what should not."""
    if (await until("the last message was to come", program.ended.wait()))[0]:
        await asyncio.sleep(0.5)


def store(name):
    """SIGKILL leaves what was written, so that the store need not be on a disk, where each record takes milliseconds."""
    memory = f"/dev/shm/mote-{os.getpid()}-{name}"
    return memory if os.path.isdir("/dev/shm") else os.path.join(WORK, "store-" + name)


class Verdict:
    def __init__(self, name):
        self.name, self.faults, self.version = name, [], name.rsplit("-", 2)[1]

    def demand(self, good, what):
        if not good:
            self.faults.append(what)

    def count(self, got, qos, unsure=(), allowed=lambda line: False, order=True, explain=None, subscriber=None):
        """Every number came, at QoS 2 once, the first of each in its order; of the `unsure` none has to come. What `explain` puts
        on others does not count."""
        counted = collections.Counter(line for line in got if line.isdigit())
        lost = [str(n) for n in range(COUNT) if str(n) not in counted and n not in unsure]
        doubled = [line for line, times in counted.items() if times > 1]
        excused = [line for line in doubled if allowed(line)]
        theirs = []
        wrong = lost + ([line for line in doubled if line not in excused] if qos == 2 else [])
        if explain:
            reasons = [(line, *explain(line, counted[line])) for line in wrong]
            for line, _, why in reasons[:3]:
                print(f"       {self.name}: {line} came {counted[line]} times: {why()}", flush=True)
            theirs = [line for line, ours, _ in reasons if not ours]
            # mosquitto 2.0.11 now and then sends a message again for which it had sent PUBREL already, and a subscriber cannot know it for
            # the same one. So what the record shows to be its own doing is counted apart.
            if subscriber:
                wrong = [line for line in wrong if line not in set(theirs)]
        self.demand(not wrong, f"wrong: {wrong[:5]}")
        firsts = list(dict.fromkeys(int(line) for line in got if line.isdigit()))
        if order and firsts != sorted(firsts):
            early, late = next((a, b) for a, b in zip(firsts, firsts[1:]) if b < a)
            broker = subscriber is not None and not audit.sent_in_order(audit.Side(subscriber, self.version))
            self.demand(broker, f"out of order: {late} after {early}")
            print(f"       {self.name}: {late} after {early}, {'as mosquitto sent them' if broker else 'our fault'}", flush=True)
            for number in (early, late) if explain else ():
                print(f"       {self.name}: {number}: {explain(str(number), 1)[1]()}", flush=True)
        self.demand("end" in got, "the last did not come")
        return f"{len(counted)} arrived, {len(lost)} lost, {len(doubled)} more than once" + (f" ({len(excused)} before the kill)" if excused else "") \
            + (f" ({len(theirs)} wrong by mosquitto, as the record shows)" if theirs else "")


    def line(self, detail):
        said = "; ".join([detail] * bool(detail) + self.faults)
        return not self.faults, ("FAILED" if self.faults else "ok    ") + f" {self.name}: {said}"


def tracing(version, qos, publisher=None, subscriber=None):
    """Says of a number whether it went wrong on our side, and what passed for it."""

    sides = []

    def explain(line, printed):
        if not sides:
            sides.extend(proxy and audit.Side(proxy, version) for proxy in (publisher, subscriber))
        faults = [sides[0] and audit.publisher_fault(sides[0], line, qos), sides[1] and audit.subscriber_fault(sides[1], line, qos, printed)]
        faults = [fault for fault in faults if fault]

        def why():
            passed = [f"{end} {audit.history(side, line)}" for end, side in zip(("publisher", "subscriber"), sides) if side]
            return f"{'our fault, ' + faults[0] if faults else 'the broker'}: {'; '.join(passed)}"

        return bool(faults), why

    return explain


BUDGET = (200, 20_000)


async def cut_pub(verdict, version, qos):
    broker = await Broker(verdict.name).start()
    proxy = await proxy_to(broker, verdict.name, BUDGET)
    # The one that counts speaks 3.1.1: as a client of 5.0 mosquitto_sub 2.0.11 now and then loses its connection, and with it its session,
    # in the middle of a burst.
    sub = await Program().start(mosquitto("sub", broker.port, "mqttv311", qos))
    await subscribed(sub, broker, version)
    pub = await Program().start(mote("pub", proxy.port, version, qos, "-l"), numbers())
    verdict.demand(await pub.finish() == 0, "the publisher failed")
    await ended(sub)
    await sub.finish(signal.SIGTERM)
    # No connection carries more than the budget, so that there are this many at least.
    verdict.demand(proxy.cuts >= COUNT * 15 // BUDGET[1], "too few cuts")
    said = verdict.count(sub.lines, qos, explain=tracing(version, qos, publisher=proxy))
    await broker.stop()
    return f"{said}, {proxy.cuts} cuts"


async def cut_sub(verdict, version, qos):
    broker = await Broker(verdict.name).start()
    # At QoS 2 mosquitto 2.0.11 sends a client of 5.0 all of its session at each connection, and a short one gets no further than that.
    budget = (BUDGET[0], 3 * BUDGET[1]) if (version, qos) == ("mqttv5", 2) else BUDGET
    proxy = await proxy_to(broker, verdict.name, budget)
    sub = await Program().start(mote("sub", proxy.port, version, qos))
    await subscribed(sub, broker, version)
    # What has queued up mosquitto 2.0.11 sends at once when the subscriber is back: were that more than a connection carries, no
    # acknowledgement would ever get through.
    # As a publisher of 5.0 mosquitto_pub 2.0.11 was seen to stop in the middle of a burst at QoS 2.
    pub = await Program().start(mosquitto("pub", broker.port, "mqttv311", qos, "-l"), numbers(), ahead_of=sub)
    verdict.demand(await pub.finish() == 0, "mosquitto_pub failed")
    await ended(sub)
    await sub.finish(signal.SIGTERM)
    verdict.demand(proxy.cuts >= COUNT * 15 // budget[1], "too few cuts")
    said = verdict.count(sub.lines, qos, explain=tracing(version, qos, subscriber=proxy), subscriber=proxy)
    await broker.stop()
    return f"{said}, {proxy.cuts} cuts"


def points(chooser, end, qos, kills):
    """After how many of the bytes that a publisher or a subscriber sends at the least it is time to kill."""
    least = COUNT * (14 if end == "pub" else 4 * qos)
    return [chooser.randint(1, least) for _ in range(kills)]


async def strike(struck, *others):
    """Until it is time to kill, and true; or until something else has happened."""
    hit = (await until("it was to be time to kill", struck.wait(), *others))[0]
    struck.clear()
    return hit


async def broker_killed(verdict, version, qos):
    chooser = random.Random(f"{SEED}/{verdict.name}")
    broker = await Broker(verdict.name, persistent=True).start()
    for end in ("pub", "sub"):
        await proxy_to(broker, f"{verdict.name}/{end}")
    sub = await Program().start(mote("sub", proxies[1].port, version, qos))
    await subscribed(sub, broker, version)
    struck = asyncio.Event()
    for end, proxy in zip(("pub", "sub"), proxies):
        proxy.plan(points(chooser, end, qos, KILLS // 2), struck)
    pub = await Program().start(mote("pub", proxies[0].port, version, qos, "-l"), numbers())
    kills = 0
    while any(proxy.marks for proxy in proxies):
        if not await strike(struck, sub.ended.wait()):
            break
        for proxy in proxies:
            proxy.hold()
        # What it does after its database was written would be forgotten: then it writes it again.
        heard, tries = None, 0
        while heard != passed() and tries < 10:
            await done("mosquitto was to become quiet", broker.quiet(proxies))
            heard, tries = passed(), tries + 1
            await done("mosquitto was to write its database", broker.save())
            await done("mosquitto was to stay quiet", broker.quiet(proxies))
        await broker.kill()
        verdict.demand(heard == passed(), "mosquitto was not quiet when it was killed")
        for proxy in proxies:
            proxy.drop(chooser)
        await broker.start()
        for proxy in proxies:
            proxy.release()
        kills += 1
    status = await pub.finish()
    verdict.demand(status == 0, "the publisher failed")
    verdict.demand(kills >= KILLS - 2, f"only {kills} kills")
    await ended(sub)
    await sub.finish(signal.SIGTERM)
    said = verdict.count(sub.lines, qos, explain=tracing(version, qos, *proxies), subscriber=proxies[1])
    await broker.stop()
    return f"{said}, mosquitto killed {kills} times"


async def renewed(proxy, before):
    """Until the subscription has been made again over a further connection."""
    while not any(audit.subacks(connection.down) for connection in proxy.connections[before:]):
        await asyncio.sleep(0.01)
    return True


async def broker_forgets(verdict, version, qos):
    chooser = random.Random(f"{SEED}/{verdict.name}")
    broker = await Broker(verdict.name).start()
    upper, lower = [await proxy_to(broker, f"{verdict.name}/{end}") for end in ("pub", "sub")]
    sub = await Program().start(mote("sub", lower.port, version, qos))
    await subscribed(sub, broker, version)
    struck = asyncio.Event()
    upper.plan(points(chooser, "pub", qos, KILLS // 2), struck)
    # The subscriber gets less than all, so that its share of the kills comes early.
    lower.plan([chooser.randint(1, COUNT * qos) for _ in range(KILLS // 2)], struck)
    pub = await Program().start(mote("pub", upper.port, version, qos, "-l"), numbers().replace("end\n", ""))
    kills = 0
    hit = await strike(struck, pub.process.wait())
    while hit:
        for proxy in proxies:
            proxy.hold()
        await broker.kill()
        for proxy in proxies:
            proxy.drop(chooser)
        await broker.start()
        kills += 1
        # What is published before there is a subscription again nobody gets.
        before = len(lower.connections)
        lower.release()
        again, hit = await until("the subscriber was to subscribe again", renewed(lower, before), struck.wait())
        if hit:
            struck.clear()  # in the midst of that
            continue
        if not again:
            verdict.demand(False, "did not subscribe again")
            break
        upper.release()
        hit = await strike(struck, pub.process.wait())
    status = await pub.finish()
    for proxy in proxies:
        proxy.marks.clear()
    end = await spawn(*mosquitto("pub", broker.port, "mqttv311", 2, "-m", "end"))
    await end.wait()
    await ended(sub)
    await sub.finish(signal.SIGTERM)
    await broker.stop()
    with open(os.path.join(WORK, verdict.name + ".errors")) as errors:
        given_up = sum(line.startswith("failed: session lost") for line in errors)

    sent, got = audit.Side(upper, version), audit.Side(lower, version)
    counted = collections.Counter(line for line in sub.lines if line.isdigit())
    forgotten, unsure = 0, 0
    for line in map(str, range(COUNT)):
        published, times = sent.publications(line), counted[line]
        confirmed = published and sent.confirmed(published[0][2].identifier, published[0][0], (PUBACK,) if qos == 1 else (PUBREC,))
        fault = audit.subscriber_fault(got, line, qos, times)
        if times == 0 and (not published or confirmed is None):
            # Whether it has arrived, nobody knows: a session of 5.0 ends with that, and the publisher is told.
            unsure += 1
            if (version, qos) != ("mqttv5", 2):
                fault = "not acknowledged, and given up"
        elif times == 0 and confirmed == len(sent.sent) - 1:
            fault = "acknowledged by a mosquitto that was not killed, and lost"
        elif times == 0:
            forgotten += 1
        elif times > 1 and (qos == 2 or len(published) < 2):
            fault = f"printed {times} times, published {len(published)} times"
        if fault:
            verdict.demand(False, f"{line}: {fault} (publisher {audit.history(sent, line)}; subscriber {audit.history(got, line)})")
    verdict.faults[3:] = []
    # What was given up may have arrived all the same, but nothing is lost that was not said to be.
    verdict.demand(unsure <= given_up, f"{unsure} in doubt, but only {given_up} said to be")
    verdict.demand(status == (given_up > 0), f"the publisher ended with {status}, and has given up {given_up}")
    verdict.demand((version, qos) == ("mqttv5", 2) or given_up == 0, f"{given_up} given up")
    firsts = list(dict.fromkeys(int(line) for line in sub.lines if line.isdigit()))
    verdict.demand(firsts == sorted(firsts), "out of order")
    verdict.demand("end" in sub.lines, "the last did not come")
    verdict.demand(kills >= KILLS // 2, f"only {kills} kills")
    return f"{len(counted)} arrived, {forgotten} forgotten by mosquitto, {given_up} given up and said so, killed {kills} times"


async def pub_killed(verdict, version, qos):
    chooser = random.Random(f"{SEED}/{verdict.name}")
    broker = await Broker(verdict.name).start()
    proxy = await proxy_to(broker, verdict.name)
    directory = store(verdict.name)
    sub = await Program().start(mosquitto("sub", broker.port, "mqttv311", qos))
    await subscribed(sub, broker, version)
    begin, unsure, kills, status = 0, set(), 0, None
    proxy.plan(points(chooser, "pub", qos, KILLS))
    try:
        while True:
            pub = await Program().start(mote("pub", proxy.port, version, qos, "-l", "--store", directory, "--echo"), numbers(begin))
            if not await strike(proxy.struck, pub.process.wait()):
                status = await pub.finish()
                break
            await pub.kill()
            kills += 1
            proxy.drop(chooser)
            proxy.release()
            # It prints what it has taken. Whether it had taken one more when it died, nobody knows: that one is not demanded.
            taken = [int(line) for line in pub.lines if line.isdigit()]
            if taken and taken[-1] < COUNT - 1:
                begin = taken[-1] + 2
                unsure.add(taken[-1] + 1)
            elif not taken and not pub.lines:
                unsure.add(begin)
                begin += 1
            else:
                begin = COUNT
        verdict.demand(status == 0, f"the publisher ended with {status}")
        verdict.demand(kills == KILLS, f"only {kills} kills")
        await ended(sub)
        left = [name for _, _, names in os.walk(directory) for name in names if name[0] in "4567"]
        verdict.demand(not left, f"{len(left)} records left")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    await sub.finish(signal.SIGTERM)
    said = verdict.count(sub.lines, qos, unsure=unsure, explain=tracing(version, qos, publisher=proxy))
    await broker.stop()
    return f"{said}, killed {kills} times"


async def idle(process, connections):
    """Until a client has taken all that it was sent and waits for more."""
    ports = {f":{c.client[1].get_extra_info('peername')[1]:04X}" for c in connections if c.open}
    calm = 0
    while calm < 5:
        await asyncio.sleep(0.005)
        with open("/proc/net/tcp") as table:
            queued = any(words[4] != "00000000:00000000" for words in map(str.split, list(table)[1:]) if words[1][8:] in ports)
        with open(f"/proc/{process.pid}/stat") as stat:
            state = stat.read().rsplit(") ", 1)[1][0]
        calm = calm + 1 if not queued and state == "S" else 0


async def sub_killed(verdict, version, qos):
    chooser = random.Random(f"{SEED}/{verdict.name}")
    broker = await Broker(verdict.name).start()
    proxy = await proxy_to(broker, verdict.name)
    directory = store(verdict.name)
    command = mote("sub", proxy.port, version, qos, "--store", directory)
    sub = await Program().start(command)
    await subscribed(sub, broker, version)
    proxy.plan(points(chooser, "sub", qos, KILLS))
    pub = await Program().start(mosquitto("pub", broker.port, "mqttv311", qos, "-l"), numbers())
    got, excused, kills = [], set(), 0
    try:
        while proxy.marks:
            if not await strike(proxy.struck):
                break
            # Printing and remembering are two things for any program. Every other kill meets it when it has done both, the rest come when
            # they come: then what was printed and not yet confirmed by PUBREC may be printed again, and nothing else.
            if kills % 2 == 0:
                await idle(sub.process, proxy.connections)
            await sub.kill()
            kills += 1
            got += sub.lines
            if kills % 2 == 0:
                excused |= set(sub.lines) - audit.recorded(audit.Side(proxy, version))
            proxy.drop(chooser)
            proxy.release()
            over = sub.ended
            sub = await Program().start(command)
            sub.ended = over
        verdict.demand(await pub.finish() == 0, "mosquitto_pub failed")
        verdict.demand(kills == KILLS, f"only {kills} kills")
        await ended(sub)
        await sub.finish(signal.SIGTERM)
        got += sub.lines
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    said = verdict.count(got, qos, allowed=lambda line: line in excused, explain=tracing(version, qos, subscriber=proxy), subscriber=proxy)
    await broker.stop()
    return f"{said}, killed {kills} times"


def on_stop(what):
    """Does this at SIGTERM, once: it may come from `timeout` and from `every` both."""
    loop = asyncio.get_running_loop()

    def once():
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
        what()

    loop.add_signal_handler(signal.SIGTERM, once)


async def one(name):
    kind, version, qos = name.rsplit("-", 2)
    verdict = Verdict(name)
    detail, task = "", asyncio.current_task()
    on_stop(task.cancel)
    try:
        detail = await globals()[kind.replace("-", "_")](verdict, version, int(qos))
    except asyncio.CancelledError:
        verdict.demand(False, f"stopped when {stage[0]}")
    except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError) as error:
        verdict.demand(False, f"{error!r} when {stage[0]}")
    on_stop(lambda: None)
    await close_all()
    good, line = verdict.line(detail)
    if not good:
        # What passed, byte by byte: mqtt_audit.packets reads it.
        for number, connection in ((f"{p}-{c}", each) for p, proxy in enumerate(proxies) for c, each in enumerate(proxy.connections)):
            for way, passed in (("up", connection.up), ("down", connection.down[: connection.down_passed])):
                with open(os.path.join(WORK, f"{name}-{number}.{way}"), "wb") as out:
                    out.write(passed)
    print(line, flush=True)
    return good


async def every(names, at_once):
    """Each in a process of its own; true when all are well."""
    room, results = asyncio.Semaphore(at_once), []

    async def run(name):
        async with room:
            process = await spawn(sys.executable, *sys.argv[:5], name)
            results.append(await process.wait() == 0)

    def stop():
        """Each says how far it has come."""
        running.cancel()
        for process in started:
            if process.returncode is None:
                process.terminate()

    running = asyncio.gather(*map(run, names))
    on_stop(stop)
    try:
        await running
    except asyncio.CancelledError:
        results.append(False)
    await asyncio.gather(*(process.wait() for process in started))
    return all(results)


if __name__ == "__main__":
    chosen = sys.argv[5:] or KINDS
    matrix = []
    for name in chosen:
        one_of_them = name.count("-") >= 2 and name[-1].isdigit()
        matrix += [name] if one_of_them else [f"{name}-{version}-{qos}" for version in ("mqttv311", "mqttv5") for qos in (1, 2)]
    if len(matrix) == 1:
        sys.exit(not asyncio.run(one(matrix[0])))
    sys.exit(not asyncio.run(every(matrix, int(os.environ.get("MOTE_AT_ONCE", "8")))))
