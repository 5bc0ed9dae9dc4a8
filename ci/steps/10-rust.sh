# SPDX-License-Identifier: MIT OR Apache-2.0
# Formatting, lints, documentation, and all Rust tests.
. ci/lib.sh
cargo fmt --check
cargo clippy --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
cargo test
