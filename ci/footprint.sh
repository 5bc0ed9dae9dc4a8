#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Prints flash, memory and worst stack per feature set and target as a Markdown table.
#
#   ci/footprint.sh                          the table of the README
#   ci/footprint.sh set FEATURES [TARGET]    one feature set of the library
#   ci/footprint.sh ram                      what the objects of the C API take of RAM on a Cortex-M4
#   ci/footprint.sh room NAME [TARGET]       the entry points of ci/no-panic/src/NAME.rs; --stack and --list say more
. "$(dirname "$0")/lib.sh"
cd "$root"
need_deb python3=python3
# Line tables change no code; they are kept so that one build serves ci/no-panic.sh too.
export CARGO_PROFILE_EMBEDDED_DEBUG=line-tables-only

# build_set TARGET FEATURES : sets $library.
build_set() {
    local extra
    extra=$(mcu_extra "$1")
    mcu_cargo "$1" rustc --quiet --lib --profile embedded --no-default-features \
        --features "panic-handler${2:+,$2}${extra:+,$extra}" --crate-type staticlib
    library=$target_dir/mcu/$1/embedded/libmote.a
}
# build_room TARGET ROOM
build_room() {
    local extra
    extra=$(mcu_extra "$1")
    mcu_cargo "$1" rustc --quiet --manifest-path ci/no-panic/Cargo.toml --lib --profile embedded \
        --features "$2${extra:+,$extra}"
    library=$target_dir/mcu/$1/embedded/libmote_no_panic.a
}

case ${1:-table} in
    set) build_set "${3:-thumbv7em-none-eabihf}" "$2"; python3 ci/footprint.py "$library" mote_ "${@:4}" ;;
    room) build_room "${3:-thumbv7em-none-eabihf}" "$2"; python3 ci/footprint.py "$library" check_ "${@:4}" ;;
    # What firmware prints comes out of the emulator's standard error.
    ram) ci/firmware.sh memory 2>&1 | grep '^|' ;;
    table)
        echo "| features | target | text | data | bss | worst stack |"
        echo "|---|---|--:|--:|--:|--:|"
        row() {
            build_set "$target" "$2"
            read -r text data bss stack < <(python3 ci/footprint.py "$library" mote_)
            printf '| %s | %s | %d | %d | %d | %d |\n' "$1" "${target%%-*}" "$text" "$data" "$bss" "$stack"
        }
        # An engine without the node, the port and the C functions around it.
        engine() {
            build_room "$target" "$2"
            read -r text data bss stack < <(python3 ci/footprint.py "$library" check_)
            printf '| %s | %s | %d | %d | %d | %d |\n' "$1" "${target%%-*}" "$text" "$data" "$bss" "$stack"
        }
        target=thumbv7em-none-eabihf
        row "the frame alone: node, port, addresses" ""
        row "CoAP client, addresses and options as numbers" coap-client
        row "CoAP client with URIs" coap-client,coap-uri
        row "CoAP client with URIs, observe and block-wise" coap-client,coap-uri,coap-observe,coap-block
        row "CoAP server" coap-server
        row "CoAP client and server with URIs" coap-client,coap-server,coap-uri
        row "CoAP, all of it" coap
        engine "the CoAP client engine alone, without observe and block-wise" coap_client
        engine "the CoAP engine alone: without URI texts, problem details and the C layer" coap_engine
        row "MQTT 3.1.1 without its parts" mqtt-v3
        row "MQTT 3.1.1" mqtt-v3,mqtt-parts
        row "MQTT 5 without its parts" mqtt-v5
        row "MQTT 5" mqtt-v5,mqtt-parts
        row "MQTT, both versions" mqtt
        engine "MQTT client engine alone, 3.1.1 without its parts" mqtt_client_small_v3
        engine "MQTT client engine alone, 3.1.1" mqtt_client_v3
        engine "MQTT client engine alone, 5 without its parts" mqtt_client_small_v5
        engine "MQTT client engine alone, 5" mqtt_client_v5
        engine "MQTT client engine alone, both versions without their parts" mqtt_client_small
        engine "MQTT client engine alone, both versions" mqtt_client
        row "mesh: 6LoWPAN, IPv6, RPL in both modes" mesh
        row "mesh, its options too" mesh,sixlorh,ghc,mesh-under,udp-elision,border-routers,reassembly
        engine "the mesh alone, without the C layer" mesh
        row "CoAP, MQTT and mesh" coap,mqtt,mesh
        for target in $mcu_targets; do
            [ "$target" = thumbv7em-none-eabihf ] && continue
            row "CoAP, all of it" coap
            row "MQTT, both versions" mqtt
            row "mesh: 6LoWPAN, IPv6, RPL in both modes" mesh
            row "CoAP, MQTT and mesh" coap,mqtt,mesh
        done
        ;;
    *) die "table, ram, set FEATURES, or room NAME" ;;
esac
