# SPDX-License-Identifier: MIT
# What `make run` shows before its shell: the hypervisor as xl sees it, and one guest with its console.
say() { echo; echo "==> $*"; }
say "dom0 is up. xl info:"
xl info | grep -E 'xen_version|nr_cpus|total_memory|free_memory'
say "xl create /etc/xen/guest.cfg"
if xl create -q /etc/xen/guest.cfg; then
    say "the guest's console:"
    log=/var/log/xen/console/guest-guest.log
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
fi
say "xl list"
xl list
say "A dom0 shell. \`xl console guest\` enters the guest (ctrl-] leaves it), \`poweroff -f\` ends the machine."
exit 0
