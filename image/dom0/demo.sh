# SPDX-License-Identifier: MIT
# What `make run` shows before its shell: the hypervisor as xl sees it, one guest from its creation to its shutdown with
# console, disk and network, then the guest once more, left running. proxenos.then=poweroff on the kernel's command line:
# the machine ends instead of giving a shell.
log=/var/log/xen/console/guest-guest.log

say() {
    echo
    echo "==> $*"
}

show() {
    say "$*"
    "$@"
}

# The guest's words on its console, until it is up.
until_up() {
    touch $log
    tail -f $log &
    tail=$!
    n=0
    while [ $n -lt 120 ] && ! grep -q 'guest: up' $log; do
        sleep 1
        n=$((n + 1))
    done
    sleep 1
    kill $tail
    wait $tail 2>/dev/null
}

# In the guest, through xl console, as if typed; it leaves after a while. Debian's console client, which its xl starts,
# takes what does not come from a terminal only when it is told to.
in_guest() {
    say "xl console guest   (typed for you: $*)"
    console="xl console guest"
    [ ! -e /bin/xenconsole ] || console="xenconsole --interactive $(xl domid guest)"
    (
        {
            sleep 1
            echo "$*"
            sleep 8
        } | timeout 9 $console
    ) 2>/dev/null
    echo
}

session() {
    say "the guest's console:"
    until_up
    show xl list
    truncate -s 16M /run/data.img
    show xl block-attach guest /run/data.img,raw,xvda,w || return
    show xl network-attach guest bridge=xenbr0 || return
    in_guest 'grep xvda /proc/partitions; ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ping -c 2 10.0.0.1'
    show xl block-list guest
    show xl network-list guest
    show xl block-detach guest xvda
    show xl network-detach guest 0
    show xl shutdown -ww guest
    show xl list
}

say "dom0 is up. xl info:"
xl info | grep -E 'xen_version|nr_cpus|total_memory|free_memory'
show xl create -q /etc/xen/guest.cfg && session
case $(cat /proc/cmdline) in
*proxenos.then=poweroff*)
    say "nobody is there to type: the machine ends"
    poweroff -f
    ;;
esac
show xl create -q /etc/xen/guest.cfg
say "A dom0 shell. \`xl console guest\` enters the guest (ctrl-] leaves it), \`poweroff -f\` ends the machine."
exit 0
