# SPDX-License-Identifier: MIT OR Apache-2.0
"""Finishes the generated header: header.py RAW MACROS. Leaves out what is not mote's, puts the macros in.

The generator takes every public constant of the crate; engines have constants of their own that are no
business of C. Constants with the type of a status keep a cast away: they are plain numbers.
"""
import os
import re
import sys

raw = open(sys.argv[1]).read()
macros = open(sys.argv[2]).read() if os.path.exists(sys.argv[2]) else ""
macros = re.sub(r"^(//|/\*) SPDX[^\n]*\n", "", macros)
blocks = re.split(r"\n{2,}", raw)
kept = []
for block in blocks:
    bare = re.sub(r"/\*.*?\*/", "", block, flags=re.S).strip()
    name = re.match(r"(?:#define|enum|struct|typedef(?: struct| enum)?) (\w+)", bare)
    if name and not name.group(1).lower().startswith("mote_") and not bare.startswith("typedef enum"):
        alias = re.match(r"typedef .*?\(\*(\w+)\)", bare) or re.match(r"typedef .*?(\w+);", bare)
        if name.group(1) != "__cplusplus" and not (alias and alias.group(1).startswith("mote_")):
            continue
    kept.append(block)
text = "\n\n".join(kept).rstrip() + "\n"
# Structures that start with their size get an initialiser: { MOTE_X_CONFIG_INIT, .port = ... }.
init = ["/*", " * What the first member of a structure is set to; all others are zero, their default, or named after it:",
        " * `mote_node_config config = { MOTE_NODE_CONFIG_INIT, .port = mote_port_linux() };`", " */",
        "#if defined(__cplusplus) && __cplusplus < 202002L", "#define MOTE_SIZE_(type) (uint32_t)sizeof(type)", "#else",
        "#define MOTE_SIZE_(type) .size = (uint32_t)sizeof(type)", "#endif"]
head = len(init)
for name in re.findall(r"^typedef struct (mote_\w+) \{\s*(?:/\*(?:(?!\*/).)*\*/\s*)?uint32_t size;", text, re.M | re.S):
    init.append(f"#define {name.upper()}_INIT MOTE_SIZE_({name})")
if len(init) > head:
    macros = "\n".join(init) + "\n\n" + macros
# The macros go before the end of extern "C".
macros = macros.strip()
if macros:
    end = text.rindex("#ifdef __cplusplus\n}") if "#ifdef __cplusplus\n}" in text else text.rindex("#endif")
    text = text[:end] + macros + "\n\n" + text[end:]
# What the documentation says to callers from Rust: in C it holds for every pointer, as the rules at the top say.
text = re.sub(r"\n \*\n \* # Safety\n(?: \*(?!/)[^\n]*\n)+ \*/", "\n */", text)
# Links of the Rust documentation.
text = re.sub(r"\[(`[^`\n]+`)\](?:\([^)\n]*\))?", r"\1", text)
text = re.sub(r"^(#define \w+) (-\d+)$", r"\1 (\2)", text, flags=re.M)
# Comments in plain ASCII, for compilers that warn about anything else.
for fancy, plain in (("…", "..."), ("×", "x"), ("§ ", "section "), ("§", "section "), ("→", "->"), ("–", "-"), ("—", "-"), ("≤", "<="), ("≥", ">=")):
    text = text.replace(fancy, plain)
text = re.sub(r"[ \t]+$", "", text, flags=re.M)
sys.stdout.write(text)
