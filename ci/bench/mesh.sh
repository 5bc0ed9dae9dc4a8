# SPDX-License-Identifier: MIT OR Apache-2.0
# The simulator: a thousand nodes of the real stack on one core, for an hour of their time.

bench_mesh() {
    need_deb gcc=gcc python3=python3
    "$root/ci/build.sh" >/dev/null
    local nodes=${BENCH_NODES:-1000}
    echo "## Simulator: $nodes nodes in a grid, 5 % of frames lost, non-storing: until all have joined, and an hour with a ping every second"
    python3 - "$build/bin/mote-mesh" "$build/ci/bench-mesh.json" "$nodes" <<'P'
import json, resource, subprocess, sys, time
program, out, nodes = sys.argv[1:]
began = time.monotonic()
subprocess.run([program, "--nodes", nodes, "--loss", "5", "--duration", "3600", "--interval", "1000", "--json", out], check=True,
               stdout=subprocess.DEVNULL)
wall = time.monotonic() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
seen = json.load(open(out))
virtual = seen["virtual_s"]
sent = seen["down"]["sent"] + seen["up"]["sent"]
answered = seen["down"]["answered"] + seen["up"]["answered"]
per = seen["memory_per_node"]
spent = used.ru_utime + used.ru_stime
print(f"{wall:.1f} s of wall time, {spent:.1f} s of processor, for {virtual:.0f} s of virtual time")
print(f"{per['mesh']} + {per['node']} bytes for each router's mesh and event loop on this machine; "
      f"{used.ru_maxrss / int(nodes):.1f} kB resident for each node, simulator included")
print(f"{answered} of {sent} pings answered")
P
}
