# SPDX-License-Identifier: MIT OR Apache-2.0
# Every protocol alone, without the standard library, and the source-file rules.
. ci/lib.sh
bad=0
builds=(
    "" coap coap-client coap-server coap-client,coap-uri coap-client,coap-link,coap-problem coap-server,coap-uri
    coap-client,coap-observe,coap-block coap-server,coap-observe coap-server,coap-block
    mqtt mqtt-v3 mqtt-v5 mqtt-v3,mqtt-parts mqtt-v3,mqtt-store mqtt-v3,mqtt-filters mqtt-v5,mqtt-parts mqtt-v5,mqtt-store,mqtt-alias
    mqtt-v5,mqtt-auth mqtt-v5,mqtt-stream,mqtt-redirect mqtt-v5,mqtt-requests mqtt-v5,mqtt-filters,mqtt-deferred
    mesh rpl-storing,of0 rpl-non-storing,mrhof ieee802154 lowpan lowpan,ghc,sixlorh mesh,ghc mesh,sixlorh mesh,border-routers
    mesh,reassembly mesh,multihop-nd ipv6 ipv6,reassembly ipv6,ethernet
)
for features in "${builds[@]}"; do
    echo "features: ${features:-none}"
    RUSTFLAGS="-D warnings" cargo check --quiet --target-dir "$target_dir/features" --no-default-features --features "$features" || bad=1
done
# What a build answers for the parts that it lacks.
for features in coap-client coap-client,coap-uri coap-client,coap-observe,coap-block coap-client,coap-server coap-server coap-server,coap-link; do
    echo "tests with std,$features"
    cargo test --quiet --target-dir "$target_dir/features" --no-default-features --features "std,$features" --test coap_trimmed || bad=1
done
for features in mqtt-v3 mqtt-v5 mqtt-v5,mqtt-filters mqtt-v5,mqtt-requests; do
    echo "tests with std,$features"
    cargo test --quiet --target-dir "$target_dir/features" --no-default-features --features "std,$features" --test mqtt_trimmed || bad=1
done
for features in mesh mesh,multihop-nd; do
    echo "tests with std,$features"
    cargo test --quiet --target-dir "$target_dir/features" --no-default-features --features "std,$features" --test mesh_trimmed || bad=1
done
# Asked for by themselves: where git says nothing, that is no list.
need_deb git=git
files=$(git ls-files '*.rs' '*.c' '*.h' '*.sh' '*.py' '*.ld' '*.cmake' '*.S')
sources=$(git ls-files 'src/*.rs')
for file in $files; do
    head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT OR Apache-2.0' || { echo "error: no SPDX line: $file"; bad=1; }
done
for file in $sources; do
    case $file in
        */tests.rs|*/tests/*|src/ffi/*|src/memory.rs|src/table.rs|src/row.rs|src/text.rs|src/address.rs|src/panic.rs|src/lib.rs) continue ;;
    esac
    grep -q 'unsafe' "$file" || continue
    grep -q 'forbid(unsafe_code)' "$file" || { echo "error: unsafe outside its rooms: $file"; bad=1; }
done
exit $bad
