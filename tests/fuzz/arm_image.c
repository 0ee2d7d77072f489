/* SPDX-License-Identifier: MIT */
/*
 * The header of a guest's kernel on Arm, and where kernel, ramdisk and device tree then lie: apart from each other and
 * inside the guest's memory, whatever the header says. The first nine bytes are the sizes of memory and ramdisk.
 */
#include <string.h>

#include "hv/lib/types.h"
#include "lib/build/arm_layout.h"
#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static void check(const struct arm_layout *l, const struct arm_image *image, uint64_t pages, uint64_t ramdisk)
{
    uint64_t there = 0;

    for (unsigned int i = 0; i < ARM_BANKS; i++) {
        EXPECT(l->banks[i].first <= l->banks[i].end);
        there += l->banks[i].end - l->banks[i].first;
    }
    EXPECT_EQ(there, pages);
    EXPECT(l->kernel.first >= l->banks[0].first && l->kernel.first < l->kernel.end);
    EXPECT((l->kernel.end - l->kernel.first) * PAGE_SIZE >= image->size);
    EXPECT(l->kernel.end <= l->ramdisk.first && l->ramdisk.first <= l->ramdisk.end);
    EXPECT((l->ramdisk.end - l->ramdisk.first) * PAGE_SIZE >= ramdisk);
    EXPECT(l->ramdisk.end <= l->tree.first && l->tree.first < l->tree.end && l->tree.end <= l->banks[0].end);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const struct pfn_range room[ARM_BANKS] = { { 0x40000, 0x100000 }, { 0x200000, 0x10000000 } };
    struct fuzz_input in = { data, size };
    uint64_t pages = fuzz_u64(&in) % (1ULL << 31) >> fuzz_below(&in, 31);
    uint64_t ramdisk = pages != 0 ? fuzz_number(&in) % (pages << PAGE_SHIFT) : 0;
    const char *why = NULL;
    struct arm_image image;
    struct arm_layout l;
    struct err e = { 0 };
    int rc = arm_image_parse(in.data, in.left, &image, &why);

    EXPECT((rc == 0) == (why == NULL));
    if (rc == 0) {
        EXPECT(image.size >= in.left && image.offset < ARM_IMAGE_ALIGN);
        rc = arm_layout_make(&e, room, &image, pages, ramdisk, &l);
        EXPECT((rc < 0) == (e.code < 0));
        if (rc == 0) {
            check(&l, &image, pages, ramdisk);
        }
    }
}
