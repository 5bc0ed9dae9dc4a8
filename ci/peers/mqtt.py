# SPDX-License-Identifier: MIT OR Apache-2.0
"""Our MQTT tools against mosquitto: mqtt.py TOOLS WORK COUNT. With 0 nothing is cut or killed. Each check prints a line; the status says how it went."""
import collections
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

TOOLS, WORK, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
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
    """A mosquitto of its own, with or without persistence."""

    def __init__(self, name, *lines, persistent=False):
        self.port, self.process = free_port(), None
        directory = os.path.join(WORK, name)
        os.makedirs(directory)
        shutil.chown(directory, "mosquitto") if os.geteuid() == 0 else None
        self.config = os.path.join(WORK, name + ".conf")
        text = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", *lines]
        if persistent:
            text += ["persistence true", f"persistence_location {directory}/", "autosave_on_changes true", "autosave_interval 1"]
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

    def kill(self):
        self.process.kill()
        self.process.wait()

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
                    sub = start(make_sub("sub", broker.port, "-V", version, "-t", topic + "/#", "-q", qos_sub, "-C", 20, "-W", 10, "-v"))
                    time.sleep(0.15)
                    lines = "".join(f"line {number}\n" for number in range(20))
                    status, _ = run(make_pub("pub", broker.port, "-V", version, "-t", topic + "/x", "-q", qos_pub, "-l"), lines)
                    got = output(sub, 15)
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


def limits():
    broker = Broker("limits", "max_inflight_messages 3", "max_packet_size 200", "max_keepalive 60")
    bench = [os.path.join(TOOLS, "mote-mqtt-bench"), "-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv5", "-n", "2000", "-q"]
    for qos in range(3):
        status, got = run(bench + [str(qos)])
        check(f"mqttv5: receive maximum 3, topic aliases, qos {qos}", status == 0, got.splitlines()[0] if got else "")
    status, _ = run(tool("pub", broker.port, "-V", "mqttv5", "-t", "a", "-q", 1, "-m", "x" * 300))
    check("mqttv5: a message over the broker's maximum is refused here", status == 1)
    broker.stop()


class Proxy(threading.Thread):
    """Passes a connection on, and cuts it after a random number of bytes, now and then with a delay."""

    def __init__(self, port, least, most):
        super().__init__(daemon=True)
        self.target, self.least, self.most, self.cuts = port, least, most, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cutting = True
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        left = [random.randint(self.least, self.most)]

        def close():
            for end in (client, server):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        def pump(source, sink):
            try:
                while data := source.recv(random.choice((1, 7, 100, 4096, 65536))):
                    if self.cutting and len(data) >= left[0]:
                        self.cuts += 1
                        sink.sendall(data[: left[0]])
                        break
                    left[0] -= len(data)
                    if random.random() < 0.002:
                        time.sleep(0.01)
                    sink.sendall(data)
            except OSError:
                pass
            close()

        threads = [threading.Thread(target=pump, args=ends, daemon=True) for ends in ((client, server), (server, client))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        client.close()
        server.close()

    def stop(self):
        self.listener.close()


def judge(name, qos, got, detail):
    """All there, at QoS 2 each once, and each first arrival in its order."""
    counted = collections.Counter(got)
    lost = COUNT - len([line for line in counted if line.isdigit()])
    doubled = sum(counted.values()) - len(counted)
    good = lost == 0 and (qos == 1 or doubled == 0)
    check(name, good, f"{lost} lost, {doubled} doubled, {detail}")


def lines():
    return "".join(f"{number}\n" for number in range(COUNT))


def cut(version, qos, ours):
    """Through the proxy: our publisher, or our subscriber."""
    broker = Broker(f"cut-{version}-{qos}-{ours}")
    proxy = Proxy(broker.port, 200, 20_000)
    name = f"{version} qos {qos}: {COUNT} messages, our {ours} cut off at random"
    ports = (proxy.port, broker.port) if ours == "pub" else (broker.port, proxy.port)
    session = ["-x", "1000"] if version == "mqttv5" else []
    if ours == "pub":
        # The one that counts speaks 3.1.1: as a client of 5.0 mosquitto_sub 2.0.11 now and then ends its connection in
        # the middle of a burst at QoS 2, and with it its session, as the broker's log shows.
        sub = start(theirs("sub", broker.port, "-V", "mqttv311", "-t", "cut", "-q", qos, "-C", COUNT if qos == 2 else COUNT * 2, "-W", 200))
        time.sleep(0.3)
        status, _ = run(tool("pub", ports[0], "-V", version, "-t", "cut", "-q", qos, "-i", "cut-pub", "-c", "-l", *session), lines(), 200)
        if qos == 1:
            time.sleep(1)
            sub.terminate()
        got = output(sub, 60)
    else:
        sub = start(tool("sub", ports[1], "-V", version, "-t", "cut", "-q", qos, "-i", "cut-sub", "-c", "-C", COUNT if qos == 2 else COUNT * 50, "-W", 100, *session))
        time.sleep(1)
        status, _ = run(theirs("pub", broker.port, "-V", version, "-t", "cut", "-q", qos, "-l"), lines(), 120)
        # The last stretch is undisturbed, so that it ends.
        for _ in range(10):
            time.sleep(1)
            if proxy.cuts > 5:
                break
        proxy.cutting = False
        if qos == 1:
            time.sleep(3 + COUNT / 2000)
            sub.terminate()
        got = output(sub, 100)
    judge(name, qos, got, f"{proxy.cuts} cuts")
    check(name + ": ended well", status == 0 and proxy.cuts > 0)
    proxy.stop()
    broker.stop()


def broker_killed(version, qos):
    """The broker dies by SIGKILL, with what it had saved a moment before, and comes back."""
    broker = Broker(f"killed-{version}-{qos}", persistent=True)
    name = f"{version} qos {qos}: {COUNT} messages, the broker killed and restarted"
    session = ["-x", "1000"] if version == "mqttv5" else []
    sub = start(tool("sub", broker.port, "-V", version, "-t", "kill", "-q", qos, "-i", "kill-sub", "-c", "-W", 60, *session))
    time.sleep(1)
    pub = subprocess.Popen(tool("pub", broker.port, "-V", version, "-t", "kill", "-q", qos, "-i", "kill-pub", "-c", "-l", *session),
                           stdin=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)

    def feed():
        for number in range(COUNT):
            pub.stdin.write(f"{number}\n")
            if number % 500 == 0:
                pub.stdin.flush()
                time.sleep(0.05)
        pub.stdin.close()

    feeder = threading.Thread(target=feed)
    feeder.start()
    for _ in range(3):
        time.sleep(0.4)
        # mosquitto writes its database on SIGUSR1. What it acknowledges after that it forgets when it is killed, which
        # is no fault of ours: so both of us stand still in between, at whatever point of a flow that may be.
        for ours in (pub, sub):
            ours.send_signal(signal.SIGSTOP)
        time.sleep(0.2)
        broker.process.send_signal(signal.SIGUSR1)
        time.sleep(0.3)
        broker.kill()
        broker.start()
        for ours in (pub, sub):
            ours.send_signal(signal.SIGCONT)
    feeder.join()
    pub.wait(90)
    time.sleep(3)
    sub.terminate()
    got = output(sub, 30)
    judge(name, qos, got, f"publisher ended with {pub.returncode}")
    broker.stop()


def client_killed(version, qos):
    """Our publisher dies by SIGKILL again and again; the store brings back what it had taken."""
    broker = Broker(f"client-{version}-{qos}")
    name = f"{version} qos {qos}: our publisher killed and restarted with its store"
    store = os.path.join(WORK, f"store-{version}-{qos}")
    session = ["-x", "1000"] if version == "mqttv5" else []
    sub = start(theirs("sub", broker.port, "-V", "mqttv311", "-t", "dead", "-q", qos, "-W", 60))
    time.sleep(0.3)
    base = tool("pub", broker.port, "-V", version, "-t", "dead", "-q", qos, "-i", "dead-pub", "--store", store, *session)
    fed = 0
    for round_number in range(5):
        pub = subprocess.Popen(base + ["-l"], stdin=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
        pub.stdin.write("".join(f"{number}\n" for number in range(fed, fed + 400)))
        pub.stdin.flush()
        fed += 400
        time.sleep(0.1 + random.random() * 0.3)
        pub.kill()
        pub.wait()
    status, _ = run(base + ["--drain"], timeout=60)
    time.sleep(1)
    sub.terminate()
    got = [int(line) for line in output(sub, 30)]
    # What was taken (written to the store) is a prefix of each round; nothing in between may lack.
    holes, doubled = 0, len(got) - len(set(got))
    for start_of_round in range(0, fed, 400):
        mine = sorted({number for number in got if start_of_round <= number < start_of_round + 400})
        holes += len(mine) != 0 and mine != list(range(mine[0], mine[-1] + 1))
        holes += len(mine) != 0 and mine[0] != start_of_round
    left = [file for file in os.listdir(store) if "4" <= file[-8:-7] < "8"] if os.path.isdir(store) else []
    check(name, status == 0 and holes == 0 and (qos == 1 or doubled == 0), f"{len(set(got))} taken of {fed}, {doubled} doubled, {holes} holes, {len(left)} left")
    broker.stop()


def captured(broker):
    """The bytes of one connection of each version, for tshark."""
    for version in VERSIONS:
        stream = bytearray()
        listener = socket.create_server(("127.0.0.1", 0))

        def tap():
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", broker.port))

            def back():
                try:
                    while data := server.recv(65536):
                        client.sendall(data)
                except OSError:
                    pass

            threading.Thread(target=back, daemon=True).start()
            try:
                while data := client.recv(65536):
                    stream.extend(data)
                    server.sendall(data)
            except OSError:
                pass
            server.close()
            client.close()

        thread = threading.Thread(target=tap, daemon=True)
        thread.start()
        run(tool("pub", listener.getsockname()[1], "-V", version, "-t", "cap/ture", "-q", 2, "-l", "-u", "me", "--will-topic", "w", "--will-payload", "x"),
            "one\ntwo\nthree\n")
        thread.join(5)
        with open(os.path.join(WORK, version + ".stream"), "wb") as out:
            out.write(stream)


broker = Broker("plain")
for part in (every_qos_pair, retained, wills, shared, properties, large, captured):
    part(broker)
broker.stop()
limits()
for version in VERSIONS if COUNT else ():
    for qos in (1, 2):
        cut(version, qos, "pub")
        cut(version, qos, "sub")
        client_killed(version, qos)
        broker_killed(version, qos)
print(f"{len(failures)} failed" if failures else "all passed")
sys.exit(bool(failures))
