# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our MQTT tools against mosquitto: mqtt.py TOOLS WORK. Each check prints a line; the status says how it went. What is cut and killed: mqtt_faults.py.

Nothing here depends on how long things take: what has to have happened is waited for, in the broker's log or in what a tool prints, and what must not
happen would have to come before a message that is sent after it."""
import fcntl
import itertools
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from functools import partial
from multiprocessing.pool import ThreadPool

from ports import free_port

TOOLS, WORK = sys.argv[1], sys.argv[2]
VERSIONS = ("mqttv311", "mqttv5")
# Seconds after which something hangs.
HANG = 120
failures, numbers = [], itertools.count(1)


def check(name, good, detail=""):
    print(("ok     " if good else "FAILED ") + name + (f": {detail}" if detail else ""), flush=True)
    if not good:
        failures.append(name)


class Broker:
    """A mosquitto of its own."""

    def __init__(self, name, *lines):
        self.name, self.lines = name, ["allow_anonymous true", "max_queued_messages 0", "log_type all", "log_timestamp false", *lines]
        self.log = os.path.join(WORK, name + ".log")
        while not self.start():
            pass  # somebody else has taken its port

    def start(self):
        self.port = free_port()
        config = os.path.join(WORK, self.name + ".conf")
        with open(config, "w") as out:
            out.write("\n".join([f"listener {self.port} 127.0.0.1", *self.lines, ""]))
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(["mosquitto", "-c", config], stdout=log, stderr=log)
        return self.logged("mosquitto version", process=self.process)

    def logged(self, text, since=0, process=None):
        """Waits until a line of its log, past the byte `since`, begins so, and says whether it does; not beyond the end of `process`."""
        hang = time.monotonic() + HANG
        while time.monotonic() < hang:
            over = process is not None and process.poll() is not None
            with open(self.log) as log:
                log.seek(since)
                if "\n" + text in "\n" + log.read():
                    return True
            if over:
                return False
            time.sleep(0.01)
        raise TimeoutError(f"{self.log} never says: {text}")

    def seen(self):
        """How long its log is."""
        return os.path.getsize(self.log)

    def stop(self):
        self.process.terminate()
        self.process.wait(HANG)

    def subscriber(self, make, *arguments, port=None, **more):
        """A subscriber that is subscribed, unless it has ended at once."""
        identity = arguments[arguments.index("-i") + 1] if "-i" in arguments else f"sub-{next(numbers)}"
        since = self.seen()
        sub = start(make("sub", port or self.port, "-i", identity, *arguments), **more)
        sub.identity = identity
        self.logged(f"Sending {'UNSUBACK' if '-U' in arguments else 'SUBACK'} to {identity}\n", since, sub)
        return sub

    def gone(self, sub, kill=False):
        """Ends a subscriber, and waits until the broker knows."""
        since = self.seen()
        (sub.kill if kill else sub.terminate)()
        sub.wait(HANG)
        self.logged(f"Client {sub.identity} {'closed its connection' if kill else 'disconnected'}.\n", since)


def tool(name, port, *arguments):
    return [os.path.join(TOOLS, "mote-mqtt-" + name), "-h", "127.0.0.1", "-p", str(port), *map(str, arguments)]


def theirs(name, port, *arguments):
    return ["mosquitto_" + name, "-h", "127.0.0.1", "-p", str(port), *map(str, arguments)]


def start(command, stdout=subprocess.PIPE, **more):
    return subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL, text=True, **more)


def run(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=HANG)
    return done.returncode, done.stdout


def output(process):
    """What it prints until it ends by itself."""
    try:
        return process.communicate(timeout=HANG)[0].splitlines()
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].splitlines()


END = "that is all"


def until_end(process):
    """What it prints up to the message END, which is left out; then it is told to go."""
    watchdog, text = threading.Timer(HANG, process.kill), b""
    watchdog.start()
    while not text.endswith((END.encode(), END.encode() + b"\n")) and (more := os.read(process.stdout.fileno(), 65536)):
        text += more
    watchdog.cancel()
    process.terminate()
    text += process.stdout.buffer.read()
    process.wait(HANG)
    return text.decode().rstrip("\n").removesuffix(END)


# Mosquitto's own tools of 2.0.11 now and then end, or stand still, in the midst of a burst of 5.0. What shows that of them is tried so often.
TRIES = 5


def qos_pair(broker, version, topic, ours, qos_pub, qos_sub):
    """Whether our publisher and their subscriber, or the other way round, agree; and whether theirs has failed by itself."""
    make_sub, make_pub = (theirs, tool) if ours == "pub" else (tool, theirs)
    lines = "".join(f"line {number}\n" for number in range(20))
    sub = broker.subscriber(make_sub, "-V", version, "-t", topic + "/#", "-q", qos_sub, "-C", 20, "-v")
    try:
        status, _ = run(make_pub("pub", broker.port, "-V", version, "-t", topic + "/x", "-q", qos_pub, "-l"), lines)
    except subprocess.TimeoutExpired:
        status = None
    if ours == "sub" and status != 0:
        sub.kill()
    got = output(sub)
    good = status == 0 and got == [f"{topic}/x line {number}" for number in range(20)]
    return good, (sub.returncode if ours == "pub" else status) != 0, f"{status} {got[:3]}"


def every_qos_pair(broker):
    for version in VERSIONS:
        for ours in ("pub", "sub"):
            for qos_pub in range(3):
                for qos_sub in range(3):
                    for attempt in range(TRIES):
                        good, failed, seen = qos_pair(broker, version, f"pair/{version}/{ours}/{qos_pub}{qos_sub}/{attempt}", ours, qos_pub, qos_sub)
                        if good or not failed:
                            break
                    if not good:
                        check(f"{version} {ours} qos {qos_pub}->{qos_sub}", False, seen)
        check(f"{version}: every pair of QoS, both directions", not any(version in name for name in failures))


def retained(broker):
    for version in VERSIONS:
        topic = f"kept/{version}"
        run(tool("pub", broker.port, "-V", version, "-t", topic, "-q", 1, "-r", "-m", "keep me"))
        _, got = run(tool("sub", broker.port, "-V", version, "-t", topic, "-C", 1))
        check(f"{version}: retained", got == "keep me\n", repr(got))
        run(tool("pub", broker.port, "-V", version, "-t", topic, "-q", 1, "-r", "-n"))
        sub = broker.subscriber(tool, "-V", version, "-t", topic)
        run(tool("pub", broker.port, "-V", version, "-t", topic, "-m", END))
        got = until_end(sub)
        check(f"{version}: retained and removed", got == "", repr(got))
        began = time.monotonic()
        status, got = run(tool("sub", broker.port, "-V", version, "-t", topic, "-W", 1))
        check(f"{version}: -W ends it, not before its time", (status, got) == (27, "") and time.monotonic() - began >= 1, repr((status, got)))


def wills(broker):
    for version in VERSIONS:
        topic = f"will/{version}"
        will = ["-V", version, "-t", "nothing", "--will-topic", topic, "--will-payload", "died", "--will-qos", 1]
        for kill, expected in ((True, "died\n"), (False, "")):
            watch, other = broker.subscriber(theirs, "-V", version, "-t", topic, "-q", 1), broker.subscriber(tool, *will)
            broker.gone(other, kill)
            run(tool("pub", broker.port, "-t", topic, "-q", 1, "-m", END))
            got = until_end(watch)
            check(f"{version}: {'will after SIGKILL' if kill else 'no will after DISCONNECT'}", got == expected, repr(got))


def shared(broker):
    subs = [broker.subscriber(tool, "-V", "mqttv5", "-t", "$share/group/work", "-t", "work-ends", "-q", 1) for _ in range(3)]
    lines = "".join(f"{number}\n" for number in range(60))
    run(tool("pub", broker.port, "-V", "mqttv5", "-t", "work", "-q", 1, "-l"), lines)
    run(tool("pub", broker.port, "-V", "mqttv5", "-t", "work-ends", "-q", 1, "-m", END))
    got = [until_end(sub).splitlines() for sub in subs]
    every = sorted(int(line) for lines in got for line in lines)
    check("mqttv5: shared subscription", every == list(range(60)) and min(map(len, got)) > 5, str([len(lines) for lines in got]))


def properties(broker):
    sub = broker.subscriber(theirs, "-V", "mqttv5", "-t", "props", "-C", 1, "-F", "%P %C %R %D %p %E")
    began = time.monotonic()
    run(tool("pub", broker.port, "-V", "mqttv5", "-t", "props", "-m", "x", "-D", "publish", "user-property", "a", "b", "-D", "publish",
             "content-type", "text", "-D", "publish", "response-topic", "back", "-D", "publish", "correlation-data", "7", "-D", "publish",
             "message-expiry-interval", "1000"))
    got = output(sub)
    # In whole seconds: one more than have passed, at most.
    left = [f"a:b text back 7 x {1000 - passed}" for passed in range(int(time.monotonic() - began) + 2)]
    check("mqttv5: properties", len(got) == 1 and got[0] in left, repr(got))


def large(broker):
    path = os.path.join(WORK, "large")
    with open(path, "wb") as out:
        out.write(random.randbytes(3_000_000))
    for version in VERSIONS:
        for parts in ([], ["--chunk", "10000"]):
            with open(path + ".out", "wb") as out:
                sub = broker.subscriber(tool, "-V", version, "-t", "large", "-q", 2, "-C", 1, "-N", stdout=out)
                run(tool("pub", broker.port, "-V", version, "-t", "large", "-q", 2, "-f", path, *parts))
                sub.wait(HANG)
            same = open(path, "rb").read() == open(path + ".out", "rb").read()
            check(f"{version}: 3 MB{' in parts' if parts else ''}, received in parts", same)


def long_lines(broker):
    """Lines of every length, also of more than the queue holds and without an end."""
    lines = ["a" * 900_000, "", "b" * 9_000_000, "c" * 65_536, "d" * 1_100_000, "the last one"]
    for version in VERSIONS:
        for qos in range(3):
            sub = broker.subscriber(tool, "-V", version, "-t", "long", "-q", qos, "-C", len(lines))
            status, _ = run(tool("pub", broker.port, "-V", version, "-t", "long", "-q", qos, "-l"), "\n".join(lines))
            got = output(sub)
            check(f"{version} qos {qos}: lines of every length", got == lines and status == 0, "" if got == lines else f"{status} {[len(line) for line in got]}")


def flags(broker):
    """Flags that both have mean the same: the same words to our tools and to mosquitto's, the same output and status."""
    path = os.path.join(WORK, "flags")
    with open(path, "wb") as out:
        out.write(b"from a\nfile")
    text = "first\nsecond\n\nlast"
    for version in VERSIONS:
        base = f"flags/{version}"
        run(theirs("pub", broker.port, "-t", base + "/kept", "-r", "-q", 1, "-m", "kept"))
        run(theirs("pub", broker.port, "-t", base + "/x/kept", "-r", "-q", 1, "-m", "kept too"))
        cases = (
            ["-t", base + "/#", "-v"], ["-t", base + "/#"], ["-t", base + "/+"], ["-t", base + "/a", "-t", base + "/b", "-v"], ["-t", base + "/#", "-N"],
            ["-t", base + "/#", "-T", base + "/x/#", "-v"], ["-t", base + "/#", "-T", base + "/a", "-T", base + "/b", "-v"], ["-t", base + "/#", "-R", "-v"],
            ["-t", base + "/#", "-R", "-T", base + "/a", "-C", 2, "-v"], ["-t", base + "/#", "-C", 3], ["-t", base + "/a", "-C", 100], ["-t", base + "/b", "-U", base + "/b", "-v"],
        )
        for _ in range(TRIES):
            programs = [broker.subscriber(make, "-V", version, "-q", 2, "-t", f"all/{version}", *case) for case in cases for make in (tool, theirs)]
            for topic, payload in ((f"{base}/a", "1"), (f"{base}/b", "2"), (f"{base}/x/y", "3"), (f"{base}/a", "4"), (f"all/{version}", END)):
                run(theirs("pub", broker.port, "-t", topic, "-q", 2, "-m", payload))
            results = [(until_end(program), program.returncode) for program in programs]
            if not any(status for _, status in results[1::2]):
                break
        for case, ours, other in zip(cases, results[::2], results[1::2]):
            if ours != other:
                check(f"{version} sub flags {' '.join(map(str, case))}", False, f"{ours}, not {other}")
        # What our publisher sends, beside what theirs does.
        for number, case in enumerate((["-m", "one"], ["-m", ""], ["-f", path], ["-s"], ["-l"], ["-n"], ["-m", "x", "-k", "50", "-q", "2"], ["-m", "x", "-i", "flags", "-c", "-q", "1"])):
            got = []
            for make in (tool, theirs):
                topic = f"sent/{version}/{number}/{make.__name__}"
                watch = broker.subscriber(theirs, "-t", topic, "-q", 2, "-F", "%q %l %x %p")
                status, _ = run(make("pub", broker.port, "-V", version, "-t", topic, *case), text)
                run(theirs("pub", broker.port, "-t", topic, "-q", 2, "-m", END))
                got.append((status, until_end(watch)))
            if got[0] != got[1] or got[0][1].count("\n") == 0:
                check(f"{version} pub flags {' '.join(case)}", False, f"{got[0]}, not {got[1]}")
    check("flags mean the same to our tools and to mosquitto's", not any(" flags " in name for name in failures))


def expiry(broker):
    """How long the broker keeps a session: as -c and -x say, with mosquitto's meaning."""
    # Seconds, and that many are said in two of the cases.
    short = 6
    # Options; whether the session goes on at once, and when the broker has seen the short ones expire.
    cases = (
        ("mqttv311", [], False, False), ("mqttv311", ["-c"], True, True), ("mqttv5", [], False, False), ("mqttv5", ["-c"], True, True),
        ("mqttv5", ["-c", "-x", "0"], False, False), ("mqttv5", ["-c", "-x", str(short)], True, False), ("mqttv5", ["-c", "-x", "1000"], True, True),
        ("mqttv5", ["-c", "-x", "-1"], True, True), ("mqttv5", ["-c", "-D", "connect", "session-expiry-interval", str(short)], True, False),
    )

    marks = {}

    def goes_on(number, case):
        identity = f"expiry-{number}"
        sub = subprocess.Popen(tool("sub", broker.port, "-V", case[0], "-i", identity, "-t", "e", "-q", 1, "-d", *case[1]), stderr=subprocess.PIPE, text=True)
        sub.identity, said = identity, sub.stderr.readline()
        marks[identity] = broker.seen()
        broker.gone(sub)
        return "the session goes on" in said

    with ThreadPool(len(cases)) as pool:
        times, seen = [time.monotonic()], []
        for _ in range(2):
            seen.append(pool.starmap(goes_on, enumerate(cases)))
            times.append(time.monotonic())
        for number, (_, _, *expected) in enumerate(cases):
            if expected == [True, False]:
                broker.logged(f"Expiring client expiry-{number} due to timeout.", marks[f"expiry-{number}"])
                check(f"session of {short} seconds does not end before its time", time.monotonic() - times[1] > short - 1)
        seen.append(pool.starmap(goes_on, enumerate(cases)))
    for (version, how, *expected), (first, second, third) in zip(cases, zip(*seen)):
        if expected == [True, False] and times[2] - times[0] > short - 1:
            second = True  # it may be over by then
        if [first, second, third] != [False, *expected]:
            check(f"{version} {' '.join(how)}: session goes on", False, f"{[second, third]}, not {expected}")
    check("sessions expire as -c and -x say", not any("session" in name for name in failures))


def nobody_there():
    """A socket that keeps a port, at which nobody listens."""
    nobody = socket.socket()
    nobody.bind(("127.0.0.1", 0))
    return nobody, nobody.getsockname()[1]


def refusals(broker):
    """What is asked wrongly, or cannot be had, ends at once: 2 for the former, 1 for the latter."""
    # As root it would become another, who may not be let into the folder.
    root = ["user root"] if os.geteuid() == 0 else []
    locked = Broker("locked", "password_file " + os.path.join(WORK, "passwords"), "allow_anonymous false", *root)
    pub, sub = (["-t", "a", "-m", "x"], ["-t", "a"])
    wrong = (
        ("pub", []), ("pub", ["-t", "a"]), ("pub", ["-m", "x"]), ("pub", [*pub, "-n"]), ("pub", [*pub, "-t", "b"]), ("pub", [*pub, "--what"]),
        ("pub", [*pub, "-q", "3"]), ("pub", [*pub, "-p", "0"]), ("pub", [*pub, "-p", "65536"]), ("pub", [*pub, "-V", "6"]), ("pub", [*pub, "-q"]),
        ("pub", ["-t", "a/+", "-m", "x"]), ("pub", ["-t", "", "-m", "x"]), ("pub", ["-t", "a", "-f", "/nowhere"]), ("pub", [*pub, "-c"]),
        ("pub", [*pub, "--will-payload", "x"]), ("pub", [*pub, "--will-topic", "a/#"]), ("pub", [*pub, "-P", "secret"]),
        ("pub", [*pub, "-D", "publish", "content-type", "x"]), ("pub", [*pub, "-V", "mqttv5", "-D", "publish", "response-topic", "a/+"]),
        ("pub", [*pub, "-V", "mqttv5", "-D", "publish", "nothing", "x"]), ("pub", [*pub, "-V", "mqttv5", "-D", "publish", "content-type"]),
        ("pub", [*pub, "-V", "mqttv5", "-D", "connect", "content-type", "x"]), ("pub", [*pub, "-T", "b"]), ("pub", [*pub, "-k", "x"]), ("pub", [*pub, "-x", "-2"]),
        ("pub", ["-t", "a\1b", "-m", "x"]), ("pub", ["-t", "a\x85", "-m", "x"]), ("pub", [*pub, "--window", "0"]), ("pub", [*pub, "-V", "mqttv5", "-D", "publish", "message-expiry-interval", "1s"]),
        ("sub", []), ("sub", ["-t", "a/#/b"]), ("sub", [*sub, "-C", "x"]), ("sub", [*sub, "-C", "0"]), ("sub", [*sub, "-W", "0"]), ("sub", [*sub, "--store", "/proc/none", "-i", "a"]),
        ("sub", [*sub, "-r"]), ("sub", [*sub, "-T", "a#"]), ("sub", [*sub, "-U", "a/#/b"]), ("sub", [*sub, "-C", "99999999999999999999"]), ("sub", ["-t", "a\x7f"]), ("sub", [*sub, "-m", "x"]),
        ("bench", ["-q"]), ("bench", ["-n", "0"]), ("bench", ["-b", "15"]), ("bench", ["-w", "0"]), ("bench", ["--publishers", "65"]), ("bench", ["-m", "x"]), ("bench", ["-c", "-i"]),
        ("bench", ["-t", "a", "-t", "b"]), ("bench", ["-i", "me"]), ("bench", ["-q", "3"]),
    )
    for name, arguments in wrong:
        status, _ = run(tool(name, broker.port, *arguments), "")
        if status != 2:
            check(f"{name} {' '.join(arguments)}: refused", False, f"status {status}")
    nobody, nobodys_port = nobody_there()
    for version in VERSIONS:
        for name, arguments in (("pub", pub), ("sub", sub), ("bench", ["-n", "1"])):
            for what, target in (("nobody there", ["-h", "127.0.0.1", "-p", nobodys_port]), ("no such name", ["-h", "nowhere.invalid"]),
                                 ("no password", ["-p", locked.port]), ("a wrong one", ["-p", locked.port, "-u", "me", "-P", "guess"])):
                done = subprocess.run(tool(name, broker.port, "-V", version, *arguments, *target), input="", capture_output=True, text=True, timeout=HANG)
                # It says so once for each connection, and nothing of a further attempt.
                if done.returncode != 1 or done.stdout or "connected: " not in done.stderr or "again" in done.stderr:
                    check(f"{version}: {name}, {what}", False, f"status {done.returncode}, {done.stdout}{done.stderr}")
        status, _ = run(tool("pub", locked.port, "-V", version, *pub, "-u", "me", "-P", "secret"), "")
        check(f"{version}: the right password", status == 0, str(status))
    nobody.close()
    locked.stop()
    check("what cannot be is refused", not any(": refused" in name or ", n" in name or ", a wrong" in name for name in failures))


def parts_given_up(broker):
    """Of a message in parts the store keeps no payload: whoever comes after the publisher's death gives it up, says so, and goes on."""
    path, store = os.path.join(WORK, "parts"), os.path.join(WORK, "parts-store")
    with open(path, "wb") as out:
        out.write(bytes(1_000_000))
    common = ["-t", "parts", "-q", 1, "--store", store, "-i", "parts"]
    nobody, port = nobody_there()
    away, hang = start(tool("pub", port, *common, "-f", path, "--chunk", 1000)), time.monotonic() + HANG
    while not any(name.startswith("4") for _, _, names in os.walk(store) for name in names) and time.monotonic() < hang:
        time.sleep(0.01)
    away.kill()
    away.wait()
    nobody.close()
    first, _ = run(tool("pub", broker.port, *common, "--drain"), "")
    second, _ = run(tool("pub", broker.port, *common, "--drain"), "")
    check("a message in parts whose payload is gone is given up, once", (first, second) == (1, 0), str((first, second)))


def written(broker):
    """What our subscriber acknowledges it has written: when it cannot write, is killed while it waits to, or has written enough."""
    for version in VERSIONS:
        for qos in (1, 2):
            def session(name):
                common = ["-V", version, "-t", f"written/{name}", "-q", qos]
                keep = [*common, "-i", f"written-{name}-{version}-{qos}", "-c", *(["-x", 1000] if version == "mqttv5" else [])]
                broker.gone(broker.subscriber(tool, *keep))
                return common, keep

            def rest(keep, count):
                sub, since = start(tool("sub", broker.port, *keep, "-C", count)), broker.seen()
                got = output(sub)
                broker.logged(f"Client {keep[keep.index('-i') + 1]} disconnected.\n", since)
                return got

            lines = [str(number) for number in range(10)]
            common, keep = session("full")
            run(tool("pub", broker.port, *common, "-l"), "\n".join(lines) + "\n")
            with open("/dev/full", "w") as full:
                status = subprocess.run(tool("sub", broker.port, *keep), stdout=full, stderr=subprocess.DEVNULL, timeout=HANG).returncode
            got = rest(keep, 10)
            fine = status == 2 and got == lines
            check(f"{version} qos {qos}: what cannot be written is not acknowledged", fine, "" if fine else f"{status}, {got}")

            run(tool("pub", broker.port, *common, "-l"), "\n".join(lines) + "\n")
            some, others = rest(keep, 3), rest(keep, 7)
            fine = some == lines[:3] and others == lines[3:]
            check(f"{version} qos {qos}: nothing beyond -C is acknowledged", fine, "" if fine else f"{some}, {others}")

            # A pipe that is soon full, and does not block who writes to it.
            lines = [f"{number:080}" for number in range(1000)]
            common, keep = session("killed")
            reader, writer = os.pipe()
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
            os.set_blocking(writer, False)
            sub = subprocess.Popen(tool("sub", broker.port, *keep), stdout=writer, stderr=subprocess.DEVNULL)
            os.close(writer)
            run(tool("pub", broker.port, *common, "-l"), "\n".join(lines) + "\n")
            with os.fdopen(reader) as pipe:
                first = [pipe.readline() for _ in range(random.randint(1, 300))]
                sub.kill()
                sub.wait()
                first += pipe
            had = {line.rstrip("\n") for line in first if line.endswith("\n")}
            sub, got = start(tool("sub", broker.port, *keep, "-W", HANG)), []
            while lines[-1] not in (*had, *got) and (line := sub.stdout.readline()):
                got.append(line.rstrip("\n"))
            sub.terminate()
            sub.wait()
            lost = [line for line in lines if line not in had and line not in got]
            fine = not lost and 0 < len(had) < 900
            check(f"{version} qos {qos}: killed with a full pipe, nothing is lost", fine, "" if fine else f"{len(had)} before, lost {lost[:3]}")


def cut_short():
    """A message of more than the subscriber's input, whose rest never comes: nothing of it is written, and it comes again."""
    large = b"x" * 600_000

    def publish(payload, identifier):
        body = b"\0\1t" + identifier.to_bytes(2, "big") + payload
        length, head = len(body), bytearray(b"\x32")
        while length:
            head.append(length & 127 | (128 if length > 127 else 0))
            length >>= 7
        return bytes(head) + body

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(HANG)
        path = os.path.join(WORK, "short")
        with open(path, "w") as out:
            sub = subprocess.Popen(tool("sub", server.getsockname()[1], "-t", "t", "-q", 1, "-C", 2), stdout=out, stderr=subprocess.DEVNULL)
        # The first connection ends in the midst of the large message.
        for last, brings in ((False, publish(large, 1)[:400_000]), (True, publish(b"small", 2) + publish(large, 1))):
            peer = server.accept()[0]
            peer.settimeout(HANG)
            with peer, peer.makefile("rb") as stream:
                packet_of(stream)  # CONNECT
                peer.sendall(b"\x20\2\0\0")
                _, subscribe = packet_of(stream)
                peer.sendall(b"\x90\3" + subscribe[:2] + b"\1" + brings)
                if not last:
                    peer.shutdown(socket.SHUT_WR)
                stream.read()  # its acknowledgements, until it goes
        sub.wait(HANG)
    with open(path) as lines:
        lengths = [len(line) - 1 for line in lines]
    check("a message that is cut short leaves nothing behind", lengths == [5, len(large)], "" if lengths == [5, len(large)] else str(lengths))


def packet_of(stream):
    """The next packet, whole: its first byte and its body. Nothing at the end."""
    first, length, shift = stream.read(1), 0, 0
    while first:
        byte = stream.read(1)[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first[0], stream.read(length)
    return 0, b""


def closed_without_a_word():
    """A broker that closes each connection at its first PUBLISH is given up; one that takes a message each time is not."""
    for takes, lines, connections in ((False, 1, 5), (False, 3, 5), (True, 7, 7)):
        accepted = []
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(HANG)
            pub = subprocess.Popen(tool("pub", server.getsockname()[1], "-t", "a", "-q", 1, "-l"), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            pub.stdin.write("line\n" * lines)
            pub.stdin.close()
            while len(accepted) < connections:
                peer = server.accept()[0]
                peer.settimeout(HANG)
                accepted.append(peer)
                with peer, peer.makefile("rb") as stream:
                    packet_of(stream)
                    peer.sendall(b"\x20\2\0\0")
                    first, body = packet_of(stream)
                    if takes:
                        peer.sendall(b"\x40\2" + body[3:5])
                        # At the last one it goes by itself.
                        while len(accepted) == connections and packet_of(stream)[0] & 0xF0 not in (0, 0xE0):
                            pass
                    # With a reset, for what has not been read, the acknowledgement could be lost.
                    peer.shutdown(socket.SHUT_WR)
                    stream.read()
            said = pub.stderr.read()
            status = pub.wait(HANG)
        fine = (status, "given up" in said) == ((0, False) if takes else (1, True))
        check(f"closed without a word, {lines} to send, {'one' if takes else 'none'} taken each time", fine, "" if fine else f"status {status}: {said}")


class Script:
    """A server of 5.0 that keeps what it gets and answers what has to be answered, one connection at a time."""
    ANSWERS = {1: (0x20, b"\0\0\0"), 8: (0x90, b"\0\1"), 10: (0xB0, b"\0\0"), 3: (0x40, b"")}

    def __init__(self, name, *arguments):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(HANG)
        self.program = start(tool(name, self.listener.getsockname()[1], "-V", "mqttv5", *arguments))

    def connection(self, until):
        """The packets of the next connection by their types, up to the first one of type `until`."""
        packets, peer = {}, self.listener.accept()[0]
        peer.settimeout(HANG)
        with peer, peer.makefile("rb") as stream:
            while until not in packets:
                first, body = packet_of(stream)
                packets.setdefault(first >> 4, []).append(body)
                if first == 0:
                    break
                header, answer = self.ANSWERS.get(first >> 4, (0, b""))
                if first >> 4 == 3:
                    begin = 2 + int.from_bytes(body[:2], "big")
                    identifier = body[begin:begin + 2]
                else:
                    identifier = b"" if first >> 4 == 1 else body[:2]
                if header:
                    peer.sendall(bytes([header, len(identifier + answer)]) + identifier + answer)
            # What was answered is read before the end.
            peer.shutdown(socket.SHUT_WR)
            stream.read()
        return packets

    def stop(self):
        self.program.terminate()
        self.program.wait(HANG)
        self.listener.close()


def properties_of_every_packet():
    """-D for each packet that a client sends properties with; and what a subscription had it has again when it is made again."""
    def user(packet):
        return ["-D", packet, "user-property", packet, "it"], b"\x26" + len(packet).to_bytes(2, "big") + packet.encode() + b"\0\2it"

    (connect, in_connect), (publish, in_publish), (will, in_will) = user("connect"), user("publish"), user("will")
    (disconnect, in_disconnect), (subscribe, in_subscribe), (unsubscribe, in_unsubscribe) = user("disconnect"), user("subscribe"), user("unsubscribe")
    script = Script("pub", "-t", "a", "-q", 1, "-m", "x", *connect, *publish, "-D", "publish", "payload-format-indicator", "1", *will, "--will-topic", "w",
                    "-D", "will", "will-delay-interval", "5", *disconnect, "-D", "disconnect", "reason-string", "bye")
    got = script.connection(14)
    fine = (in_connect in got[1][0] and in_will in got[1][0] and b"\x18\0\0\0\5" in got[1][0] and in_publish in got[3][0] and b"\1\1" in got[3][0]
            and in_disconnect in got[14][0] and b"\x1f\0\3bye" in got[14][0])
    check("mqttv5: -D for CONNECT, will, PUBLISH, DISCONNECT", fine, "" if fine else str(got))
    script.stop()
    script = Script("sub", "-t", "a", *subscribe, "-D", "subscribe", "subscription-identifier", "9", "-U", "b", *unsubscribe)
    first, second = script.connection(10), script.connection(8)
    fine = in_unsubscribe in first[10][0] and in_subscribe in first[8][0] and b"\x0b\x09" in first[8][0] and first[8][0][2:] == second[8][0][2:]
    check("mqttv5: -D for SUBSCRIBE and UNSUBSCRIBE, and a subscription made again", fine, "" if fine else f"{first} {second}")
    script.stop()


def limits():
    broker = Broker("limits", "max_inflight_messages 3", "max_packet_size 200", "max_keepalive 60")
    bench = [os.path.join(TOOLS, "mote-mqtt-bench"), "-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv5", "-n", "2000", "-q"]
    for qos in range(3):
        status, got = run(bench + [str(qos)])
        check(f"mqttv5: receive maximum 3, topic aliases, qos {qos}", status == 0, got.splitlines()[0] if got else "")
    status, _ = run(tool("pub", broker.port, "-V", "mqttv5", "-t", "a", "-q", 1, "-m", "x" * 300))
    check("mqttv5: a message over the broker's maximum is refused here", status == 1)
    broker.stop()


class Capture(threading.Thread):
    """Passes connections on, one at a time, and writes them to a file as packets of TCP."""

    def __init__(self, port, path):
        super().__init__(daemon=True)
        self.target, self.listener = port, socket.create_server(("127.0.0.1", 0))
        self.port, self.out, self.lock = self.listener.getsockname()[1], open(path, "wb"), threading.Lock()
        self.out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        self.start()

    def segment(self, client, up, seq, flags, data=b""):
        ports = (client, 1883) if up else (1883, client)
        tcp = struct.pack(">HHIIBBHHH", *ports, seq[up], seq[not up], 0x50, flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBHII", 0x45, 0, 20 + len(tcp) + len(data), 0, 0, 64, 6, 0, 0x7F000001, 0x7F000001)
        packet = ip + tcp + data
        now = time.time()
        self.out.write(struct.pack("<IIII", int(now), int(now % 1 * 1e6), len(packet), len(packet)) + packet)
        seq[up] += len(data) + (1 if flags & 3 else 0)

    def pump(self, source, sink, client, up, seq):
        try:
            while data := source.recv(1200):
                with self.lock:
                    self.segment(client, up, seq, 0x18, data)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def run(self):
        while True:
            try:
                client, address = self.listener.accept()
            except OSError:
                return
            server, seq = socket.create_connection(("127.0.0.1", self.target)), {True: 1000, False: 5000}
            for up, flags in ((True, 0x02), (False, 0x12), (True, 0x10)):
                self.segment(address[1], up, seq, flags)
            back = threading.Thread(target=self.pump, args=(server, client, address[1], False, seq))
            back.start()
            self.pump(client, server, address[1], True, seq)
            back.join()

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join(HANG)
        self.out.close()


def captured(broker):
    """Every packet that a client sends or receives, AUTH apart, in both versions, for tshark."""
    for version in VERSIONS:
        capture = Capture(broker.port, os.path.join(WORK, version + ".pcap"))
        will = ["--will-topic", "w", "--will-payload", "x", "--will-qos", "1", "-u", "me", "-P", "secret"]
        more = ["-D", "publish", "user-property", "a", "b", "-D", "publish", "content-type", "text"] if version == "mqttv5" else []
        for qos in (0, 1, 2):
            run(tool("pub", capture.port, "-V", version, "-t", "cap/ture", "-q", qos, "-l", "-r", *will, *more), "one\ntwo\nthree\n")
            since = broker.seen()
            sub = broker.subscriber(tool, "-V", version, "-t", "cap/#", "-U", "other/+", "-q", qos, "-k", 1, port=capture.port)
            broker.logged(f"Sending PINGRESP to {sub.identity}\n", since)
            broker.gone(sub)
        capture.stop()


if __name__ == "__main__":
    subprocess.run(["mosquitto_passwd", "-b", "-c", os.path.join(WORK, "passwords"), "me", "secret"], check=True)
    os.chmod(os.path.join(WORK, "passwords"), 0o644)
    broker = Broker("plain")
    parts = [partial(part, broker) for part in (every_qos_pair, retained, wills, shared, properties, large, long_lines, flags, expiry, refusals,
                                                parts_given_up, written, captured)]
    for part in (*parts, cut_short, closed_without_a_word, properties_of_every_packet, limits):
        try:
            part()
        except (OSError, subprocess.TimeoutExpired) as error:  # what cannot go on has failed, and the others still run
            check(str(part), False, repr(error))
    broker.stop()
    print(f"{len(failures)} failed" if failures else "all passed")
    sys.exit(bool(failures))
