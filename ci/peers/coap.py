# SPDX-License-Identifier: MIT OR Apache-2.0
"""CoAP against real peers on loopback: coap.py BIN PYTHON WORK

BIN holds our tools, PYTHON has aiocoap. One line per case; every process that is started is stopped. With
the environment variable MOTE_CLIENT or MOTE_SERVER another program takes the place of ours.
"""
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

from ports import free_port
from relay import Relay

bin_, python, work = sys.argv[1:4]
here = os.path.dirname(os.path.abspath(__file__))
our_client = os.environ.get("MOTE_CLIENT", f"{bin_}/mote-coap-client")
our_server = os.environ.get("MOTE_SERVER", f"{bin_}/mote-coap-server")
BODY = (bytes(range(256)) * 400)[:100_000]
body_file = f"{work}/body"
open(body_file, "wb").write(BODY)
# Seconds after which something hangs: no case depends on how long it takes otherwise.
HANG = 300
cases = []
relays = []


def case(function):
    cases.append(function)
    return function


@contextmanager
def server(*command):
    """Runs a server on a free port and waits until it answers a CoAP ping."""
    port = free_port(socket.SOCK_DGRAM)
    log = open(f"{work}/server.log", "ab")
    process = subprocess.Popen([str(port) if part == "PORT" else part for part in command], stdout=log, stderr=log)
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as end:
            end.connect(("::1", port))
            end.settimeout(0.1)
            hang = time.monotonic() + HANG
            while time.monotonic() < hang:
                if process.poll() is not None:
                    raise AssertionError(f"{command[0]} ended at once, status {process.returncode}")
                try:
                    end.send(b"\x40\x00\x12\x34")
                    if end.recv(64) == b"\x70\x00\x12\x34":
                        break
                except OSError:
                    time.sleep(0.05)
            else:
                raise AssertionError(f"{command[0]} does not answer")
        yield port
    finally:
        process.terminate()
        try:
            process.wait(HANG)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


@contextmanager
def relayed(port, name, loss=0.0):
    relay = Relay(port, f"{work}/{name}.pcap", loss)
    relays.append(relay)
    try:
        yield relay.port
    finally:
        relay.stop()


def run(*command, seconds=HANG, status=0):
    """Runs a client; its standard output. `status` None takes any exit status."""
    done = subprocess.run(command, capture_output=True, timeout=seconds)
    if status is not None and done.returncode != status:
        raise AssertionError(f"{' '.join(command)}: status {done.returncode}: {done.stderr[-400:]!r} {done.stdout[-200:]!r}")
    return done.stdout + (b"" if done.returncode == 0 else done.stderr)


def same(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {got[:200]!r} and not {wanted[:200]!r}")


def holds(text, part, what):
    if part not in text:
        raise AssertionError(f"{what}: no {part!r} in {text[:300]!r}")


def ours():
    return server(our_server, "-A", "::1", "-p", "PORT", "-d", "10")


def libcoap():
    return server("coap-server-notls", "-A", "::1", "-p", "PORT", "-d", "10")


def aiocoap():
    return server(python, f"{here}/aiocoap_server.py", "PORT")


def uri(port, path):
    return f"coap://[::1]:{port}{path}"


def observed(client, seconds, pattern, *arguments):
    """A client that observes gets the state and two notifications; on a busy machine that takes longer."""
    for patience in (1, 4, 16):
        out = client("-s", str(seconds * patience), *arguments)
        if len(re.findall(pattern, out)) >= 3:
            return
    raise AssertionError(f"the state and two notifications: {out!r}")


# --- libcoap's client against our server

def theirs(*arguments, **more):
    return run("coap-client-notls", "-B", "170", *arguments, **more)


@case
def libcoap_client_methods(capture):
    with ours() as port, relayed(port, capture) as port:
        assert theirs(uri(port, "/test")), "GET brings something"
        theirs("-m", "put", "-e", "one", uri(port, "/dyn"))
        same(theirs(uri(port, "/dyn")).strip(), b"one", "GET brings what was PUT")
        theirs("-m", "put", "-e", "two", uri(port, "/dyn"))
        same(theirs("-N", uri(port, "/dyn")).strip(), b"two", "the same by a non-confirmable GET")
        theirs("-m", "post", "-e", "x", uri(port, "/test"))
        theirs("-m", "delete", uri(port, "/dyn"))
        # libcoap's client exits with 0 whatever the code, and prints the code of an error.
        holds(run("sh", "-c", f"coap-client-notls -B 170 '{uri(port, '/dyn')}' 2>&1"), b"4.04", "GET of what was deleted")
        holds(run("sh", "-c", f"coap-client-notls -B 170 -m fetch -e x '{uri(port, '/hello')}' 2>&1"), b"4.05", "FETCH of what has none")


@case
def libcoap_client_blocks(capture):
    with ours() as port, relayed(port, capture) as port:
        out = f"{work}/out"
        for size in ("1024", "256"):
            theirs("-b", size, "-m", "put", "-f", body_file, uri(port, "/big"))
            theirs("-b", size, "-o", out, uri(port, "/big"))
            same(open(out, "rb").read(), BODY, f"100 KB up and down in blocks of {size}")
        assert len(theirs(uri(port, "/large"))) > 1024, "/large is larger than a block"


@case
def libcoap_client_observes(capture):
    with ours() as port, relayed(port, capture) as port:
        # One line each: -w appends a newline to every notification.
        observed(theirs, 14, rb"[^\n]+", "-w", uri(port, "/obs"))
        assert theirs(uri(port, "/obs")), "the server is well after the cancellation"


@case
def libcoap_client_separate_and_discovery(capture):
    with ours() as port, relayed(port, capture) as port:
        assert theirs(uri(port, "/separate")), "/separate answers"
        links = theirs(uri(port, "/.well-known/core"))
        holds(links, b"</test>", "the list of resources")
        links = theirs(uri(port, "/.well-known/core?href=/link*"))
        holds(links, b"</link1>", "the filtered list")
        assert b"</test>" not in links, f"the filter filters: {links!r}"


@case
def libcoap_client_over_a_lossy_link(capture):
    part, out = f"{work}/part", f"{work}/lossy"
    open(part, "wb").write(BODY[:16_000])
    with ours() as port:
        theirs("-m", "put", "-f", part, uri(port, "/big"))
        with relayed(port, capture, loss=0.1) as far:
            theirs("-b", "1024", "-o", out, uri(far, "/big"))
        same(open(out, "rb").read(), BODY[:16_000], "16 KB over 10 % loss")
        assert relays[-1].lost, "the link lost something"


# A network of its own, where there is a link that carries multicast; who is not root becomes it there.
APART = ("unshare", "-n") if os.geteuid() == 0 else ("unshare", "-rn")
NETWORK = """
ip link set lo up
ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up || exit 9
ip addr add 10.9.0.1/24 dev v0 && ip route add 224.0.0.0/4 dev v0
i=0
while [ $i -lt 600 ] && ! ip -6 addr show dev v0 scope link -tentative | grep -q fe80; do sleep 0.1; i=$((i + 1)); done
%s >&2 &
server=$!
sleep 0.5
# The server may not be there yet.
for _ in 1 2 3 4 5 6 7 8 9 10; do
    found=$(%s)
    [ -z "$found" ] || break
done
printf %%s "$found"
kill $server
"""


@case
def libcoap_client_multicast_discovery(capture):
    for listen, group in ((["-A", "::"], "[ff02::fd%v0]"), (["-A", "0.0.0.0"], "224.0.1.187")):
        client = f"coap-client-notls -N -B 8 'coap://{group}:5683/.well-known/core'"
        found = run(*APART, "sh", "-c", NETWORK % (" ".join([our_server, *listen, "-p", "5683"]), client))
        holds(found, b"</test>", f"a multicast GET to {group} finds the server")


@case
def libcoap_server_found_by_multicast(capture):
    server = "coap-server-notls -A :: -p 5683 -g ff02::fd -G v0"
    client = f"{our_client} -N -B 8 'coap://[ff02::fd%v0]:5683/.well-known/core'"
    found = run(*APART, "sh", "-c", NETWORK % (server, client))
    holds(found, b"</time>", "a multicast GET finds the server")


# --- aiocoap's client against our server

def aiocoap_case(name):
    def of(capture):
        with ours() as port, relayed(port, capture) as port:
            run(python, f"{here}/aiocoap_client.py", name, f"coap://[::1]:{port}")
    of.__name__ = f"aiocoap_client_{name}"
    cases.append(of)


for name in ("methods", "blockwise", "observe", "separate", "discovery"):
    aiocoap_case(name)


# --- our client against libcoap's server

def mine(*arguments, **more):
    return run(our_client, "-B", "170", *arguments, **more)


@case
def libcoap_server_methods(capture):
    with libcoap() as port, relayed(port, capture) as port:
        holds(mine(uri(port, "/")), b"libcoap", "GET /")
        mine("-m", "put", "-e", "one", uri(port, "/dyn"))
        same(mine(uri(port, "/dyn")).strip(), b"one", "GET brings what was PUT")
        same(mine("-N", uri(port, "/dyn")).strip(), b"one", "the same by a non-confirmable GET")
        mine("-m", "delete", uri(port, "/dyn"))
        if "mote" in our_client:
            holds(run(our_client, "-B", "170", uri(port, "/dyn"), status=1), b"4.04", "GET of what was deleted")
        holds(mine(uri(port, "/.well-known/core")), b"</time>", "the list of resources")


@case
def libcoap_server_blocks(capture):
    with libcoap() as port, relayed(port, capture) as port:
        out = f"{work}/out"
        for size in ("1024", "256"):
            mine("-b", size, "-m", "put", "-f", body_file, uri(port, "/big"))
            mine("-b", size, "-o", out, uri(port, "/big"))
            same(open(out, "rb").read(), BODY, f"100 KB up and down in blocks of {size}")


@case
def libcoap_server_observed(capture):
    with libcoap() as port, relayed(port, capture) as port:
        observed(mine, 4, rb"\d\d:\d\d:\d\d", uri(port, "/time"))
        holds(mine(uri(port, "/async?2")), b"done", "a separate response")


# --- our client against aiocoap's server

@case
def aiocoap_server_methods(capture):
    with aiocoap() as port, relayed(port, capture) as port:
        for method in ("get", "put", "post", "delete", "fetch", "patch", "ipatch"):
            payload = [] if method in ("get", "delete") else ["-e", "12345"]
            said = mine("-m", method, *payload, uri(port, "/echo"))
            holds(said.lower(), method.encode(), f"the server saw {method}")
        holds(mine(uri(port, "/.well-known/core")), b"</large>", "the list of resources")


@case
def aiocoap_server_blocks(capture):
    with aiocoap() as port, relayed(port, capture) as port:
        out = f"{work}/out"
        mine("-o", out, uri(port, "/large"))
        same(open(out, "rb").read(), BODY, "100 KB down")
        mine("-m", "put", "-f", body_file, uri(port, "/stored"))
        mine("-o", out, uri(port, "/stored"))
        same(open(out, "rb").read(), BODY, "100 KB up and down again")


@case
def aiocoap_server_observed_and_separate(capture):
    with aiocoap() as port, relayed(port, capture) as port:
        observed(mine, 3, rb"count \d+", uri(port, "/counter"))
        same(mine(uri(port, "/separate")).strip(), b"late", "a separate response")


@case
def our_client_to_libcoap_over_a_lossy_link(capture):
    part, out = f"{work}/part", f"{work}/lossy"
    open(part, "wb").write(BODY[:16_000])
    with libcoap() as port:
        with relayed(port, capture, loss=0.1) as far:
            mine("-b", "1024", "-m", "put", "-f", part, uri(far, "/big"))
            mine("-b", "1024", "-o", out, uri(far, "/big"))
        same(open(out, "rb").read(), BODY[:16_000], "16 KB up and down over 10 % loss")
        assert relays[-1].lost, "the link lost something"


def main():
    wanted, failed = sys.argv[4:], 0
    unknown = set(wanted) - {one.__name__ for one in cases}
    if unknown:
        sys.exit(f"no such case: {' '.join(sorted(unknown))}")
    for one in cases:
        if wanted and one.__name__ not in wanted:
            continue
        began = time.time()
        try:
            one(one.__name__)
            print(f"ok    {one.__name__} ({time.time() - began:.1f} s)", flush=True)
        except (AssertionError, subprocess.TimeoutExpired, OSError) as problem:
            failed += 1
            print(f"FAIL  {one.__name__}: {problem}", flush=True)
    print(f"{len(cases) - failed} of {len(cases)} cases passed" if not wanted else f"{failed} failed")
    return failed != 0


sys.exit(main())
