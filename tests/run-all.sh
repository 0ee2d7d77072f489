#!/bin/sh
# SPDX-License-Identifier: MIT
# run-all.sh MAKE: builds everything, runs every part of `make test`, and ends in `N passed, N failed` over all of them. A
# part that does not even print its figures counts as one failure.
make=${1:-make}
cd "$(dirname "$0")/.."
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# part NAME COMMAND...: runs it, shows its output, and adds what its last `N passed` and `N failed` say.
part() {
    name=$1
    shift
    echo "==> $name"
    { "$@"; echo "exit code $?"; } 2>&1 | tee "$log"
    rc=$(sed -n 's/^exit code //p' "$log" | tail -1)
    p=$(grep -oE '[0-9]+ passed' "$log" | awk '{ n += $1 } END { print n + 0 }')
    f=$(grep -oE '[0-9]+ (failed|error)' "$log" | awk '{ n += $1 } END { print n + 0 }')
    [ "$f" != 0 ] || [ "$rc" = 0 ] || f=1
    [ "$p$f" != 00 ] || p=1
    passed=$((passed + p))
    failed=$((failed + f))
}

pytest="/usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short"
part build $make --no-print-directory -s hv guest image
part check $make --no-print-directory -s check
part "test kernels as dom0" /usr/bin/python3 guest/run-tests.py --jobs 2
part boot $pytest tests/boot
part "Debian's xl and PV guests" $pytest tests/compat
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
