#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Shared by all scripts in ci/: places, and getting the tools that are missing. To be sourced.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
target_dir=${CARGO_TARGET_DIR:-$root/target}
cbindgen_version=0.29.4
mkdir -p "$build/ci"

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
# Ends a step as skipped, by name and with the reason: never as passed.
skip() { printf 'skipped: %s\n' "$*"; exit 77; }
# Says what a step that passes has left out, for want of what.
without() { printf 'without %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo; then sudo -n "$@"
    else return 1
    fi
}

# need_deb PROGRAM=PACKAGE… : installs the packages of the programs that are missing. A name with
# a slash is a file that must exist. Fails when something is still missing afterwards.
need_deb() {
    local pair packages=() missing=()
    for pair in "$@"; do
        deb_has "${pair%%=*}" || packages+=("${pair#*=}")
    done
    [ ${#packages[@]} = 0 ] && return 0
    if have apt-get; then
        say "installing: ${packages[*]}"
        (
            flock 9
            export DEBIAN_FRONTEND=noninteractive
            as_root apt-get -qq -o DPkg::Lock::Timeout=300 update >/dev/null || true
            as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
                -o DPkg::Lock::Timeout=300 install "${packages[@]}" >"$build/ci/apt.log" 2>&1
        ) 9>"$build/ci/apt.lock" || say "apt-get failed, see build/ci/apt.log"
    fi
    for pair in "$@"; do
        deb_has "${pair%%=*}" || missing+=("${pair%%=*}")
    done
    [ ${#missing[@]} = 0 ] || { say "missing: ${missing[*]}"; return 1; }
}
deb_has() { case $1 in */*) [ -e "$1" ] ;; *) have "$1" ;; esac; }

# need_crate PROGRAM CRATE VERSION : a program installed by cargo. Another version that is already
# there is left alone when VERSION is empty; else the pinned one goes to build/tools.
need_crate() {
    local program=$1 crate=$2 version=$3
    export PATH="$build/tools/bin:$PATH"
    if have "$program" && { [ -z "$version" ] || "$program" --version | grep -qF "$version"; }; then return 0; fi
    say "installing: $crate $version (once)"
    cargo install --quiet --locked --root "$build/tools" ${version:+--version "=$version"} "$crate" \
        >"$build/ci/cargo-install-$crate.log" 2>&1
}

# venv PACKAGE… : a Python of our own in build/venv that has these packages ("name==version").
venv() {
    python=$build/venv/bin/python
    (
        flock 9
        if ! [ -x "$python" ]; then
            python3 -m venv "$build/venv" 2>"$build/ci/venv.log" || {
                need_deb /usr/lib/python3/dist-packages/ensurepip=python3-venv || true
                python3 -m venv "$build/venv"
            }
        fi
        local wanted missing=()
        for wanted in "$@"; do
            grep -qxF "$wanted" "$build/venv/installed" 2>/dev/null || missing+=("$wanted")
        done
        if [ ${#missing[@]} != 0 ]; then
            say "installing: ${missing[*]}"
            "$python" -m pip install --quiet "${missing[@]}" >"$build/ci/pip.log" 2>&1 || exit 1
            printf '%s\n' "${missing[@]}" >>"$build/venv/installed"
        fi
    ) 9>"$build/ci/venv.lock"
}

# Targets of the microcontroller builds, and what each stands for.
mcu_targets="thumbv7em-none-eabihf thumbv6m-none-eabi riscv32imc-unknown-none-elf"

# Finds the compiler of mcu_cargo for a target: Debian's with its source, and a core library built on the spot as small as all else, where
# that is there already; else a target of rustup's; else what can be installed.
mcu_toolchain() {
    local target=$1 sysroot
    if mcu_debian_ready; then mcu_kind=debian; return 0; fi
    sysroot=$(rustc --print sysroot 2>/dev/null || true)
    if [ -d "$sysroot/lib/rustlib/$target/lib" ]; then mcu_kind=rustup; return 0; fi
    if have rustup && ! [ -e "$build/ci/no-rustup-$target" ]; then
        if timeout 120 rustup target add "$target" >"$build/ci/rustup-target.log" 2>&1; then
            mcu_kind=rustup; return 0
        fi
        touch "$build/ci/no-rustup-$target"
    fi
    need_deb /usr/bin/rustc=rustc-web /usr/bin/cargo=cargo-web "/usr/lib/rustlib/src/rust/library/core/Cargo.toml=rust-web-src" || true
    if mcu_debian_ready; then mcu_kind=debian; return 0; fi
    return 1
}
mcu_debian_ready() {
    [ -x /usr/bin/rustc ] && [ -x /usr/bin/cargo ] || return 1
    local sysroot minor
    sysroot=$(/usr/bin/rustc --print sysroot)
    minor=$(/usr/bin/rustc --version | sed -n 's/^rustc 1\.\([0-9]*\).*/\1/p')
    [ "${minor:-0}" -ge 88 ] && [ -e "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ]
}
# mcu_cargo TARGET ARGS… : cargo with the compiler found by mcu_toolchain. Stack sizes are kept in
# sections of their own, which are not loaded.
mcu_cargo() {
    local target=$1 verb=$2
    shift 2
    mcu_toolchain "$target" || return 1
    local flags="-Zemit-stack-sizes ${MCU_RUSTFLAGS:-}"
    # Constants taken out of loops, and values kept in registers for speed, crowd out others, of which there are few. To compute
    # them again saves 1 % of flash, and some stack.
    flags="$flags -Cllvm-args=-disable-machine-licm -Cllvm-args=-split-spill-mode=size"
    # The path of an image's source files is no business of its user.
    flags="$flags --remap-path-prefix=$root=."
    export RUSTC_BOOTSTRAP=1
    case $mcu_kind in
        rustup) RUSTFLAGS=$flags cargo "$verb" --target "$target" --target-dir "$target_dir/mcu" "$@" ;;
        debian) mcu_target "$target"
            RUSTFLAGS=$flags RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc /usr/bin/cargo "$verb" \
            "${mcu_where[@]}" --target-dir "$target_dir/mcu" -Zbuild-std=core,panic_abort "$@" ;;
    esac
}
# mcu_target TARGET : sets $mcu_where to the target as arguments of cargo. Rust's Arm targets keep a frame pointer in every function, for
# debuggers that cannot do without; a specification of our own without it saves 3 to 4 % of flash, and some stack.
mcu_target() {
    local spec=$target_dir/mcu/spec/$1.json text
    text=$(/usr/bin/rustc -Zunstable-options --print target-spec-json --target "$1")
    case $text in
        *'"frame-pointer": "always"'*) ;;
        *) mcu_where=(--target "$1"); return ;;
    esac
    mkdir -p "${spec%/*}"
    text=${text/'"frame-pointer": "always"'/'"frame-pointer": "may-omit"'}
    # Left alone when it is the same, so that nothing is built anew.
    [ "$(cat "$spec" 2>/dev/null)" = "$text" ] || printf '%s\n' "$text" >"$spec"
    mcu_where=(--target "$spec")
    # Cargo asks for this since it knows it.
    if /usr/bin/cargo -Z help | grep -q json-target-spec; then mcu_where+=(-Zjson-target-spec); fi
}
# mcu_extra TARGET : features that the core needs besides the protocols.
mcu_extra() {
    case $1 in
        thumbv6m*|riscv32imc*) echo critical-section ;;
    esac
}

# Whether loopback has IPv6.
has_ipv6() { grep -qs ' lo$' /proc/net/if_inet6; }
# Whether this user may have a network of its own, with IPv6 and interfaces in it.
own_network() {
    unshare -n sh -c 'ip link set lo up && ip tuntap add dev mote-try mode tun && grep -q " lo$" /proc/net/if_inet6' >/dev/null 2>&1
}

# free_port [tcp] : a free port on loopback, of UDP unless told (as free as one can know).
free_port() {
    have python3 || { echo $((10000 + RANDOM % 20000)); return; }
    python3 "$root/ci/peers/ports.py" "$@"
}
