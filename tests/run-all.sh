#!/bin/sh
# SPDX-License-Identifier: MIT
# run-all.sh MAKE: builds everything, runs every part of `make test`, two at a time, and ends in `N passed, N failed` over all
# of them. A part that does not print figures counts as one: passed when its exit code is 0. The output of each part is
# shown whole when it has ended, and its time beside its name.
make=${1:-make}
cd "$(dirname "$0")/.."
logs=build/test-logs
rm -rf $logs
mkdir -p $logs
RANDOM_CALLS=${RANDOM_CALLS:-1000000}

# part NAME COMMAND...: runs it into its own log, then shows the log in one piece.
part() {
    name=$1
    shift
    begin=$(date +%s)
    "$@" > "$logs/$name" 2>&1 < /dev/null
    echo "exit code $?" >> "$logs/$name"
    end=$(date +%s)
    echo "==> $name ($((end - begin)) s)
$(cat "$logs/$name")"
}

pytest="/usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short"
part build $make --no-print-directory -s hv guest image image-disk test-programs
grep -q '^exit code 0$' $logs/build || { echo "0 passed, 1 failed"; exit 1; }
# Before anything that may install packages of its own: fuzzing needs the device tree library, too.
part arm64-need $make --no-print-directory -s need-arm64
kernels=$(/usr/bin/python3 guest/run-tests.py --list | grep -v '^random$')
{
    part check $make --no-print-directory -s check
    part store $make --no-print-directory -s store
    part fuzz $make --no-print-directory -s fuzz FUZZ_SECONDS=${FUZZ_SECONDS:-15}
    part test-kernels-as-dom0 /usr/bin/python3 guest/run-tests.py --jobs 1 $kernels
    part pvh-guest $pytest tests/compat/test_pvh_guest.py
    part vmx /usr/bin/python3 guest/run-bochs.py hello-pvh pvh-cpu
    part random-hypercalls-as-dom0 /usr/bin/python3 guest/run-tests.py --patience 4 --args "calls=$RANDOM_CALLS" random
    part random-hypercalls-as-guest /usr/bin/python3 guest/run-domu.py --each 300 --args "calls=$RANDOM_CALLS seed=2" random
} &
{
    part boot $pytest tests/boot
    part xl $pytest tests/compat/test_pv_guest.py
    part arm64-build $make --no-print-directory -s ARCH=arm64 hv guest
    part arm64 $pytest tests/arm64 -k "kernel or image"
    part load $pytest tests/compat/test_load.py
    part disk-and-network env DATA_MB=8 $pytest tests/compat/test_disk_net.py
}
wait

passed=0
failed=0
for log in $logs/*; do
    p=$(grep -oE '[0-9]+ passed' "$log" | awk '{ n += $1 } END { print n + 0 }')
    f=$(grep -oE '[0-9]+ (failed|error)' "$log" | awk '{ n += $1 } END { print n + 0 }')
    rc=$(sed -n 's/^exit code //p' "$log" | tail -1)
    [ "$rc" = 0 ] || [ "$f" != 0 ] || f=1
    [ "$p$f" != 00 ] || p=1
    passed=$((passed + p))
    failed=$((failed + f))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
