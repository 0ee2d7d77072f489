/* SPDX-License-Identifier: MIT */
/*
 * A kernel file: taken apart, unpacked into at most 4 MiB, and its ELF parsed as a PV kernel's, as at boot,
 * and as a PVH kernel's.
 * What the parser accepts lies inside the file and in order.
 */
#include "hv/lib/kernel_image.h"

#include "hv/lib/string.h"
#include "tests/fuzz/fuzz.h"

#define UNPACKED_MAX (4UL << 20)

static char unpacked[UNPACKED_MAX];

void fuzz_init(void)
{
}

static void check(const struct kernel_image *image, size_t size)
{
    uint64_t end = 0;

    EXPECT(image->segment_count > 0 && image->segment_count <= KERNEL_SEGMENTS_MAX);
    for (unsigned int i = 0; i < image->segment_count; i++) {
        const struct kernel_segment *s = &image->segments[i];

        EXPECT(s->offset <= size && s->file_size <= size - s->offset &&
               s->file_size <= s->size);
        EXPECT(s->address >= end && s->address + s->size >= s->address);
        end = s->address + s->size;
    }
    EXPECT(image->start == image->segments[0].address && image->end >= end);
    EXPECT(image->end - image->start <= KERNEL_SIZE_MAX);
    EXPECT(strnlen(image->guest_os, sizeof(image->guest_os)) < sizeof(image->guest_os));
    EXPECT(strnlen(image->guest_version, sizeof(image->guest_version)) <
           sizeof(image->guest_version));
    EXPECT(strnlen(image->xen_version, sizeof(image->xen_version)) < sizeof(image->xen_version));
    EXPECT(strnlen(image->loader, sizeof(image->loader)) < sizeof(image->loader));
}

static void parse(const void *elf, size_t size)
{
    static struct kernel_image image;
    const char *why = NULL;

    memset(&image, 0xa5, sizeof(image));
    if (kernel_image_parse(elf, size, &image, &why) != 0) {
        EXPECT(why != NULL && strlen(why) > 0);
    } else {
        check(&image, size);
    }
    why = NULL;
    memset(&image, 0xa5, sizeof(image));
    if (kernel_image_parse_pvh(elf, size, &image, &why) != 0) {
        EXPECT(why != NULL && strlen(why) > 0);
        return;
    }
    check(&image, size);
    EXPECT(image.virt_base == 0 && image.end <= 1ULL << 32);
    EXPECT(image.entry >= image.start && image.entry < image.end);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct kernel_payload p;
    const char *why = NULL;
    size_t written = 0;

    parse(data, size);
    if (kernel_image_unwrap(data, size, &p, &why) != 0) {
        EXPECT(why != NULL && strlen(why) > 0);
        return;
    }
    EXPECT((const uint8_t *)p.data >= data && (const uint8_t *)p.data + p.size <= data + size);
    if (p.kind == COMPRESSION_NONE) {
        parse(p.data, p.size);
    } else if (decompress(p.kind, p.data, p.size, unpacked, UNPACKED_MAX, &written) == 0) {
        EXPECT(written <= UNPACKED_MAX);
        parse(unpacked, written);
    }
}
