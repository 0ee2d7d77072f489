#!/bin/sh
# SPDX-License-Identifier: MIT
# xendomains start|stop|status: guests that start with the machine (a configuration or a link to one in /etc/xen/auto)
# and what becomes of all guests when it stops: saved when XENDOMAINS_SAVE names a directory, else shut down, and
# destroyed after XENDOMAINS_STOP_MAXWAIT seconds. Settings: /etc/default/xendomains.
set -u
XENDOMAINS_AUTO=/etc/xen/auto
XENDOMAINS_SAVE=
XENDOMAINS_RESTORE=true
XENDOMAINS_STOP_MAXWAIT=300
[ ! -r /etc/default/xendomains ] || . /etc/default/xendomains
failed=0

guests() {
    xl list 2>/dev/null | awk 'NR > 1 && $2 != 0 { print $1 }'
}

name_of() {
    sed -n "s/^[[:space:]]*name[[:space:]]*=[[:space:]]*[\"']\([^\"']*\)[\"'].*/\1/p" "$1" | head -1
}

restore_saved() {
    [ -n "$XENDOMAINS_SAVE" ] && [ "$XENDOMAINS_RESTORE" = true ] || return 0
    for image in "$XENDOMAINS_SAVE"/*; do
        [ -f "$image" ] || continue
        if xl restore "$image"; then
            rm -f "$image"
        else
            echo "xendomains: $image was not restored; it is kept" >&2
            failed=1
        fi
    done
}

start() {
    restore_saved
    for config in "$XENDOMAINS_AUTO"/*; do
        [ -f "$config" ] || continue
        name=$(name_of "$config")
        if [ -n "$name" ] && xl domid "$name" >/dev/null 2>&1; then
            echo "xendomains: $name is there already"
        elif xl create -q "$config"; then
            echo "xendomains: started ${name:-$config}"
        else
            echo "xendomains: $config did not start" >&2
            failed=1
        fi
    done
}

save_or_shut_down() {
    if [ -n "$XENDOMAINS_SAVE" ] && mkdir -p "$XENDOMAINS_SAVE" && xl save "$1" "$XENDOMAINS_SAVE/$1"; then
        echo "xendomains: saved $1"
    elif ! xl shutdown "$1" >/dev/null 2>&1; then
        echo "xendomains: $1 does not listen to shutdown" >&2
    fi
}

stop() {
    for name in $(guests); do
        save_or_shut_down "$name"
    done
    waited=0
    while [ -n "$(guests)" ] && [ $waited -lt "$XENDOMAINS_STOP_MAXWAIT" ]; do
        sleep 1
        waited=$((waited + 1))
    done
    for name in $(guests); do
        echo "xendomains: $name did not end in $XENDOMAINS_STOP_MAXWAIT s; destroyed" >&2
        xl destroy "$name" || failed=1
    done
}

case ${1:-} in
start) start ;;
stop) stop ;;
status) xl list ;;
*)
    echo "usage: xendomains start|stop|status" >&2
    exit 2
    ;;
esac
exit $failed
