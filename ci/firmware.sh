#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds a C program for a Cortex-M with the microcontroller library, runs it in QEMU, prints how much flash and stack it took, and
# fails unless it ends with status 0: ci/firmware.sh NAME [TARGET], for tests/firmware/NAME.c, or ci/firmware.sh FILE [TARGET]
# The emulated processor is a Cortex-M4F, which runs what is built for a Cortex-M0 (thumbv6m) as well.
. "$(dirname "$0")/lib.sh"
cd "$root"
source=$1
[ -e "$source" ] || source=tests/firmware/$1.c
name=$(basename "$source" .c) target=${2:-thumbv7em-none-eabihf}
case $target in
    thumbv6m-none-eabi) processor="-mcpu=cortex-m0 -mthumb" ;;
    thumbv7em-none-eabihf) processor="-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16" ;;
    *) die "no emulated processor for $target" ;;
esac
need_deb arm-none-eabi-gcc=gcc-arm-none-eabi /usr/include/newlib/string.h=libnewlib-arm-none-eabi qemu-system-arm=qemu-system-arm python3=python3
mcu_cargo "$target" rustc --quiet --lib --profile embedded --no-default-features \
    --features "panic-handler,coap,mqtt,mesh,$(mcu_extra "$target")" --crate-type staticlib
work=$build/ci/firmware
mkdir -p "$work"
arm-none-eabi-gcc $processor -Os -std=c99 -Wall -Wextra \
    -Wpedantic -Werror \
    -ffunction-sections -fdata-sections -nostartfiles --specs=nano.specs --specs=rdimon.specs -T tests/firmware/link.ld \
    -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-Map="$work/$name.map" -Iinclude -Itests/firmware -Itests/c \
    tests/firmware/start.c "$source" "$target_dir/mcu/$target/embedded/libmote.a" -o "$work/$name.elf"
echo "$source for ${target%%-*}"
arm-none-eabi-size "$work/$name.elf"
# What this program uses of the library, out of what it offers.
python3 - "$work/$name.map" "$name" <<'PY'
import re, sys
text = open(sys.argv[1]).read().split("Linker script and memory map", 1)[1]
used = re.findall(r"^ \.(?:text|rodata)\S*\s+0x[0-9a-f]+\s+(0x[0-9a-f]+) \S*libmote\.a\(", text, re.M)
print(f"{sys.argv[2]}: {sum(int(size, 16) for size in used)} bytes of flash are the library's")
PY
timeout 900 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$work/$name.elf" </dev/null
