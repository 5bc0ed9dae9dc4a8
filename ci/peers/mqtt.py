# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our MQTT tools against mosquitto: mqtt.py TOOLS WORK. Each check prints a line; the status says how it went. What is cut and killed: mqtt_faults.py."""
import fcntl
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from multiprocessing.pool import ThreadPool

TOOLS, WORK = sys.argv[1], sys.argv[2]
VERSIONS = ("mqttv311", "mqttv5")
failures = []


def check(name, good, detail=""):
    print(("ok     " if good else "FAILED ") + name + (f": {detail}" if detail else ""), flush=True)
    if not good:
        failures.append(name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Broker:
    """A mosquitto of its own."""

    def __init__(self, name, *lines):
        self.port, self.process = free_port(), None
        self.config = os.path.join(WORK, name + ".conf")
        text = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", *lines]
        with open(self.config, "w") as out:
            out.write("\n".join(text) + "\n")
        self.log = open(os.path.join(WORK, name + ".log"), "w")
        self.start()

    def start(self):
        self.process = subprocess.Popen(["mosquitto", "-c", self.config], stdout=self.log, stderr=self.log)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("mosquitto does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


def tool(name, port, *arguments):
    return [os.path.join(TOOLS, "mote-mqtt-" + name), "-h", "127.0.0.1", "-p", str(port), *map(str, arguments)]


def theirs(name, port, *arguments):
    return ["mosquitto_" + name, "-h", "127.0.0.1", "-p", str(port), *map(str, arguments)]


def start(command, **more):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)


def run(command, text=None, timeout=60):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout


def output(process, timeout=60):
    try:
        return process.communicate(timeout=timeout)[0].splitlines()
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0].splitlines()


def every_qos_pair(broker):
    for version in VERSIONS:
        for ours in ("pub", "sub"):
            for qos_pub in range(3):
                for qos_sub in range(3):
                    make_sub, make_pub = (theirs, tool) if ours == "pub" else (tool, theirs)
                    topic = f"pair/{version}/{ours}/{qos_pub}{qos_sub}"
                    lines = "".join(f"line {number}\n" for number in range(20))
                    # On a busy machine the subscription takes longer: then nothing at all arrives.
                    for patience in (0.15, 1, 5):
                        sub = start(make_sub("sub", broker.port, "-V", version, "-t", topic + "/#", "-q", qos_sub, "-C", 20, "-W", 10, "-v"))
                        time.sleep(patience)
                        status, _ = run(make_pub("pub", broker.port, "-V", version, "-t", topic + "/x", "-q", qos_pub, "-l"), lines)
                        got = output(sub, 15)
                        if got:
                            break
                    expected = [f"{topic}/x line {number}" for number in range(20)]
                    if got != expected or status != 0:
                        check(f"{version} {ours} qos {qos_pub}->{qos_sub}", False, f"{status} {got[:3]}")
                        continue
        check(f"{version}: every pair of QoS, both directions", not any(version in name for name in failures))


def retained(broker):
    for version in VERSIONS:
        topic = f"kept/{version}"
        run(tool("pub", broker.port, "-V", version, "-t", topic, "-q", 1, "-r", "-m", "keep me"))
        _, got = run(tool("sub", broker.port, "-V", version, "-t", topic, "-C", 1, "-W", 5))
        check(f"{version}: retained", got == "keep me\n", repr(got))
        run(tool("pub", broker.port, "-V", version, "-t", topic, "-r", "-n"))
        status, got = run(tool("sub", broker.port, "-V", version, "-t", topic, "-C", 1, "-W", 1))
        check(f"{version}: retained and removed", got == "" and status == 27, repr((status, got)))


def wills(broker):
    for version in VERSIONS:
        watch = start(theirs("sub", broker.port, "-V", version, "-t", f"will/{version}", "-C", 1, "-W", 10))
        doomed = start(tool("sub", broker.port, "-V", version, "-t", "nothing", "--will-topic", f"will/{version}", "--will-payload", "died", "--will-qos", 1))
        time.sleep(0.5)
        doomed.kill()
        got = output(watch, 15)
        check(f"{version}: will after SIGKILL", got == ["died"], repr(got))
        watch = start(theirs("sub", broker.port, "-V", version, "-t", f"will/{version}", "-C", 1, "-W", 1))
        orderly = start(tool("sub", broker.port, "-V", version, "-t", "nothing", "--will-topic", f"will/{version}", "--will-payload", "died", "-W", 1))
        output(orderly)
        got = output(watch, 5)
        check(f"{version}: no will after DISCONNECT", got == [], repr(got))


def shared(broker):
    subs = [start(tool("sub", broker.port, "-V", "mqttv5", "-t", "$share/group/work", "-q", 1, "-W", 4)) for _ in range(3)]
    time.sleep(0.5)
    lines = "".join(f"{number}\n" for number in range(60))
    run(tool("pub", broker.port, "-V", "mqttv5", "-t", "work", "-q", 1, "-l"), lines)
    got = [output(sub, 10) for sub in subs]
    every = sorted(int(line) for lines in got for line in lines)
    check("mqttv5: shared subscription", every == list(range(60)) and min(map(len, got)) > 5, str([len(lines) for lines in got]))


def properties(broker):
    sub = start(theirs("sub", broker.port, "-V", "mqttv5", "-t", "props", "-C", 1, "-W", 5, "-F", "%P %C %R %D %E %p"))
    time.sleep(0.3)
    run(tool("pub", broker.port, "-V", "mqttv5", "-t", "props", "-m", "x", "-D", "publish", "user-property", "a", "b", "-D", "publish",
             "content-type", "text", "-D", "publish", "response-topic", "back", "-D", "publish", "correlation-data", "7", "-D", "publish",
             "message-expiry-interval", "100"))
    got = output(sub, 10)
    check("mqttv5: properties", got == ["a:b text back 7 100 x"] or got == ["a:b text back 7 99 x"], repr(got))


def large(broker):
    path = os.path.join(WORK, "large")
    with open(path, "wb") as out:
        out.write(random.randbytes(3_000_000))
    for version in VERSIONS:
        for parts in ([], ["--chunk", "10000"]):
            with open(path + ".out", "wb") as out:
                sub = subprocess.Popen(tool("sub", broker.port, "-V", version, "-t", "large", "-q", 2, "-C", 1, "-N", "-W", 15), stdout=out)
                time.sleep(0.3)
                run(tool("pub", broker.port, "-V", version, "-t", "large", "-q", 2, "-f", path, *parts))
                sub.wait(20)
            same = open(path, "rb").read() == open(path + ".out", "rb").read()
            check(f"{version}: 3 MB{' in parts' if parts else ''}, received in parts", same)


def long_lines(broker):
    """Lines of every length, also of more than the queue holds and without an end."""
    lines = ["a" * 900_000, "", "b" * 9_000_000, "c" * 65_536, "d" * 1_100_000, "the last one"]
    for version in VERSIONS:
        for qos in range(3):
            sub = start(tool("sub", broker.port, "-V", version, "-t", "long", "-q", qos, "-C", len(lines), "-W", 30))
            time.sleep(0.3)
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
        programs = [start(make("sub", broker.port, "-V", version, "-q", 2, "-W", 4, *case)) for case in cases for make in (tool, theirs)]
        time.sleep(1.5)
        for topic, payload in (("a", "1"), ("b", "2"), ("x/y", "3"), ("a", "4")):
            run(theirs("pub", broker.port, "-t", f"{base}/{topic}", "-q", 2, "-m", payload))
        results = [(output(program), program.returncode) for program in programs]
        for case, ours, other in zip(cases, results[::2], results[1::2]):
            if ours != other:
                check(f"{version} sub flags {' '.join(map(str, case))}", False, f"{ours}, not {other}")
        # What our publisher sends, beside what theirs does.
        for number, case in enumerate((["-m", "one"], ["-m", ""], ["-f", path], ["-s"], ["-l"], ["-n"], ["-m", "x", "-k", "5", "-q", "2"], ["-m", "x", "-i", "flags", "-c", "-q", "1"])):
            got = []
            for make in (tool, theirs):
                topic = f"sent/{version}/{number}/{make.__name__}"
                watch = start(theirs("sub", broker.port, "-t", topic, "-q", 2, "-W", 1, "-F", "%q %l %x"))
                time.sleep(0.4)
                status, _ = run(make("pub", broker.port, "-V", version, "-t", topic, *case), text)
                got.append((status, output(watch)))
            if got[0] != got[1] or not got[0][1]:
                check(f"{version} pub flags {' '.join(case)}", False, f"{got[0]}, not {got[1]}")
    check("flags mean the same to our tools and to mosquitto's", not any(" flags " in name for name in failures))


def expiry(broker):
    """How long the broker keeps a session: as -c and -x say, with mosquitto's meaning."""
    def goes_on(number, version, *how):
        done = subprocess.run(tool("sub", broker.port, "-V", version, "-i", f"expiry-{number}", "-t", "e", "-q", 1, "-W", 1, "-d", *how), capture_output=True, text=True, timeout=30)
        return "the session goes on" in done.stderr

    # Options; whether the session goes on at once, and after more than two seconds.
    cases = (
        ("mqttv311", [], False, False), ("mqttv311", ["-c"], True, True), ("mqttv5", [], False, False), ("mqttv5", ["-c"], True, True),
        ("mqttv5", ["-c", "-x", "0"], False, False), ("mqttv5", ["-c", "-x", "2"], True, False), ("mqttv5", ["-c", "-x", "1000"], True, True),
        ("mqttv5", ["-c", "-x", "-1"], True, True), ("mqttv5", ["-c", "-D", "connect", "session-expiry-interval", "2"], True, False),
    )
    seen = []
    with ThreadPool(len(cases)) as pool:
        for pause in (0, 0, 4):
            time.sleep(pause)
            seen.append(pool.starmap(lambda number, case: goes_on(number, case[0], *case[1]), enumerate(cases)))
    for (version, how, *expected), got in zip(cases, zip(*seen)):
        if list(got) != [False, *expected]:
            check(f"{version} {' '.join(how)}: session goes on", False, f"{got}, not {expected}")
    check("sessions expire as -c and -x say", not any("session" in name for name in failures))


def theirs_status(broker, version):
    return run(theirs("sub", broker.port, "-V", version, "-t", "a", "-W", 1))[0]


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
        status, _ = run(tool(name, broker.port, *arguments), "", 20)
        if status != 2:
            check(f"{name} {' '.join(arguments)}: refused", False, f"status {status}")
    nobody = free_port()
    for version in VERSIONS:
        for name, arguments in (("pub", pub), ("sub", sub), ("bench", ["-n", "1"])):
            for what, target in (("nobody there", ["-h", "127.0.0.1", "-p", nobody]), ("no such name", ["-h", "nowhere.invalid"]),
                                 ("no password", ["-p", locked.port]), ("a wrong one", ["-p", locked.port, "-u", "me", "-P", "guess"])):
                done = subprocess.run(tool(name, broker.port, "-V", version, *arguments, *target), input="", capture_output=True, text=True, timeout=20)
                # It says so once for each connection, and nothing of a further attempt.
                if done.returncode != 1 or done.stdout or "disconnected" not in done.stderr or "again" in done.stderr:
                    check(f"{version}: {name}, {what}", False, f"status {done.returncode}, {done.stdout}{done.stderr}")
        status, _ = run(tool("sub", broker.port, "-V", version, *sub, "-W", 1))
        if status != theirs_status(broker, version):
            check(f"{version}: sub -W alone: refused", False, f"status {status}")
        status, _ = run(tool("pub", locked.port, "-V", version, *pub, "-u", "me", "-P", "secret"), "", 20)
        check(f"{version}: the right password", status == 0, str(status))
    locked.stop()
    check("what cannot be is refused", not any(": refused" in name or ", n" in name or ", a wrong" in name for name in failures))


def parts_given_up(broker):
    """Of a message in parts the store keeps no payload: whoever comes after the publisher's death gives it up, says so, and goes on."""
    path, store = os.path.join(WORK, "parts"), os.path.join(WORK, "parts-store")
    with open(path, "wb") as out:
        out.write(bytes(1_000_000))
    common = ["-t", "parts", "-q", 1, "--store", store, "-i", "parts"]
    away = start(tool("pub", free_port(), *common, "-f", path, "--chunk", 1000))
    while not any(name.startswith("4") for _, _, names in os.walk(store) for name in names):
        time.sleep(0.05)
    away.kill()
    away.wait()
    first, _ = run(tool("pub", broker.port, *common, "--drain"), "", 20)
    second, _ = run(tool("pub", broker.port, *common, "--drain"), "", 20)
    check("a message in parts whose payload is gone is given up, once", (first, second) == (1, 0), str((first, second)))


def written(broker):
    """What our subscriber acknowledges it has written: when it cannot write, is killed while it waits to, or has written enough."""
    for version in VERSIONS:
        for qos in (1, 2):
            def session(name):
                common = ["-V", version, "-t", f"written/{name}", "-q", qos]
                keep = [*common, "-i", f"written-{name}-{version}-{qos}", "-c", *(["-x", 1000] if version == "mqttv5" else [])]
                sub = start(tool("sub", broker.port, *keep, "-C", 1))  # subscribes, and goes
                while sub.poll() is None:
                    run(tool("pub", broker.port, "-V", version, "-t", f"written/{name}", "-m", "begin"))  # QoS 0: none of it is kept
                return common, keep

            def rest(keep, count):
                return output(start(tool("sub", broker.port, *keep, "-C", count, "-W", 60)), 90)

            lines = [str(number) for number in range(10)]
            common, keep = session("full")
            run(tool("pub", broker.port, *common, "-l"), "\n".join(lines) + "\n")
            with open("/dev/full", "w") as full:
                status = subprocess.run(tool("sub", broker.port, *keep, "-W", 60), stdout=full, stderr=subprocess.DEVNULL).returncode
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
            sub, got = start(tool("sub", broker.port, *keep, "-W", 60)), []
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
        server.settimeout(60)
        path = os.path.join(WORK, "short")
        with open(path, "w") as out:
            sub = subprocess.Popen(tool("sub", server.getsockname()[1], "-t", "t", "-q", 1, "-C", 2, "-W", 60), stdout=out, stderr=subprocess.DEVNULL)
        # The first connection ends in the midst of the large message.
        for last, brings in ((False, publish(large, 1)[:400_000]), (True, publish(b"small", 2) + publish(large, 1))):
            peer = server.accept()[0]
            peer.settimeout(60)
            with peer:
                peer.recv(1000)  # CONNECT
                peer.sendall(b"\x20\2\0\0")
                subscribe = peer.recv(1000)
                peer.sendall(b"\x90\3" + subscribe[2:4] + b"\1" + brings)
                while last and peer.recv(1000):  # its acknowledgements, until it goes
                    pass
        sub.wait(60)
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
            server.settimeout(60)
            pub = subprocess.Popen(tool("pub", server.getsockname()[1], "-t", "a", "-q", 1, "-l"), stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            pub.stdin.write("line\n" * lines)
            pub.stdin.close()
            while len(accepted) < connections:
                peer = server.accept()[0]
                peer.settimeout(60)
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
            said = pub.stderr.read()
            status = pub.wait(60)
        fine = (status, "given up" in said) == ((0, False) if takes else (1, True))
        check(f"closed without a word, {lines} to send, {'one' if takes else 'none'} taken each time", fine, "" if fine else f"status {status}: {said}")


class Script:
    """A server of 5.0 that keeps what it gets and answers what has to be answered, one connection at a time."""
    ANSWERS = {1: (0x20, b"\0\0\0"), 8: (0x90, b"\0\1"), 10: (0xB0, b"\0\0"), 3: (0x40, b"")}

    def __init__(self, name, *arguments):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(30)
        self.program = start(tool(name, self.listener.getsockname()[1], "-V", "mqttv5", *arguments))

    def connection(self, until):
        """The packets of the next connection by their types, up to the first one of type `until`."""
        packets, peer = {}, self.listener.accept()[0]
        peer.settimeout(30)
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
        self.program.wait(30)
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
        self.join(5)
        self.out.close()


def captured(broker):
    """Every packet that a client sends or receives, AUTH apart, in both versions, for tshark."""
    for version in VERSIONS:
        capture = Capture(broker.port, os.path.join(WORK, version + ".pcap"))
        will = ["--will-topic", "w", "--will-payload", "x", "--will-qos", "1", "-u", "me", "-P", "secret"]
        more = ["-D", "publish", "user-property", "a", "b", "-D", "publish", "content-type", "text"] if version == "mqttv5" else []
        for qos in (0, 1, 2):
            run(tool("pub", capture.port, "-V", version, "-t", "cap/ture", "-q", qos, "-l", "-r", *will, *more), "one\ntwo\nthree\n")
            sub = start(tool("sub", capture.port, "-V", version, "-t", "cap/#", "-U", "other/+", "-q", qos, "-k", "1", "-W", "2"))
            output(sub)
        capture.stop()


if __name__ == "__main__":
    subprocess.run(["mosquitto_passwd", "-b", "-c", os.path.join(WORK, "passwords"), "me", "secret"], check=True)
    os.chmod(os.path.join(WORK, "passwords"), 0o644)
    broker = Broker("plain")
    for part in (every_qos_pair, retained, wills, shared, properties, large, long_lines, flags, expiry, refusals, parts_given_up, written, captured):
        part(broker)
    broker.stop()
    cut_short()
    closed_without_a_word()
    properties_of_every_packet()
    limits()
    print(f"{len(failures)} failed" if failures else "all passed")
    sys.exit(bool(failures))
