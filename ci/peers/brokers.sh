#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Our MQTT tools against aedes, mochi-mqtt and amqtt, of pinned versions, on loopback. See ci/peers/brokers.py.
#
#   ci/peers/brokers.sh [PART…]     every_qos_pair retained wills session wildcards large cuts; all if none is named
#
# A broker that cannot be installed is named, and the status is then 77 if all else passed.
. "$(dirname "$0")/../lib.sh"
cd "$root"
work=$build/ci/peers-brokers
place=$build/brokers
rm -rf "$work"
mkdir -p "$work" "$place"
need_deb python3=python3
brokers=() missing=()
export MOTE_BROKER_PARTS="$*"

aedes() {
    need_deb node=nodejs npm=npm || return 1
    local from=ci/peers/aedes to=$place/aedes
    mkdir -p "$to"
    cp "$from/server.js" "$to/"
    cmp -s "$from/package-lock.json" "$to/installed" && return 0
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    say "installing: aedes (once)"
    timeout 300 npm ci --prefix "$to" --no-audit --no-fund --ignore-scripts >"$work/npm.log" 2>&1 || return 1
    cp "$from/package-lock.json" "$to/installed"
}

mochi() {
    go_ready || return 1
    GOTOOLCHAIN=local timeout 300 go build -C ci/peers/mochi -o "$place/mochi" . >>"$work/go.log" 2>&1
}
# A Go that is new enough. Debian's may not be: it fetches a newer one then, as the module by which Go updates itself, checked against Go's
# database of checksums.
go_ready() {
    have go || PATH=$PATH:/usr/local/go/bin
    need_deb go=golang-go || return 1
    local wanted version toolchain
    wanted=$(sed -n 's/^go /go/p' ci/peers/mochi/go.mod) version=$(go env GOVERSION)
    if [ "$(printf '%s\n' "$wanted" "$version" | sort -V | head -n 1)" = "$wanted" ]; then return 0; fi
    say "installing: Go 1.24.4, for $version is older than $wanted (once)"
    toolchain=$(cd "$place" && GOFLAGS=-modcacherw timeout 300 go mod download -json "golang.org/toolchain@v0.0.1-go1.24.4.linux-$(go env GOARCH)" \
        2>"$work/go.log" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
    [ -n "$toolchain" ] || return 1
    # Modules carry no right to be run.
    chmod +x "$toolchain"/bin/* "$toolchain"/pkg/tool/*/*
    PATH=$toolchain/bin:$PATH
}

if aedes; then brokers+=("aedes,mqttv311=node $place/aedes/server.js" "aedes-first,mqttv311=node $place/aedes/server.js first"); else missing+=("aedes"); fi
if mochi; then brokers+=("mochi,mqttv311,mqttv5=$place/mochi"); else missing+=("mochi-mqtt"); fi
if venv amqtt==0.12.1; then brokers+=("amqtt,mqttv311=$python ci/peers/amqtt_server.py"); else missing+=("amqtt"); fi

[ ${#brokers[@]} = 0 ] || timeout --kill-after=10 2400 python3 ci/peers/brokers.py "$build/bin" "$work" "${brokers[@]}"
[ ${#missing[@]} = 0 ] || skip "could not be installed: ${missing[*]}; ${#brokers[@]} others passed"
