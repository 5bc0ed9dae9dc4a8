#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Proves that no panic is reachable in a microcontroller image, or shows which code leads to one.
#
#   ci/no-panic.sh                    the library with all protocols: every mote_ function
#   ci/no-panic.sh FEATURES [TARGET]  the library with these features only
#   ci/no-panic.sh room NAME [TARGET] the entry points in ci/no-panic/src/NAME.rs, before there are C functions
. "$(dirname "$0")/lib.sh"
cd "$root"

if [ "${1:-}" = room ]; then
    [ $# -ge 2 ] || die "which room? ci/no-panic/src/: $(cd ci/no-panic/src && ls | sed 's/\.rs//' | tr '\n' ' ')"
    name=$2 target=${3:-thumbv7em-none-eabihf} prefix=check_
    manifest=ci/no-panic/Cargo.toml
    features=$name
    extra=$(mcu_extra "$target")
else
    name=library target=${2:-thumbv7em-none-eabihf} prefix=mote_
    manifest=Cargo.toml
    features=panic-handler,${1:-coap,mqtt,mesh,ghc,sixlorh,border-routers,reassembly,multihop-nd}
    extra=$(mcu_extra "$target")
fi
export CARGO_PROFILE_EMBEDDED_DEBUG=line-tables-only
crate_type=()
[ "$manifest" = Cargo.toml ] && crate_type=(--crate-type staticlib)
mcu_cargo "$target" rustc --quiet --manifest-path "$manifest" --lib --profile embedded --no-default-features \
    --features "$features${extra:+,$extra}" "${crate_type[@]}"
library=$target_dir/mcu/$target/embedded/libmote.a
[ "$manifest" = Cargo.toml ] || library=$target_dir/mcu/$target/embedded/libmote_no_panic.a

need_deb python3=python3
# The proof is the linker's: it has to find everything that the entry points use.
work=$build/ci/no-panic-$name-$target
mkdir -p "$work"
case $target in
    thumb*)
        need_deb arm-none-eabi-gcc=gcc-arm-none-eabi
        link=arm-none-eabi-ld addr2line=arm-none-eabi-addr2line nm=arm-none-eabi-nm
        gcc_lib=$(arm-none-eabi-gcc -mthumb "$([[ $target = thumbv6m* ]] && echo -mcpu=cortex-m0 || echo -mcpu=cortex-m4)" -print-libgcc-file-name) ;;
    riscv32*)
        need_deb riscv64-unknown-elf-ld=binutils-riscv64-unknown-elf
        link="riscv64-unknown-elf-ld -melf32lriscv" addr2line=riscv64-unknown-elf-addr2line nm=riscv64-unknown-elf-nm
        gcc_lib= ;;
esac
roots=$($nm -g --defined-only "$library" 2>/dev/null | awk -v p="$prefix" '$2 == "T" && index($3, p) == 1 { print $3 }' | sort -u)
[ -n "$roots" ] || die "$library exports no function ${prefix}…"
# What the image provides: memcpy and friends, the critical section, and nothing else.
{
    echo "$roots" | sed 's/.*/EXTERN(&)/'
    echo 'ENTRY('"$(echo "$roots" | head -n 1)"')'
    for outside in memcpy memmove memset memcmp bcmp strlen _critical_section_1_0_acquire _critical_section_1_0_release; do
        echo "PROVIDE($outside = 0);"
    done
    echo 'SECTIONS { .text 0x1000 : { *(.text .text.*) *(.rodata .rodata.*) } .data : { *(.data .data.*) } .bss : { *(.bss .bss.*) } /DISCARD/ : { *(.ARM.exidx* .eh_frame*) } }'
} >"$work/link.ld"
if $link --gc-sections -T "$work/link.ld" -o "$work/image.elf" "$library" $gcc_lib 2>"$work/link.log"; then
    if $nm "$work/image.elf" | grep -E 'core.*panicking|rust_begin_unwind|panic_is_reachable'; then
        die "the image holds panic machinery"
    fi
    echo "$name on $target: no panic is reachable from $(echo "$roots" | wc -l) functions"
    exit 0
fi
grep -v 'undefined reference to .mote_panic_is_reachable' "$work/link.log" | grep -i undefined >&2 || true
$link --gc-sections --defsym mote_panic_is_reachable=0 -T "$work/link.ld" -o "$work/image.elf" "$library" $gcc_lib 2>>"$work/link.log" || true
python3 ci/no_panic.py "$library" "$prefix" "$work/image.elf" "$addr2line" | c++filt || true
die "$name on $target: does not link without a panic handler"
