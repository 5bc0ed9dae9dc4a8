#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds tests/firmware/NAME.c for a Cortex-M4F with the microcontroller library, runs it in QEMU,
# and fails unless it ends with status 0: ci/firmware.sh NAME [FEATURES]
. "$(dirname "$0")/lib.sh"
cd "$root"
name=$1 features=${2:-coap,mqtt,mesh} target=thumbv7em-none-eabihf
need_deb arm-none-eabi-gcc=gcc-arm-none-eabi /usr/include/newlib/string.h=libnewlib-arm-none-eabi qemu-system-arm=qemu-system-arm
mcu_cargo "$target" rustc --quiet --lib --profile embedded --no-default-features \
    --features "panic-handler,$features" --crate-type staticlib
work=$build/ci/firmware
mkdir -p "$work"
arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -Os -std=c99 -Wall -Wextra \
    -Wpedantic -Werror \
    -ffunction-sections -fdata-sections -nostartfiles --specs=nano.specs -T tests/firmware/link.ld \
    -Wl,--gc-sections -Wl,-z,noexecstack -Wl,-Map="$work/$name.map" -Iinclude -Itests/firmware -Itests/c \
    tests/firmware/start.c "tests/firmware/$name.c" "$target_dir/mcu/$target/embedded/libmote.a" -o "$work/$name.elf"
arm-none-eabi-size "$work/$name.elf"
timeout 60 qemu-system-arm -M mps2-an386 -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$work/$name.elf" </dev/null
