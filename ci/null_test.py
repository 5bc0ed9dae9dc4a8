# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes a C test from the preprocessed header on standard input: every function is called with NULL everywhere, then with
each pointer alone NULL, and with objects that were never made. Each must come back with an error. Functions whose names begin
with one of the arguments are left out: a microcontroller has no simulator.

Functions that may be called with nothing are named here, with the reason.
"""
import re
import sys

FINE = {
    # close(NULL) is a no-op.
    r"mote_\w+_close$",
    # So is cancelling a look-up that never began.
    r"mote_lookup_cancel$",
}

# Not in the caller's memory: simulated networks, for tests on a host, are allocated, and only NULL is told apart.
ALLOCATED = {"mote_sim", "mote_air"}

text = sys.stdin.read()
functions, depth, start = [], 0, 0
opaque = set(re.findall(r"typedef struct (mote_\w+) \1;", text))
callbacks = set(re.findall(r"typedef [^;]*?\(\*(mote_\w+)\)\(", text))
structs = set(re.findall(r"typedef struct (mote_\w+) \{", text))
for at, char in enumerate(text):
    if char in "{(":
        depth += 1
    elif char in ")}":
        depth -= 1
    elif char == ";" and depth == 0:
        declaration = " ".join(text[start:at].split())
        start = at + 1
        match = re.match(r"((?:const )?(?:struct )?\w+ \**)(mote_\w+)\((.*)\)$", declaration)
        if match and not declaration.startswith("typedef") and not match.group(2).startswith(tuple(sys.argv[1:])):
            functions.append(match.groups())


def split(parameters):
    out, depth, part = [], 0, ""
    for char in parameters:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            out.append(part.strip())
            part = ""
        else:
            part += char
    return [] if parameters.strip() == "void" else out + [part.strip()]


def kind(parameter):
    if "(*" in parameter:
        return "function"
    if "*" in parameter:
        return "pointer"
    name = re.sub(r"^(const )?(struct )?", "", parameter).split()[0]
    if name in callbacks:
        return "function"
    return "struct " + name if name in structs else "number"


print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
print('#include "check.h"\n#include <mote.h>\n#include <string.h>\n')
print("/* Zeroed memory: what a pointer gets that is not NULL. It is no object, and a configuration without a size. */")
print("static uint64_t blank[24][512];\n")
print("static void *room(unsigned index) { memset(blank[index], 0, sizeof blank[index]); return blank[index]; }\n")
print("int main(void)\n{")
count = 0
for result, name, parameters in functions:
    kinds = [kind(parameter) for parameter in split(parameters)]
    pointers = [index for index, one in enumerate(kinds) if one in ("pointer", "function")]
    # A function that closes a part of an object needs the object.
    fine = len(kinds) == 1 and any(re.match(pattern, name) for pattern in FINE)

    def argument(index, null, number):
        one = kinds[index]
        if one.startswith("struct"):
            struct_name = one.split()[1]
            # A run of bytes that is NULL but not empty.
            return "(mote_bytes){ NULL, 3 }" if struct_name == "mote_bytes" else f"({struct_name}){{ 0 }}"
        if one == "number":
            return str(number)
        allocated = any(re.search(rf"\b{name}\b", split(parameters)[index]) for name in ALLOCATED)
        if one == "function" or index in null or allocated:
            return "0"
        return f"room({index})"

    # With nothing NULL, only an object that was never made is sure to be refused.
    first = re.match(r"(?:const )?(?:struct )?(\w+) \*", (split(parameters) or [""])[0])
    on_object = bool(first and first.group(1) in opaque)
    sets = [(set(pointers), 0, True), (set(pointers), 3, True)] + [({index}, 8, False) for index in pointers] + [(set(), 8, None)]
    for null, number, everything in sets if kinds else []:
        call = f"{name}({', '.join(argument(index, null, number) for index in range(len(kinds)))})"
        count += 1
        refused = on_object if everything is None else not fine
        if result.strip() == "mote_status" and refused:
            print(f"    CHECK({call} < 0);")
        elif result.strip() == "mote_status" and everything:
            print(f"    CHECK_IS({call}, 0);")
        else:
            print(f"    (void){call};")
            print("    CHECK(1);")
print('    return outcome("null");\n}')
if count < 5:
    sys.exit("hardly any function found")
