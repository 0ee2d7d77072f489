#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles every header alone: each must include what it uses. $1: compiler and flags; HEADERS: which, if not the
# hypervisor's.
bad=0
for h in ${HEADERS:-$(find abi hv -name '*.h' ! -path 'hv/arch/fake/*' ! -path 'abi/linux/*' | sort)}; do
    if ! echo "#include \"$h\"" | $1 -fsyntax-only -x c - 2>/tmp/headers.$$; then
        echo "$h does not stand alone:"
        head -3 /tmp/headers.$$
        bad=$((bad + 1))
    fi
done
rm -f /tmp/headers.$$
echo "headers: $bad not self-sufficient"
[ "$bad" -eq 0 ]
