# SPDX-License-Identifier: MIT OR Apache-2.0
# The behaviours that take an optimised build: a thousand nodes, an hour of them, and a sweep over seeds.
. ci/lib.sh
export CARGO_PROFILE_RELEASE_LTO=false CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_PANIC=unwind
timeout 3000 cargo test --release --test mesh_behaviour --target-dir "$build/mesh-scale" -- --ignored --nocapture
