#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs every fuzz target for some seconds from its committed corpus: ci/fuzz.sh [SECONDS [TARGET…]]
#
# What a run finds beyond the committed corpus stays in build/fuzz/; an input that breaks something is left
# in fuzz/artifacts/ and its path printed. ci/fuzz.sh 3600 is a long run.
. "$(dirname "$0")/lib.sh"
cd "$root"
seconds=${1:-20}
[ $# = 0 ] || shift
need_deb g++=g++
need_crate cargo-fuzz cargo-fuzz ""
host=$(rustc -vV | sed -n 's/^host: //p')
# Sanitizers are an unstable flag of the compiler; the pinned stable one has them too.
export RUSTC_BOOTSTRAP=1
all=$(awk '/^\[\[bin\]\]/ { bin = 1 } bin && /^name/ { gsub(/"/, "", $3); print $3; bin = 0 }' fuzz/Cargo.toml)
targets=${*:-$all}
cargo fuzz build --target "$host" --target-dir "$target_dir/fuzz" >"$build/ci/fuzz-build.log" 2>&1 || { tail -n 40 "$build/ci/fuzz-build.log"; exit 1; }
status=0
for target in $targets; do
    mkdir -p "$build/fuzz/$target" "fuzz/corpus/$target" "fuzz/artifacts/$target"
    log=$build/ci/fuzz-$target.log
    if "$target_dir/fuzz/$host/release/$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="fuzz/artifacts/$target/" "$build/fuzz/$target" "fuzz/corpus/$target" >"$log" 2>&1; then
        printf '%-20s %s\n' "$target" "$(grep -oE 'Done [0-9]+ runs in [0-9]+ second' "$log" | tail -n 1), $(grep -oE 'cov: [0-9]+' "$log" | tail -n 1)"
    else
        status=1
        printf '%-20s FAILED\n' "$target"
        grep -E 'panicked|ERROR|SUMMARY|artifact|Test unit' -A 2 "$log" | head -n 20
    fi
done
exit $status
