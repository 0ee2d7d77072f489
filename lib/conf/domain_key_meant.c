/* SPDX-License-Identifier: MIT */
/*
 * The key of xl.cfg(5) that a wrong one may have been meant for: a word from elsewhere that names the same thing
 * (QEMU's and GRUB's initrd), or the key that is nearest in spelling (lib/base/near.h).
 */
#include <string.h>

#include "lib/base/near.h"
#include "lib/conf/domain_keys.h"

static const char *const others[][2] = {
    { "initrd", "ramdisk" }, { "append", "extra" },  { "mem", "memory" },
    { "ram", "memory" },     { "cpu", "vcpus" },     { "nr_cpus", "vcpus" },
    { "network", "vif" },    { "nic", "vif" },       { "hostname", "name" },
    { "on_shutdown", "on_poweroff" },
};

const char *domain_key_meant(const char *name)
{
    const struct domain_key *k;
    struct near n;

    for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(others[i][0], name) == 0) {
            return others[i][1];
        }
    }
    near_init(&n, name);
    for (unsigned int i = 0; (k = domain_key_at(i)) != NULL; i++) {
        near_add(&n, k->name);
    }
    return n.word;
}
