# SPDX-License-Identifier: MIT OR Apache-2.0
# MQTT clients side by side against the same mosquitto: ours and libmosquitto, one publisher and one subscriber in one thread.

bench_mqtt() {
    need_deb mosquitto=mosquitto /usr/include/mosquitto.h=libmosquitto-dev gcc=gcc python3=python3
    "$root/ci/build.sh" >/dev/null
    local port broker qos count=${MOTE_BENCH_COUNT:-100000} load=$build/ci/mosquitto_load
    gcc -std=c99 -Wall -Wextra -D_POSIX_C_SOURCE=200809L -O2 "$root/ci/bench/mosquitto_load.c" -o "$load" -lmosquitto
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf 'listener %s 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n' "$port" >"$build/ci/bench-mqtt.conf"
    mosquitto -c "$build/ci/bench-mqtt.conf" >/dev/null 2>&1 &
    broker=$!
    sleep 0.5
    echo "## MQTT 3.1.1 clients: $count messages of 64 bytes, window 20, three runs in turns; CPU is user and system time of the client"
    for qos in 0 1 2; do
        for _ in 1 2 3; do
            "$build/bin/mote-mqtt-bench" -h 127.0.0.1 -p "$port" -V mqttv311 -q "$qos" -n "$count" -b 64 -w 20 | sed -n "1,2s/^/qos $qos  mote         /p" || true
            "$load" "$port" "$qos" "$count" 64 20 | sed "s/^/qos $qos  libmosquitto /" || true
        done
    done
    kill $broker
    wait $broker 2>/dev/null || true
}
