#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Collects the C examples of the documentation into one program that runs them: examples.py FILE... > examples.c

An example is a block fenced by ```c, in a Markdown file or in a comment of a header. It becomes the body of a function, in the
surroundings that tests/doc/context.h makes; functions in it, and what stands before them, go before that one. If it has a
`status`, that must be MOTE_OK in the end. An example with a main is a program by itself and left out: its own test runs it.
"""
import pathlib
import re
import sys

FENCE = re.compile(r"^```c\n(.*?)^```$", re.M | re.S)


def blocks(path):
    """The examples of a file, each with a name and the line where it starts."""
    text = pathlib.Path(path).read_text()
    header = path.endswith(".h")
    if header:
        text = re.sub(r"^ \*(?: |$)", "", text, flags=re.M)
    stem = re.sub(r"\W", "_", pathlib.Path(path).stem)
    for number, found in enumerate(FENCE.finditer(text), 1):
        name = f"{stem}_{number}"
        if header:
            # The function that the comment belongs to.
            name = re.search(r"^ ?\*/\n(?:.*?\W)?(\w+)\(", text[found.end():], re.M).group(1)
        yield name, text.count("\n", 0, found.start()) + 2, found.group(1)


def split(code, line):
    """What belongs outside of a function, up to the end of the last function that the example defines, and the rest."""
    lines = [(line + offset, text) for offset, text in enumerate(code.splitlines())]
    starts = [at for at, (_, text) in enumerate(lines) if re.match(r"static [^=]*\)\s*\{$", text)]
    if not starts:
        return [], lines
    end = next(at for at in range(starts[-1], len(lines)) if lines[at][1] == "}") + 1
    return lines[:end], lines[end:]


def emit(path, lines):
    for line, text in lines:
        print(f'#line {line} "{path}"')
        print(text)


names = []
print('#include "context.h"')
for path in sys.argv[1:]:
    for name, line, code in blocks(path):
        if "int main(" in code:
            continue
        outside, rest = split(code, line)
        emit(path, outside)
        print(f"static void example_{name}(void) {{")
        emit(path, rest)
        if "mote_status status" in code:
            print(f'CHECK_IS(status, MOTE_OK);')
        print("}")
        names.append(name)
print("int main(void) {\n    surroundings();")
for name in names:
    print(f'    run("{name}", example_{name});')
print('    return outcome("examples");\n}')
