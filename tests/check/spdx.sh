#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source file names its licence in its first two lines, and C files open with a comment on what they are.
bad=0
for f in $(find abi hv guest lib cmd tests image scripts Makefile config.mk -type f \
           \( -name '*.[chS]' -o -name '*.py' -o -name '*.sh' -o -name '*.mk' -o -name '*.lds' \
              -o -name Makefile \) ! -path '*/corpus/*' 2>/dev/null | sort); do
    if ! head -2 "$f" | grep -q 'SPDX-License-Identifier: MIT'; then
        echo "$f: no SPDX line"
        bad=$((bad + 1))
    fi
    case $f in
    *.[ch]) if ! sed -n '2,4p' "$f" | grep -q '/\*'; then
                echo "$f: no header comment"
                bad=$((bad + 1))
            fi ;;
    esac
done
# No tabs, no // comments, no lines far over the margin in our C.
for f in $(find abi hv guest lib cmd tests -name '*.[ch]' 2>/dev/null | sort); do
    if grep -nP '\t|^\s*//' "$f" /dev/null; then
        bad=$((bad + 1))
    fi
    if grep -nP '.{121,}' "$f" /dev/null; then
        bad=$((bad + 1))
    fi
done
echo "spdx: $bad findings"
[ "$bad" -eq 0 ]
