#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds the C library and the tools into build/: lib/ (static, shared, pkg-config, CMake), include/, bin/.
#
# That tree can be copied anywhere: its package files find it from their own place.
. "$(dirname "$0")/lib.sh"
cd "$root"
# One at a time, and what is in use is replaced rather than written over.
exec 8>"$build/ci/build.lock"
flock 8
have cargo || die "Rust is needed, 1.88 or later: https://rustup.rs"
need_deb gcc=gcc || have "${CC:-cc}" || die "a C compiler is needed"
cc=${CC:-$(command -v gcc || command -v cc)}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# While the first number is 0, the ABI follows it all the same: it is kept, see docs/abi.md.
abi=${version%%.*}
cargo rustc --release --lib --crate-type staticlib,cdylib -- -C link-arg=-Wl,-soname,libmote.so.$abi
out=$target_dir/release

lib=$build/lib
mkdir -p "$lib/pkgconfig" "$lib/cmake/mote" "$build/include" "$build/bin"
install -C -m 644 "$out/libmote.a" "$lib/libmote.a"
install -C -m 755 "$out/libmote.so" "$lib/libmote.so.$version"
ln -sf "libmote.so.$version" "$lib/libmote.so.$abi"
ln -sf "libmote.so.$abi" "$lib/libmote.so"
install -C -m 644 include/mote.h "$build/include/mote.h"

# What a static library of Rust with its standard library wants on Linux; the compiler adds its own, shared or, with -static, not.
system="-lutil -lrt -lpthread -lm -ldl"
for name in mote.pc mote-static.pc moteConfig.cmake moteConfigVersion.cmake; do
    case $name in *.pc) to=$lib/pkgconfig ;; *) to=$lib/cmake/mote ;; esac
    sed -e "s/@VERSION@/$version/g" -e "s/@ABI@/$abi/g" -e "s/@SYSTEM@/$system/g" "ci/package/$name.in" >"$to/$name"
done

warnings="-std=c99 -Wall -Wextra -Wpedantic -Werror"
newest=$(ls -t examples-c/*.h include/mote.h | head -n 1)
for source in examples-c/*.c; do
    [ -e "$source" ] || continue
    tool=$build/bin/$(basename "$source" .c)
    if [ -z "$(find "$tool" -newer "$lib/libmote.a" -newer "$source" -newer "$newest" 2>/dev/null)" ]; then
        $cc $warnings -D_POSIX_C_SOURCE=200809L -O2 -Iinclude -Iexamples-c "$source" -o "$tool.new" "$lib/libmote.a" $system
        mv "$tool.new" "$tool"
    fi
done
echo "built: $(cd "$build" && ls lib/*.a lib/*.so.* bin/* 2>/dev/null | tr '\n' ' ')"
