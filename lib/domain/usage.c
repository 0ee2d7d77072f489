/* SPDX-License-Identifier: MIT */
/* What domains have used: see usage.h. */
#include "lib/domain/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct usage *find(struct usage *list, unsigned int count, uint32_t domid)
{
    unsigned int low = 0, high = count;

    while (low < high) {
        unsigned int middle = (low + high) / 2;

        if (list[middle].domid < domid) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && list[low].domid == domid ? &list[low] : NULL;
}

static void read_networks(struct usage *list, unsigned int count)
{
    FILE *f = fopen("/proc/net/dev", "re");
    char line[512];

    while (f && fgets(line, sizeof(line), f)) {
        uint64_t received, sent;
        unsigned int domid, devid;
        struct usage *u;

        /* What the backend receives is what the guest sent. */
        if (sscanf(line, " vif%u.%u: %" SCNu64 " %*s %*s %*s %*s %*s %*s %*s %" SCNu64, &domid, &devid,
                   &received, &sent) == 4 &&
            (u = find(list, count, domid))) {
            u->nics++;
            u->sent += received;
            u->received += sent;
        }
    }
    if (f) {
        fclose(f);
    }
}

static uint64_t statistic(const char *device, const char *name)
{
    char path[384];
    uint64_t value = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/%s/statistics/%s", device, name);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%" SCNu64, &value) != 1) {
            value = 0;
        }
        fclose(f);
    }
    return value;
}

static void read_disks(struct usage *list, unsigned int count)
{
    DIR *folder = opendir("/sys/bus/xen-backend/devices");
    struct dirent *entry;

    while (folder && (entry = readdir(folder))) {
        unsigned int domid, devid;
        struct usage *u;

        if (sscanf(entry->d_name, "vbd-%u-%u", &domid, &devid) != 2 || !(u = find(list, count, domid))) {
            continue;
        }
        u->disks++;
        u->overflows += statistic(entry->d_name, "oo_req");
        u->reads += statistic(entry->d_name, "rd_req");
        u->writes += statistic(entry->d_name, "wr_req");
        u->sectors_read += statistic(entry->d_name, "rd_sect");
        u->sectors_written += statistic(entry->d_name, "wr_sect");
    }
    if (folder) {
        closedir(folder);
    }
}

void usage_read(struct usage *list, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++) {
        list[i] = (struct usage){ .domid = list[i].domid };
    }
    read_networks(list, count);
    read_disks(list, count);
}
