#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh SECONDS NAME...: runs each fuzz target that long, from its seeds and what earlier runs found, and ends
# in `N passed, N failed`. Each prints its executions and coverage (features: edges and how often they are taken).
set -u
cd "$(dirname "$0")/../.."
out=build/fuzz
seconds=$1
shift
passed=0
failed=0
for name in "$@"; do
    mkdir -p $out/corpus/$name
    log=$out/$name.log
    longest=2048
    [ $name != kernel ] && [ $name != fdt ] || longest=8192
    if $out/$name -max_total_time="$seconds" -timeout=25 -rss_limit_mb=4096 -malloc_limit_mb=0 -len_control=0 \
        -max_len=$longest -print_final_stats=1 -artifact_prefix=$out/$name- $out/corpus/$name tests/fuzz/seeds/$name \
        > $log 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        tail -40 $log
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' $log)
    coverage=$(grep -oE 'cov: [0-9]+ ft: [0-9]+' $log | tail -1)
    echo "fuzz $name: ${runs:-?} executions, ${coverage:-no coverage}"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
