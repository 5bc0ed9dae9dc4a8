#!/usr/bin/env bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs every check of the project: `ci/test.sh`, or some of them: `ci/test.sh rust c-abi`.
#
# A check is a file ci/steps/NN-NAME.sh; as many run at a time as there are processors. It passes with exit status 0, is skipped with 77 (its last line
# says why) and fails with any other. Its output goes to build/ci/NAME.log. The last line that this prints counts them; where a step failed, the
# lines that say what was wrong follow it.
. "$(dirname "$0")/lib.sh"
cd "$root"

# Seconds that a step may take before it is stopped and counts as failed, and how many steps run at a time.
limit=${MOTE_STEP_LIMIT:-3600}
jobs=${MOTE_JOBS:-$(nproc)}
passed=0 failed=0 skipped=0 wrong=
start=$SECONDS
declare -A running=() # process: name and start of its step
trap 'kill "${!running[@]}" 2>/dev/null || true' EXIT

wanted() {
    [ $# = 1 ] && return 0
    local name=$1 pattern
    shift
    for pattern in "$@"; do [ "$pattern" = "$name" ] && return 0; done
    return 1
}

# The lines of a step's log that say what failed; its end where there are none.
telling() {
    grep -a -m 40 -E 'FAIL|^error|[Ee]rror:|ERROR|panicked|assertion|Traceback|Expired|DISAGREEMENT|not so:| and not |stopped after' "$1" | cut -c -400 ||
        tail -n 3 "$1"
}

# Waits until a step has ended, and reports it.
report() {
    local process status=0 name began took log lines
    wait -n -p process || status=$?
    read -r name began <<<"${running[$process]}"
    unset "running[$process]"
    took=$((SECONDS - began)) log=$build/ci/$name.log
    case $status in
        0) passed=$((passed + 1)); printf 'PASS  %-16s %4d s  %s\n' "$name" "$took" "$(grep -a '^without ' "$log" | sort -u | tr '\n' ' ')" ;;
        77) skipped=$((skipped + 1)); printf 'SKIP  %-16s %4d s  %s\n' "$name" "$took" "$(tail -n 1 "$log")" ;;
        *)
            failed=$((failed + 1))
            [ $status = 124 ] && echo "stopped after $limit seconds" >>"$log"
            printf 'FAIL  %-16s %4d s  (exit status %d)\n' "$name" "$took" "$status"
            lines=$(telling "$log" | sed 's/^/      /')
            wrong+=$'\n'"FAIL  $name"$'\n'$lines
            printf '%s\n      the end of %s:\n' "$lines" "${log#"$root/"}"
            tail -n 40 "$log" | sed 's/^/      /'
            ;;
    esac
}

for name in "$@"; do
    compgen -G "ci/steps/[0-9][0-9]-$name.sh" >/dev/null || die "no such step: $name"
done
has_ipv6 || say "IPv6 is off on loopback here: checks that need it will fail"
for file in ci/steps/[0-9][0-9]-*.sh; do
    name=$(basename "$file" .sh)
    name=${name#*-}
    wanted "$name" "$@" || continue
    [ ${#running[@]} -lt "$jobs" ] || report
    timeout --kill-after=10 "$limit" bash "$file" >"$build/ci/$name.log" 2>&1 </dev/null &
    running[$!]="$name $SECONDS"
done
while [ ${#running[@]} != 0 ]; do report; done

echo "took $((SECONDS - start)) s; the logs are in build/ci/"
echo "$passed passed, $failed failed, $skipped skipped$wrong"
[ "$failed" = 0 ]
