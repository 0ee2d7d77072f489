#!/bin/sh
# SPDX-License-Identifier: MIT
# need.sh FILE...: installs the Debian packages the files list (one a line, `# why` after it) that are missing,
# after printing them. Silent when nothing is missing. Fails with one line when it may not install.
set -eu
missing=
for p in $(cat "$@" | sed 's/#.*//'); do
    case "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" in
    installed) ;;
    *) missing="$missing $p" ;;
    esac
done
[ -n "$missing" ] || exit 0
echo "Debian packages to install:$missing"
run=
if [ "$(id -u)" != 0 ]; then
    run=$(command -v sudo || true)
    [ -n "$run" ] || { echo "need.sh: run as root, or install:$missing" >&2; exit 1; }
fi
install() { DEBIAN_FRONTEND=noninteractive $run apt-get install -y -qq --no-install-recommends $missing >"$1" 2>&1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The lists of a fresh machine are empty or old: fetch them only when the first try does not succeed.
if ! install "$log"; then
    $run apt-get update -qq
    install "$log" || { cat "$log" >&2; echo "need.sh: could not install:$missing" >&2; exit 1; }
fi
