# SPDX-License-Identifier: MIT OR Apache-2.0
# The CoAP tools by themselves: the capture of the demonstration, the quickstart, the load generator, odd arguments.
. ci/lib.sh
need_deb gcc=gcc tshark=tshark python3=python3
ci/build.sh
build/bin/mote-coap-demo build/ci/demo.pcap
ours=$(tshark -r build/ci/demo.pcap -Y coap 2>/dev/null | wc -l)
broken=$(tshark -r build/ci/demo.pcap -Y '_ws.malformed || !coap' 2>/dev/null | wc -l)
# Request-Tag (292) is newer than this tshark, which marks it like a broken option.
tags=$(tshark -r build/ci/demo.pcap -Y _ws.malformed -T fields -e _ws.expert.message 2>/dev/null | grep -c 'Invalid Option Number 292' || true)
[ "$ours" != 0 ] && [ "$broken" = "$tags" ] || die "tshark finds $broken of $ours messages broken, $tags of them for Request-Tag"
# The same seed gives the same run to the byte.
build/bin/mote-coap-demo build/ci/demo-again.pcap >/dev/null
cmp build/ci/demo.pcap build/ci/demo-again.pcap

log=build/ci/coap-tools-server.log
port=$(free_port)
build/bin/mote-coap-server -A ::1 -p "$port" -d 2 >"$log" 2>&1 &
server=$!
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
# Times are for what hangs: nothing here depends on how long it takes.
client() { timeout 200 build/bin/mote-coap-client "$@"; }
await() { for _ in $(seq 100); do client -B 1 "$1" 2>/dev/null && break; sleep 0.2; done; }
await "coap://[::1]:$port/" >/dev/null
timeout 200 build/bin/quickstart "coap://[::1]:$port/hello" | grep -q 'hello world' || die "the quickstart gets nothing"
# With patience, for a server that a busy machine keeps waiting.
load() { timeout 300 build/bin/mote-coap-bench -a 20000 "$@"; }
load -c 2 -w 8 -n 20000 "coap://[::1]:$port/hello"
load -r -c 2 -w 8 -n 20000 "coap://[::1]:$port/hello?what=is+this"
load -r -N -w 64 -n 20000 -m post -e text "coap://[::1]:$port/test"
status=0
timeout 300 build/bin/mote-coap-bench -r -w 2 -n 2 "coap://[::1]:$port/nothing" || status=$?
[ $status = 1 ] || die "the load generator takes an error for an answer"
uri=coap://[::1]:$port
# By name: at whichever address that leads to.
named=$(free_port)
build/bin/mote-coap-server -A localhost -p "$named" -v >"$log.any" 2>&1 &
any=$!
await "coap://localhost:$named/hello" | grep -q 'hello world' \
    || die "a host is not found by its name"
# Who interrupts an observation ends it with the server too: the last that is asked is a plain GET.
build/bin/mote-coap-client -s 100 "coap://localhost:$named/time" >build/ci/observed &
observer=$!
for _ in $(seq 1000); do
    [ -s build/ci/observed ] && break
    sleep 0.1
done
kill -INT $observer
wait $observer || die "an observation that was interrupted ends with status $?"
grep '/time' "$log.any" | tail -n 1 | grep -q 'cause 0' || die "the server goes on with an observation that was interrupted"
kill -TERM $any
wait $any
[ "$(client "coap://[::1%25lo]:$port/hello")" = "hello world" ] || die "a zone where there is no need of one does no harm"
client -m put -e one "$uri/a"
client -m put -e two "$uri/b"
refused=0 && client -m put -e three "$uri/c" || refused=$?
[ $refused = 1 ] || die "a third dynamic resource is refused with an error: $refused"
[ "$(client "$uri/multi-format" -A xml)" = "<message>in XML</message>" ] || die "options may stand behind the URI"
[ "$(client -A xml "$uri/multi-format")" = "<message>in XML</message>" ] || die "Accept is heeded"
head -c 3000 /dev/zero | client -m put -f - "$uri/large-update"
[ "$(client "$uri/large-update" | head -c 3000 | wc -c)" = 3000 ] || die "standard input is sent whole"
# Text of any length, and what comes out of a pipe.
long=$(head -c 6000 /dev/zero | tr '\0' a)
client -m put -t text -e "$long" "$uri/large-update"
[ "$(client "$uri/large-update")" = "$long" ] || die "a long payload is sent whole"
client -m put -t text -f <(printf %s "$long") "$uri/large-update"
[ "$(client "$uri/large-update")" = "$long" ] || die "a pipe is sent whole"
# What nobody gives in that format, and what cannot be written.
for path in hello large-update obs; do
    { client -A xml "$uri/$path" 2>&1 || true; } | grep -q '^4.06' || die "/$path is given in XML"
done
for out in "-o /dev/full $uri/hello" "-o /dev/full $uri/large"; do
    status=0
    client $out 2>/dev/null || status=$?
    [ $status = 1 ] || die "mote-coap-client $out: exit status $status, not 1"
done
for tool in "mote-coap-bench -n 1 $uri/hello" mote-coap-demo; do
    status=0
    timeout 200 build/bin/$tool >/dev/full 2>/dev/null || status=$?
    [ $status = 2 ] || die "$tool into a full disk: exit status $status, not 2"
done
# Two uploads at the same time are not mixed, and one that is broken off keeps no place from another.
head -c 200000 /dev/zero | tr '\0' 1 | client -m put -t text -f - "$uri/large-update" 2>/dev/null &
first=$!
head -c 200000 /dev/zero | tr '\0' 2 | client -m put -t text -f - "$uri/large-update" 2>/dev/null || true
wait $first || true
client "$uri/large-update" | tr -d '\n' | tr -s 12 | grep -qx '[12]' || die "uploads are mixed"
client -m delete "$uri/a"
# It is killed in the midst: blocks of 16 bytes have left by then, and there are 62,500.
head -c 1000000 /dev/zero >build/ci/megabyte
build/bin/mote-coap-client -v -b 16 -m put -f build/ci/megabyte "$uri/broken-off" 2>build/ci/broken-off.log &
upload=$!
for _ in $(seq 1000); do
    grep -q '^> ' build/ci/broken-off.log && break
    sleep 0.01
done
kill -KILL $upload
status=0
wait $upload 2>/dev/null || status=$?
[ $status = 137 ] && grep -q '^> ' build/ci/broken-off.log || die "the upload was not broken off: status $status"
client -m put -e three "$uri/c"
[ "$(client "$uri/c")" = three ] || die "the place of an upload that was broken off is free"
for bad in "-m nothing $uri/" "$uri/ $uri/" "coap://" "http://example.com/" "-t nothing $uri/" "-B x $uri/" "-s 1x $uri/" \
    "-b big $uri/" "-b 17 $uri/" "-O x,1 $uri/" "-O 65536,1 $uri/" "-O 4,0x123 $uri/" "-o /nowhere/at/all $uri/" "-f /nowhere/at/all $uri/" "-e one -e two $uri/"; do
    status=0
    client $bad >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "mote-coap-client $bad: exit status $status, not 2"
done
status=0
client -B 1 "coap://[::1]:1/" >/dev/null 2>&1 || status=$?
[ $status = 1 ] || die "nobody there: exit status $status, not 1"
for bad in "-c 65 $uri/" "-a 0 $uri/" "-w none $uri/" "-t 1x $uri/" "-n -1 $uri/" "-m nothing $uri/" "$uri/ $uri/"; do
    status=0
    timeout 200 build/bin/mote-coap-bench $bad >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "mote-coap-bench $bad: exit status $status, not 2"
done
for bad in "-A ::1 -p $port" "-p 65536" "-p x" "-A nowhere" "-d many" "::1"; do
    status=0
    timeout 200 build/bin/mote-coap-server $bad >/dev/null 2>&1 || status=$?
    [ $status = 2 ] || die "mote-coap-server $bad: exit status $status, not 2"
done
kill -TERM $server
wait $server || die "the server does not end in an orderly way"
