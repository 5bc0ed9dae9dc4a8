#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Measures speed, ours beside others' in the same run. Everything by default, or the parts named:
#   ci/bench.sh [PART…]
# The parts are the functions bench_PART, here and in ci/bench/.
. "$(dirname "$0")/lib.sh"
# Servers, when something fails under way.
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT

# Instructions of one operation: the difference between two counts, so that starting does not count.
instructions() {
    local program=$1 name=$2 few=1000 many=3000 count
    local -a counts=()
    for count in $few $many; do
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$name" "$count" >"$build/ci/callgrind.log" 2>&1
        counts+=("$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$build/ci/callgrind.log")")
    done
    echo $(((counts[1] - counts[0]) / (many - few)))
}

bench_codecs() {
    need_deb valgrind=valgrind
    say "codecs: building"
    cargo build --quiet --release --manifest-path "$root/benches/codecs/Cargo.toml" --target-dir "$build/benches"
    local program=$build/benches/release/mote-bench-codecs name
    echo "## Codecs: nanoseconds (median of 15 rounds) and instructions (callgrind) per operation"
    "$program" | while read -r name time unit; do
        printf '%-28s %8s %s %8s instructions\n' "$name" "$time" "$unit" "$(instructions "$program" "$name")"
    done
}

for part in "$root"/ci/bench/*.sh; do
    . "$part"
done

parts=("$@")
[ ${#parts[@]} != 0 ] || mapfile -t parts < <(declare -F | sed -n 's/.* bench_//p')
for part in "${parts[@]}"; do
    declare -F "bench_$part" >/dev/null || die "no benchmark is called $part"
    "bench_$part"
done
