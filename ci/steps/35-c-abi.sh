# SPDX-License-Identifier: MIT OR Apache-2.0
# The C tests: NULL everywhere, growing structures, exact memory, stale objects; also under AddressSanitizer.
. ci/lib.sh
ci/c-tests.sh
