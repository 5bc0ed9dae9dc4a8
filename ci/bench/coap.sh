# SPDX-License-Identifier: MIT OR Apache-2.0
# CoAP servers side by side: ours and Debian's libcoap under the same load, and instructions per request.

# coap_rate SERVER PORT PATH WINDOW SECONDS: requests per second, and the nanoseconds of processor that each takes of the
# server, in the kernel too. Raw, so that the load costs as little as can be: the server is the limit.
coap_rate() {
    local before after output
    before=$(cut -d ' ' -f 1 "/proc/$1/schedstat")
    output=$("$build/bin/mote-coap-bench" -r -w "$4" -t "$5" "coap://[::1]:$2$3")
    after=$(cut -d ' ' -f 1 "/proc/$1/schedstat")
    awk -v spent=$((after - before)) '/requests in/ { print $6, int(spent / $1) }' <<<"$output"
}

# The median of what comes in, by a column.
median() { cut -d ' ' -f "$1" | sort -n | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'; }

# Instructions that a server spends on one request: the difference between two runs.
coap_instructions() {
    local path=$1 count port server out few=2000 many=6000
    local -a counts=()
    shift
    for count in $few $many; do
        port=$(free_port)
        out=$build/ci/callgrind.coap.out
        rm -f "$out"
        valgrind --tool=callgrind --callgrind-out-file="$out" "$@" -A ::1 -p "$port" >"$build/ci/callgrind-coap.log" 2>&1 &
        server=$!
        for _ in $(seq 50); do "$build/bin/mote-coap-client" -B 1 "coap://[::1]:$port$path" >/dev/null 2>&1 && break; sleep 0.2; done
        "$build/bin/mote-coap-bench" -r -w 8 -n "$count" "coap://[::1]:$port$path" >/dev/null || true
        kill -INT $server
        wait $server || true
        counts+=("$(sed -n 's/^\(summary\|totals\): \([0-9]*\).*/\2/p' "$out" | tail -n 1)")
    done
    echo $(((counts[1] - counts[0]) / (many - few)))
}

bench_coap() {
    need_deb coap-server-notls=libcoap3-bin valgrind=valgrind python3=python3
    "$root/ci/build.sh" >/dev/null
    local seconds=${MOTE_BENCH_SECONDS:-3} ours theirs window mine libcoap a b
    ours=$(free_port)
    theirs=$(free_port)
    "$build/bin/mote-coap-server" -A ::1 -p "$ours" >/dev/null 2>&1 &
    a=$!
    coap-server-notls -A ::1 -p "$theirs" >/dev/null 2>&1 &
    b=$!
    sleep 0.5
    echo "## CoAP servers over loopback, GET of a short text, medians of 5 runs in turns: requests per second, and microseconds"
    echo "## of processor that the server takes for one, in the kernel too"
    for window in 1 16 64; do
        mine=() libcoap=()
        for _ in 1 2 3 4 5; do
            mine+=("$(coap_rate $a "$ours" /hello "$window" "$seconds")")
            libcoap+=("$(coap_rate $b "$theirs" / "$window" "$seconds")")
        done
        awk -v w="$window" -v m="$(printf '%s\n' "${mine[@]}" | median 1)" -v l="$(printf '%s\n' "${libcoap[@]}" | median 1)" \
            -v mc="$(printf '%s\n' "${mine[@]}" | median 2)" -v lc="$(printf '%s\n' "${libcoap[@]}" | median 2)" \
            'BEGIN { printf "window %2d: mote %7d, libcoap %7d, ratio %.2f; mote %5.2f us, libcoap %5.2f us, ratio %.2f\n", w, m, l, m / l, mc / 1000, lc / 1000, lc / mc }'
    done
    # Not the default: without looking for input for a while, each request waits for a processor to be woken.
    kill $a
    "$build/bin/mote-coap-server" -A ::1 -p "$ours" -s 0 >/dev/null 2>&1 &
    a=$!
    sleep 0.5
    mine=()
    for _ in 1 2 3; do mine+=("$(coap_rate $a "$ours" /hello 1 "$seconds")"); done
    echo "window  1: mote $(printf '%s\n' "${mine[@]}" | median 1), sleeping at once"
    kill $a $b
    wait $a $b 2>/dev/null || true
    echo "## CoAP servers: instructions per request in user space (callgrind)"
    echo "mote    $(coap_instructions /hello "$build/bin/mote-coap-server")"
    echo "libcoap $(coap_instructions / coap-server-notls)"
}
