#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles every header alone: each must include what it uses. $1: compiler and flags; HEADERS: which, if not the
# hypervisor's; $2: folder of the architecture, whose headers are the only ones of any that are compiled.
bad=0
if [ -z "$HEADERS" ]; then
    HEADERS=$(find abi hv -name '*.h' ! -path 'abi/linux/*' | grep -v '^hv/arch/[^/]*/\|^hv/init/[^/]*/' | sort
              find "hv/arch/$2" "hv/init/$2" -name '*.h' 2>/dev/null | sort)
fi
for h in $HEADERS; do
    if ! echo "#include \"$h\"" | $1 -fsyntax-only -x c - 2>/tmp/headers.$$; then
        echo "$h does not stand alone:"
        head -3 /tmp/headers.$$
        bad=$((bad + 1))
    fi
done
rm -f /tmp/headers.$$
echo "headers: $bad not self-sufficient"
[ "$bad" -eq 0 ]
