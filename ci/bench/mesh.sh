# SPDX-License-Identifier: MIT OR Apache-2.0
# The simulator: a thousand nodes of the real stack for an hour of their time, on one core.

bench_mesh() {
    need_deb gcc=gcc
    "$root/ci/build.sh" >/dev/null
    echo "## Simulator: 1,000 nodes in a grid, 5 % of frames lost, non-storing, an hour after the network was complete"
    python3 - "$build/bin/mote-mesh" "$build/ci/bench-mesh.json" <<'P'
import json, resource, subprocess, sys, time
program, out = sys.argv[1:]
began = time.monotonic()
subprocess.run([program, "--nodes", "1000", "--loss", "5", "--duration", "3600", "--json", out], check=True,
               stdout=subprocess.DEVNULL)
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seen = json.load(open(out))
virtual = seen["virtual_s"]
sent = seen["down"]["sent"] + seen["up"]["sent"]
answered = seen["down"]["answered"] + seen["up"]["answered"]
per = seen["memory_per_node"]
print(f"{wall:.1f} s of wall time, {used.ru_utime + used.ru_stime:.1f} s of processor, for {virtual:.0f} s of virtual time: "
      f"{3600 / virtual * wall:.1f} s for an hour")
print(f"{per['mesh']} + {per['node']} bytes for each router's mesh and event loop on this machine; "
      f"{used.ru_maxrss / 1000:.1f} kB resident for each node, simulator included")
print(f"{answered} of {sent} pings answered")
P
}
