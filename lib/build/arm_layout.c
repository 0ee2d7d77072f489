/* SPDX-License-Identifier: MIT */
/* Places in a guest on Arm: see arm_layout.h. */
#include "lib/build/arm_layout.h"

#include <errno.h>
#include <string.h>

#include "hv/lib/types.h"

#define IMAGE_ALIGN_PAGES (ARM_IMAGE_ALIGN / PAGE_SIZE)

static int fill_banks(struct err *e, const struct pfn_range room[ARM_BANKS], uint64_t pages, struct arm_layout *l)
{
    uint64_t left = pages;

    for (unsigned int i = 0; i < ARM_BANKS; i++) {
        uint64_t here = MIN(left, room[i].end - room[i].first);

        l->banks[i] = (struct pfn_range){ room[i].first, room[i].first + here };
        left -= here;
    }
    return left == 0 ? 0
                     : err_set(e, -E2BIG, "a guest on Arm cannot have more than %llu MiB of memory",
                               (unsigned long long)(pages - left) >> 8);
}

int arm_layout_make(struct err *e, const struct pfn_range room[ARM_BANKS], const struct arm_image *image,
                    uint64_t pages, uint64_t ramdisk_size, struct arm_layout *l)
{
    uint64_t ramdisk_pages = DIV_ROUND_UP(ramdisk_size, PAGE_SIZE);
    int rc;

    memset(l, 0, sizeof(*l));
    rc = fill_banks(e, room, pages, l);
    if (rc < 0) {
        return rc;
    }
    l->kernel.first = l->banks[0].first + image->offset / PAGE_SIZE;
    l->kernel.end = l->kernel.first + DIV_ROUND_UP(image->size, PAGE_SIZE);
    if (l->kernel.end + ramdisk_pages + 2 * IMAGE_ALIGN_PAGES > l->banks[0].end) {
        return err_set(e, -EINVAL, "%llu MiB of memory are too little for this kernel and ramdisk",
                       (unsigned long long)pages >> 8);
    }
    l->tree.first = ALIGN_DOWN(l->banks[0].end - IMAGE_ALIGN_PAGES, IMAGE_ALIGN_PAGES);
    l->tree.end = l->tree.first + ARM_TREE_SIZE / PAGE_SIZE;
    l->ramdisk.end = l->tree.first;
    l->ramdisk.first = l->ramdisk.end - ramdisk_pages;
    return 0;
}
