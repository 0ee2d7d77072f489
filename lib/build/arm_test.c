/* SPDX-License-Identifier: MIT */
/*
 * What of the builder of guests on Arm needs no hypervisor: the header of an Image, good and bad; places; the writer of
 * device trees, whose output is walked as a kernel would.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv/lib/types.h"
#include "lib/build/arm_image.h"
#include "lib/build/arm_layout.h"
#include "lib/build/fdt_writer.h"
#include "tests/unit/unit.h"

/* ---- Image ---- */

static void put(unsigned char *at, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (unsigned char)(value >> 8 * i);
    }
}

static void make_header(unsigned char header[64], uint64_t offset, uint64_t size, uint64_t flags)
{
    memset(header, 0, 64);
    put(header + 8, offset);
    put(header + 16, size);
    put(header + 24, flags);
    memcpy(header + 56, "ARM\x64", 4);
}

static int parse(uint64_t offset, uint64_t size, uint64_t flags, struct arm_image *image)
{
    unsigned char header[64];
    const char *why = NULL;
    int rc;

    make_header(header, offset, size, flags);
    rc = arm_image_parse(header, sizeof(header), image, &why);
    EXPECT((rc == 0) == (why == NULL));
    return rc;
}

TEST(arm_image_header)
{
    struct arm_image i;

    EXPECT_EQ(parse(0, 32 << 20, 0xa, &i), 0);
    EXPECT_EQ(i.offset, 0);
    EXPECT_EQ(i.size, 32 << 20);
    EXPECT_EQ(parse(0x80000, 20 << 20, 2, &i), 0);
    EXPECT_EQ(i.offset, 0x80000);
    /* A header from before there was a size in it. */
    EXPECT_EQ(parse(0, 0, 0, &i), 0);
    EXPECT_EQ(i.offset, 0x80000);
    EXPECT(i.size > 64);
    /* Less than the file has. */
    EXPECT_EQ(parse(0, 1, 0, &i), 0);
    EXPECT_EQ(i.size, 64);
    EXPECT_EQ(parse(0, 32 << 20, 1, &i), -EINVAL);            /* big endian */
    EXPECT_EQ(parse(2 << 20, 32 << 20, 0, &i), -EINVAL);      /* an offset that is none */
    EXPECT_EQ(parse(0x80001, 32 << 20, 0, &i), -EINVAL);
    EXPECT_EQ(parse(UINT64_MAX & ~4095ULL, 32 << 20, 0, &i), -EINVAL);
    EXPECT_EQ(parse(0, UINT64_MAX, 0, &i), -EINVAL);
}

TEST(arm_image_other_files)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } files[] = {
        { "", 0, "not a 64-bit Arm kernel" },
        { "\x1f\x8b\x08\0\0\0\0\0", 8, "compressed by gzip" },
        { "\x7f" "ELF\2\1\1", 7, "ELF" },
        { "MZ\0\0zimg\0\0\0\0", 12, "compressed EFI" },
        { "MZ", 2, "not a 64-bit Arm kernel" },
    };
    struct arm_image i;

    for (unsigned int n = 0; n < ARRAY_SIZE(files); n++) {
        char *copy = malloc(files[n].size + 1); /* exactly as long: reading beyond is seen */
        const char *why = "";

        copy = realloc(copy, files[n].size ? files[n].size : 1);
        memcpy(copy, files[n].bytes, files[n].size);
        EXPECT_EQ(arm_image_parse(copy, files[n].size, &i, &why), -EINVAL);
        EXPECT(strstr(why, files[n].why) != NULL);
        free(copy);
    }
}

/* ---- places ---- */

static const struct pfn_range room[ARM_BANKS] = { { 0x40000, 0x100000 }, { 0x200000, 0x10000000 } };

static int lay_out(uint64_t mib, uint64_t kernel_mib, uint64_t ramdisk, struct arm_layout *l)
{
    struct arm_image image = { .offset = 0x80000, .size = kernel_mib << 20 };
    struct err e = { 0 };
    int rc = arm_layout_make(&e, room, &image, mib << 8, ramdisk, l);

    EXPECT((rc == 0) == (e.text[0] == '\0'));
    return rc;
}

static void check_places(uint64_t mib, uint64_t kernel_mib, uint64_t ramdisk)
{
    struct arm_layout l;

    EXPECT_EQ(lay_out(mib, kernel_mib, ramdisk, &l), 0);
    EXPECT_EQ(l.banks[0].first, room[0].first);
    EXPECT_EQ(l.banks[0].end - l.banks[0].first + l.banks[1].end - l.banks[1].first, mib << 8);
    EXPECT(l.banks[0].end <= room[0].end && l.banks[1].end <= room[1].end);
    EXPECT(l.banks[1].first == l.banks[1].end || l.banks[0].end == room[0].end);
    EXPECT_EQ(l.kernel.first, room[0].first + 0x80);
    EXPECT_EQ(l.kernel.end - l.kernel.first, kernel_mib << 8);
    EXPECT(l.kernel.end <= l.ramdisk.first);
    EXPECT_EQ(l.ramdisk.end - l.ramdisk.first, DIV_ROUND_UP(ramdisk, 4096));
    EXPECT_EQ(l.ramdisk.end, l.tree.first);
    EXPECT_EQ(l.tree.first % 512, 0); /* Linux maps it by a block of 2 MiB */
    EXPECT(l.tree.end <= l.banks[0].end);
}

TEST(arm_layout_places)
{
    struct arm_layout l;

    for (uint64_t ramdisk = 0; ramdisk < 20 << 20; ramdisk = ramdisk * 3 + 4095) {
        check_places(64, 32, ramdisk);
        check_places(65, 32, ramdisk);
        check_places(3072, 32, ramdisk);
        check_places(3073, 32, ramdisk);
        check_places(1 << 16, 32, ramdisk);
    }
    EXPECT_EQ(lay_out(32, 32, 0, &l), -EINVAL);
    EXPECT_EQ(lay_out(64, 32, 32 << 20, &l), -EINVAL);
    EXPECT_EQ(lay_out(2, 1, 0, &l), -EINVAL);
    EXPECT_EQ(lay_out(2 << 20, 32, 0, &l), -E2BIG);
}

/* ---- device trees ---- */

static uint32_t be32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Prints a tree: nodes and properties with their values in hexadecimal. */
static void walk(const unsigned char *tree, size_t size, char *text, size_t room_left)
{
    const unsigned char *structure = tree + be32(tree + 8), *strings = tree + be32(tree + 12);
    const unsigned char *at = structure;
    unsigned int depth = 0;
    size_t n = 0;

    EXPECT_EQ(be32(tree), 0xd00dfeed);
    EXPECT_EQ(be32(tree + 4), size);
    EXPECT_EQ(be32(tree + 20), 17);
    EXPECT_EQ(be32(tree + 16) % 8, 0);
    EXPECT_EQ(be32(tree + 32) + (size_t)(strings - tree), size);
    EXPECT_EQ(be32(tree + 36), (size_t)(strings - structure));
    for (bool more = true; more && n < room_left;) {
        uint32_t token = be32(at);

        at += 4;
        if (token == 1) {
            n += (size_t)snprintf(text + n, room_left - n, "%s{", (const char *)at);
            at += (strlen((const char *)at) + 4) & ~3UL;
            depth++;
        } else if (token == 2) {
            n += (size_t)snprintf(text + n, room_left - n, "}");
            depth--;
        } else if (token == 3) {
            uint32_t length = be32(at);

            n += (size_t)snprintf(text + n, room_left - n, "%s=", (const char *)strings + be32(at + 4));
            for (uint32_t i = 0; i < length; i++) {
                n += (size_t)snprintf(text + n, room_left - n, "%02x", at[8 + i]);
            }
            n += (size_t)snprintf(text + n, room_left - n, ";");
            at += 8 + ((length + 3) & ~3U);
        } else {
            EXPECT_EQ(token, 9);
            more = false;
        }
    }
    EXPECT_EQ(depth, 0);
    EXPECT(at == strings);
}

static size_t write_tree(void *to, size_t size)
{
    static const char *const two[] = { "ab", "c" };
    static const uint64_t reg[] = { 0x123456789aULL, 0x1000 };
    static const uint32_t cells[] = { 1, 11, 0xf08 };
    struct fdt_writer w;

    fdt_begin(&w, to, size);
    fdt_node(&w, "");
    fdt_strings(&w, "compatible", two, 2);
    fdt_u32(&w, "#address-cells", 2);
    fdt_node(&w, "node@1");
    fdt_reg(&w, "reg", reg, 2);
    fdt_empty(&w, "interrupt-controller");
    fdt_node(&w, "below");
    fdt_cells(&w, "interrupts", cells, 3);
    fdt_u64(&w, "reg", 5);
    fdt_string(&w, "compatible", "x");
    fdt_end_node(&w);
    fdt_end_node(&w);
    fdt_node(&w, "last");
    fdt_end_node(&w);
    fdt_end_node(&w);
    return fdt_finish(&w);
}

TEST(fdt_writer_walk)
{
    unsigned char tree[1024];
    char text[1024];
    size_t size = write_tree(tree, sizeof(tree));

    EXPECT(size > 0);
    walk(tree, size, text, sizeof(text));
    EXPECT(strcmp(text, "{compatible=61620063" "00;#address-cells=00000002;node@1{reg=000000123456789a0000000000001000;"
                        "interrupt-controller=;below{interrupts=000000010000000b00000f08;reg=0000000000000005;"
                        "compatible=7800;}}last{}}") == 0);
}

/* With every size that is too small: no byte beyond it is written, and it is said. */
TEST(fdt_writer_room)
{
    unsigned char whole[1024];
    size_t size = write_tree(whole, sizeof(whole));

    for (size_t room_size = 0; room_size <= size; room_size++) {
        unsigned char *tree = malloc(room_size ? room_size : 1);

        EXPECT_EQ(write_tree(tree, room_size), room_size == size ? size : 0);
        free(tree);
    }
}

TEST(fdt_writer_too_many_names)
{
    static unsigned char tree[1 << 16];
    struct fdt_writer w;

    fdt_begin(&w, tree, sizeof(tree));
    fdt_node(&w, "");
    for (unsigned int i = 0; i < 300; i++) {
        char name[16];

        snprintf(name, sizeof(name), "property-%u", i);
        fdt_u32(&w, name, i);
    }
    fdt_end_node(&w);
    EXPECT_EQ(fdt_finish(&w), 0);
}
