# SPDX-License-Identifier: MIT OR Apache-2.0
"""A C file that defines every function of the preprocessed header on standard input: abi_stub.py [VARIANT]

Compiled with debug information it describes the ABI as C sees it. VARIANT makes a change on purpose:
removed, changed (structure and parameter), added, grown.
"""
import re
import sys

text = sys.stdin.read()
variant = sys.argv[1] if len(sys.argv) > 1 else ""


def replaced(pattern, by):
    global text
    text, count = re.subn(pattern, by, text, count=1)
    assert count == 1, pattern


if variant == "removed":
    replaced(r"uint32_t mote_version\(void\);", "")
elif variant == "changed":
    replaced(r"(typedef struct mote_node_config \{)", r"\1 uint32_t sneaked_in;")
elif variant == "added":
    text += "\nuint32_t mote_brand_new(void);\n"
elif variant == "grown":
    replaced(r"(typedef struct mote_node_config \{[^}]*)\}", r"\1 uint64_t brand_new; }")

out, depth, start = [], 0, 0
for at, char in enumerate(text):
    if char in "{(":
        depth += 1
    elif char in ")}":
        depth -= 1
    elif char == ";" and depth == 0:
        declaration = text[start:at].strip()
        start = at + 1
        is_function = re.search(r"\bmote_\w+\(", declaration) and not declaration.startswith(("typedef", "struct"))
        # A function that returns a structure starts with "struct" but has parameters behind a name of ours.
        if not is_function and declaration.startswith("struct") and re.match(r"struct \w+ \*?mote_\w+\(", declaration):
            is_function = True
        out.append(declaration + (" { __builtin_trap(); }" if is_function else ";"))
print("\n".join(out))
