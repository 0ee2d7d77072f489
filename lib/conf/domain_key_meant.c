/* SPDX-License-Identifier: MIT */
/*
 * The key of xl.cfg(5) that a misspelt one may have been meant for: a word from elsewhere that names the same
 * thing (QEMU's and GRUB's initrd), or the nearest key by letters added, lost, changed or swapped.
 *
 * A guess is made only when it is near: one slip in a short word, two in one of eight letters and more.
 */
#include <string.h>

#include "lib/conf/domain_keys.h"

enum { LONGEST = 40, LONG_WORD = 8 };

static const char *const others[][2] = {
    { "initrd", "ramdisk" }, { "append", "extra" }, { "mem", "memory" },       { "ram", "memory" },
    { "cpu", "vcpus" },      { "nr_cpus", "vcpus" }, { "network", "vif" },     { "nic", "vif" },
    { "hostname", "name" },  { "on_shutdown", "on_poweroff" },
};

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* Slips between two words, a swap of neighbours being one; row[i % 3] is the table's row i. */
static unsigned int slips(const char *a, const char *b)
{
    unsigned int row[3][LONGEST + 1];
    size_t n = strlen(a), m = strlen(b);

    if (n > LONGEST || m > LONGEST) {
        return LONGEST;
    }
    for (size_t i = 0; i <= n; i++) {
        unsigned int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned int)i;
        for (size_t j = 1; j <= m; j++) {
            if (i == 0) {
                now[j] = (unsigned int)j;
                continue;
            }
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[n % 3][m];
}

const char *domain_key_meant(const char *name)
{
    unsigned int best = strlen(name) >= LONG_WORD ? 3 : 2;
    const struct domain_key *k;
    const char *meant = NULL;

    for (unsigned int i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcmp(others[i][0], name) == 0) {
            return others[i][1];
        }
    }
    for (unsigned int i = 0; strlen(name) > 2 && (k = domain_key_at(i)) != NULL; i++) {
        unsigned int n = slips(name, k->name);

        if (n < best) {
            best = n;
            meant = k->name;
        }
    }
    return meant;
}
