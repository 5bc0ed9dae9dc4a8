# SPDX-License-Identifier: MIT OR Apache-2.0
# MQTT clients side by side against the same mosquitto: ours, libmosquitto (ci/bench/mosquitto_load.c) and rumqttc (benches/mqtt). Ours twice: as
# it is by default, and with rest_us of the Linux port at 100, so that what comes within 100 us comes at once ("resting").
#
# All of them do the same: one publisher and one subscriber in one thread, a message of 64 bytes with its time in it, at most 20 under way
# at a time; with QoS 0 a message has ended when it was written, so that the publisher runs into what the broker bears. Measured are
#   messages/s   published and received, from the first PUBLISH to the last message: the broker is the limit unless the client is slower;
#   CPU          user and system time of the client's process over messages published plus messages received;
#   latency      from publishing to receiving, half of the messages and 99 of 100;
#   instructions of the client outside the system, over messages published plus received (callgrind): what else runs does not move them.
# The rounds take turns, and the median of each number counts. MOTE_BENCH_COUNT messages (100000), MOTE_BENCH_ROUNDS rounds (5). Where something
# else runs, it is the machine's processors that are the limit, and who wakes often seldom sleeps: MOTE_BENCH_BEFORE is put before the broker's
# and the clients' commands, such as "chrt -f 10" to have them run before all else. MOTE_BENCH_TIMES=1 leaves the instructions out.

mqtt_client() {
    local client=$1 port=$2 qos=$3 count=$4
    shift 4
    case $client in
        mote | resting)
            local -a rest=()
            [ "$client" = mote ] || rest=(--rest 100)
            "$@" "$build/bin/mote-mqtt-bench" "${rest[@]}" -h 127.0.0.1 -p "$port" -V mqttv311 -q "$qos" -n "$count" -b 64 -w 20 ;;
        libmosquitto) "$@" "$build/ci/mosquitto_load" "$port" "$qos" "$count" 64 20 ;;
        rumqttc) "$@" "$build/benches/release/mote-bench-mqtt" "$port" "$qos" "$count" 64 20 ;;
    esac
}

# One line of numbers: messages/s, CPU in us, latency 50% and 99% in us. A run that fails ends the script.
mqtt_numbers() {
    local latency='%:? ([0-9]+) us'
    mqtt_client "$@" ${MOTE_BENCH_BEFORE:-env} | tr '\n' ' ' |
        sed -E "s|^(.* )?([0-9]+) messages/s.* cpu ([0-9.]+) us.* latency 50[.0]*$latency.* 99[.0]*$latency.*|\2 \3 \4 \5\n|"
}

mqtt_median() {
    cut -d ' ' -f "$2" "$1" | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

# Instructions for each message published or received: the difference of two runs, so that starting does not count.
mqtt_instructions() {
    local client=$1 port=$2 qos=$3 few=2000 many=6000 count
    local -a counts=()
    for count in $few $many; do
        mqtt_client "$client" "$port" "$qos" "$count" valgrind --tool=callgrind --callgrind-out-file=/dev/null \
            >/dev/null 2>"$build/ci/callgrind.log" || true
        counts+=("$(sed -n 's/.*Collected : \([0-9]*\).*/\1/p' "$build/ci/callgrind.log")")
    done
    echo $(((counts[1] - counts[0]) / (many - few) / 2))
}

mqtt_row() {
    local name=$1 unit=$2
    awk -v name="$name" -v unit="$unit" -v a="$3" -v r="$4" -v b="$5" -v c="$6" 'BEGIN {
        printf "%-22s %12s %12s %12s %12s   %-4s %5.2f and %5.2f of libmosquitto, %5.2f and %5.2f of rumqttc\n",
            name, a, r, b, c, unit, a / b, r / b, a / c, r / c }'
}

bench_mqtt() {
    need_deb mosquitto=mosquitto /usr/include/mosquitto.h=libmosquitto-dev gcc=gcc python3=python3 valgrind=valgrind
    "$root/ci/build.sh" >/dev/null
    local port broker qos client round count=${MOTE_BENCH_COUNT:-100000} rounds=${MOTE_BENCH_ROUNDS:-5}
    local -a clients=(mote resting libmosquitto rumqttc) row
    gcc -std=c99 -Wall -Wextra -D_POSIX_C_SOURCE=200809L -O2 "$root/ci/bench/mosquitto_load.c" -o "$build/ci/mosquitto_load" -lmosquitto
    cargo build --quiet --release --locked --manifest-path "$root/benches/mqtt/Cargo.toml" --target-dir "$build/benches"
    port=$(free_port tcp)
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n' "$port" >"$build/ci/bench-mqtt.conf"
    ${MOTE_BENCH_BEFORE:-} mosquitto -c "$build/ci/bench-mqtt.conf" >/dev/null 2>&1 &
    broker=$!
    sleep 0.5
    echo "## MQTT 3.1.1 clients: $count messages of 64 bytes, window 20, $rounds rounds in turns, medians"
    printf '%-22s %12s %12s %12s %12s\n' "" "${clients[@]}"
    for qos in 0 1 2; do
        for client in "${clients[@]}"; do : >"$build/ci/bench-mqtt-$client"; done
        for ((round = 0; round < rounds; round++)); do
            for client in "${clients[@]}"; do
                mqtt_numbers "$client" "$port" "$qos" "$count" >>"$build/ci/bench-mqtt-$client"
            done
        done
        local index=1 name unit
        while read -r unit name; do
            row=()
            for client in "${clients[@]}"; do row+=("$(mqtt_median "$build/ci/bench-mqtt-$client" $index)"); done
            mqtt_row "qos $qos $name" "$unit" "${row[@]}"
            index=$((index + 1))
        done <<<$'1/s messages\nus CPU\nus latency 50%\nus latency 99%'
        [ -z "${MOTE_BENCH_TIMES:-}" ] || continue
        row=()
        for client in "${clients[@]}"; do row+=("$(mqtt_instructions "$client" "$port" "$qos")"); done
        mqtt_row "qos $qos instructions" "" "${row[@]}"
    done
    kill $broker
    wait $broker 2>/dev/null || true
}
