# SPDX-License-Identifier: MIT OR Apache-2.0
"""Weighs a static library as a linker with --gc-sections would: footprint.py LIBRARY PREFIX [--stack]

Prints text, data and bss in bytes, and the worst stack, of all that the functions whose names start with PREFIX
use. text is code and constants. What every C library brings anyway (memcpy and friends) is left out.

The stack is the deepest chain of frames, by the frame sizes that the compiler reports. An indirect call is taken to
lead to any function whose address is stored anywhere, except into one that is already on the chain: what is
printed is an upper bound for the library's own part; callbacks and the port's functions come on top.
"""
import struct
import sys
from elf import Graph, SHT_NOBITS, SHF_WRITE

CALLS = {
    40: {10, 30, 51, 102, 28, 29},            # ARM: THM_CALL, THM_JUMP24, THM_JUMP19, THM_JUMP11, CALL, JUMP24
    243: {16, 17, 18, 19, 44, 45},            # RISC-V: BRANCH, JAL, CALL, CALL_PLT, RVC_BRANCH, RVC_JUMP
}
C_LIBRARY = {"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen"}


def is_c_library(section):
    return any(name in C_LIBRARY or name.startswith(("__aeabi_mem", "__llvm_mem")) or "compiler_builtins3mem" in name
               for _, name in section.functions)


def calls_indirectly(section, machine):
    """Whether there is a call or a jump by register, other than returning."""
    data, calls = section.data, {edge[0] for edge in section.edges if edge[3] in CALLS[machine]}
    spans, marks = [(0, len(data))], sorted(section.marks)
    if machine == 40 and marks:
        ends = [mark[0] for mark in marks[1:]] + [len(data)]
        spans = [(start, end) for (start, kind), end in zip(marks, ends) if kind == "$t"]
    for start, end in spans:
        at = start
        while at + 2 <= end:
            half, = struct.unpack_from("<H", data, at)
            if machine == 40:
                if half >> 11 in (0b11101, 0b11110, 0b11111):
                    at += 4
                    continue
                if half & 0xff87 == 0x4780 or (half & 0xff87 == 0x4700 and half >> 3 & 15 != 14):
                    return True
                at += 2
            else:
                if half & 3 != 3:
                    if half & 0xf07f == 0x9002 and half >> 7 & 31 or half & 0xf07f == 0x8002 and half >> 7 & 31 not in (0, 1, 5):
                        return True
                    at += 2
                    continue
                if half & 0x7f == 0x67 and at - 4 not in calls and half >> 7 & 31 == 1:
                    return True
                at += 4
    return False


def stack(graph, parent, roots, machine):
    stored, direct, indirect = set(), {}, {}
    for section in parent:
        out = set()
        for offset, symbol, _, kind in section.edges:
            to = graph.target(symbol)
            if to is None or not to.is_code or to not in parent:
                continue
            if section.is_code and kind in CALLS[machine]:
                if to is not section:
                    out.add(to)
            else:
                stored.add(to)
        if section.is_code:
            direct[section] = out
            indirect[section] = calls_indirectly(section, machine)
    depth, chain, loops = {}, {}, []
    on_path = []

    def visit(section, allow_indirect):
        key = (section, allow_indirect)
        if key in depth:
            return depth[key]
        on_path.append(section)
        best, via = 0, None
        for to in direct[section]:
            if to in on_path:
                loops.append((section.label, to.label))
                continue
            below = visit(to, allow_indirect)
            if below > best:
                best, via = below, (to, allow_indirect)
        # One level of indirection: what is called indirectly may call further only directly, or out of the library.
        if indirect[section] and allow_indirect > 0:
            for to in stored:
                if to in on_path or not to.is_code:
                    continue
                below = visit(to, allow_indirect - 1)
                if below > best:
                    best, via = below, (to, allow_indirect - 1)
        on_path.pop()
        depth[key] = best + (section.stack or 0)
        chain[key] = via
        return depth[key]

    sys.setrecursionlimit(10000)
    worst, start = 0, None
    for name in roots:
        section = graph.defined[name].section
        if section.is_code and visit(section, 2) > worst:
            worst, start = visit(section, 2), (section, 2)
    path = []
    while start is not None:
        path.append(f"{start[0].label} {start[0].stack or 0}")
        start = chain[start]
    return worst, path, sorted(set(loops))


def main():
    library, prefix = sys.argv[1:3]
    with open(library, "rb") as file:
        data = file.read()
    at = data.index(b"\x7fELF")
    machine, = struct.unpack_from("<H", data, at + 18)
    graph = Graph([library])
    roots = sorted(name for name in graph.defined if name.startswith(prefix))
    parent, _ = graph.reachable(roots)
    text = initialised = bss = 0
    for section in parent:
        if is_c_library(section):
            continue
        if section.kind == SHT_NOBITS:
            bss += section.size
        elif section.flags & SHF_WRITE and not section.name.startswith(".data.rel.ro"):
            initialised += section.size
        elif not section.name.startswith((".ARM.ex", ".eh_frame")):
            text += section.size
    if machine not in CALLS:
        print(text, initialised, bss, 0)
        return
    worst, path, loops = stack(graph, parent, roots, machine)
    print(text, initialised, bss, worst)
    if "--stack" in sys.argv:
        print("\n".join(path))
        for one, other in loops:
            print(f"recursion: {one} -> {other}")
    if "--list" in sys.argv:
        for section in sorted(parent, key=lambda section: -section.size):
            print(section.size, section.stack or 0, section.name, section.label)


main()
