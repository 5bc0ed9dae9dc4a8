# SPDX-License-Identifier: MIT OR Apache-2.0
# A bounded run of every fuzz target from its committed corpus.
. ci/lib.sh
ci/fuzz.sh "${MOTE_FUZZ_SECONDS:-4}"
