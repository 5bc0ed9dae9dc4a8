# SPDX-License-Identifier: MIT OR Apache-2.0
"""Says how a static library reaches its panic handler: no_panic.py LIBRARY PREFIX IMAGE ADDR2LINE

Prints nothing and succeeds when no function whose name starts with PREFIX reaches it. IMAGE, when it is
given, is the same library linked with everything kept; its line table names the source of each panic.
"""
import re
import subprocess
import sys
from elf import Graph

PANIC = "mote_panic_is_reachable"


def plain(name):
    """A readable form of a legacy-mangled or v0-mangled Rust name."""
    if name.startswith("_ZN"):
        parts, rest = [], name[3:]
        while rest and rest[0].isdigit():
            digits = re.match(r"\d+", rest).group()
            parts.append(rest[len(digits):len(digits) + int(digits)])
            rest = rest[len(digits) + int(digits):]
        if parts and re.fullmatch(r"h[0-9a-f]{16}", parts[-1]):
            parts.pop()
        name = "::".join(parts)
        for code, sign in (("$LT$", "<"), ("$GT$", ">"), ("$u20$", " "), ("$RF$", "&"), ("$BP$", "*"), ("$C$", ","),
                           ("$u7b$", "{"), ("$u7d$", "}"), ("..", "::")):
            name = name.replace(code, sign)
    return name


def main():
    library, prefix = sys.argv[1:3]
    image, addr2line = (sys.argv[3:] + ["", ""])[:2]
    graph = Graph([library])
    roots = sorted(name for name in graph.defined if name.startswith(prefix))
    if not roots:
        print(f"{library} defines no {prefix}…")
        return 1
    print(f"{len(roots)} entry points")
    parent, undefined = graph.reachable(roots)
    if PANIC not in undefined:
        return 0

    # The handler, and the functions of the core library that lead to it and to nothing of ours.
    machinery = set()
    back = {}
    for section in parent:
        for offset, to, _ in graph.out(section):
            if to is not None and to is not section:
                back.setdefault(to, []).append((section, offset))
    todo = [undefined[PANIC][0]]
    sites = []
    seen = set(todo)
    while todo:
        section = todo.pop()
        for source, offset in back.get(section, []):
            name = source.label
            if "core" in name and "panicking" in name or "slice_index" in name or "_fail" in name and "core" in name \
                    or "panic" in name and ("core" in name or "rustc" in name) or "unwrap_failed" in name or "expect_failed" in name:
                if source not in seen:
                    seen.add(source)
                    todo.append(source)
            else:
                sites.append((source, offset, section))

    lines = {}
    if image and addr2line:
        addresses = {}
        for line in subprocess.run([addr2line.replace("addr2line", "nm"), image], capture_output=True, text=True).stdout.splitlines():
            parts = line.split()
            if len(parts) == 3:
                addresses[parts[2]] = int(parts[0], 16) & ~1
        for source, offset, _ in sites:
            for start, name in source.functions:
                if name in addresses:
                    where = addresses[name] + offset - start
                    text = subprocess.run([addr2line, "-e", image, "-i", hex(where)], capture_output=True, text=True).stdout
                    lines[(source, offset)] = [line.split(" (")[0] for line in text.splitlines()]
                    break

    print(f"{len(sites)} places reach a panic:")
    for source, offset, panic in sorted(sites, key=lambda site: (site[0].label, site[1])):
        print(f"\n  {plain(source.label)} calls {plain(panic.label)}")
        for line in lines.get((source, offset), []):
            print(f"      at {line}")
        chain, step = [], source
        while step is not None:
            chain.append(plain(step.label))
            step = parent[step][0] if parent[step] else None
        print("      reached by " + " <- ".join(chain[1:] or ["itself"]))
    return 1


sys.exit(main())
