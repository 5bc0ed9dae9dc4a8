# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes the list of all functions from the preprocessed header on standard input, as a C macro that goes through them: a function that
tests/c/storm.c never calls is found by it.
"""
import re
import sys

functions = re.findall(r"^[^#\s][^;{}()]*?\b(mote_\w+)\([^;{}]*\);", sys.stdin.read(), re.M)
functions = [name for name in dict.fromkeys(functions) if not name.startswith("typedef")]
if len(functions) < 50:
    sys.exit("hardly any function found")
print("/* SPDX-License-Identifier: MIT OR Apache-2.0 */")
print("#define STORM_FUNCTIONS(X) \\")
print(" \\\n".join(f"    X({name})" for name in functions))
