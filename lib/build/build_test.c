/* SPDX-License-Identifier: MIT */
/*
 * What of the builder needs no hypervisor: the layout and page tables of PV guests, walked as a processor
 * would; the cache of unpacked kernels; kernels that are not.
 */
#include "lib/build/build.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/file.h"
#include "lib/build/kernel_cache.h"
#include "lib/build/x86/pv_layout.h"
#include "tests/unit/unit.h"

#define LINUX_BASE 0xffffffff80000000ULL
#define LINUX_P2M  0x8000000000ULL
#define ADDRESS    0x000ffffffffff000ULL
#define SHIFT_MFN  0x1000 /* frames of the tests are not the pfns, and not in order */

/* ---- layout and page tables ---- */

static uint64_t frame_of(uint64_t pfn)
{
    return SHIFT_MFN + (pfn ^ 1);
}

/* The pfn behind an address and whether it may be written; ~0 when nothing is mapped. */
static uint64_t walk(const struct pv_layout *l, const uint64_t *tables, uint64_t va, bool *writable)
{
    uint64_t frame = frame_of(l->tables.first);

    for (int level = 4; level >= 1; level--) {
        uint64_t pfn = (frame - SHIFT_MFN) ^ 1;
        uint64_t slot = pfn >= l->p2m_tables.first && pfn < l->p2m_tables.end
                            ? l->tables.end - l->tables.first + pfn - l->p2m_tables.first
                            : pfn - l->tables.first;
        uint64_t entry = tables[slot * 512 + (va >> (12 + 9 * (level - 1)) & 511)];

        EXPECT(level == 4 || slot != 0);
        if ((entry & 1) == 0) {
            return ~0ULL;
        }
        EXPECT_EQ(entry & 4, 4);
        *writable = (entry & 2) != 0;
        frame = (entry & ADDRESS) >> 12;
    }
    return (frame - SHIFT_MFN) ^ 1;
}

static void check_layout(const struct kernel_image *image, uint64_t pages, uint64_t ramdisk)
{
    struct pv_layout l;
    uint64_t *p2m = malloc((pages + 1) * sizeof(*p2m));
    uint64_t count;
    uint64_t *tables;
    bool writable = false;

    EXPECT_EQ(pv_layout_make(NULL, image, pages, ramdisk, &l), 0);
    EXPECT(l.needed <= pages);
    for (uint64_t pfn = 0; pfn < pages; pfn++) {
        p2m[pfn] = frame_of(pfn);
    }
    count = l.tables.end - l.tables.first + l.p2m_tables.end - l.p2m_tables.first;
    tables = calloc(count, 4096);
    pv_layout_tables(&l, p2m, tables, tables + (l.tables.end - l.tables.first) * 512);
    EXPECT_EQ((l.boot_pages * 4096 + (image->virt_base & 0x3fffff)) % (4 << 20), image->virt_base & 0x3fffff);
    EXPECT(l.boot_pages - l.stack - 1 >= 128);
    for (uint64_t pfn = 0; pfn < l.boot_pages; pfn++) {
        EXPECT_EQ(walk(&l, tables, image->virt_base + pfn * 4096, &writable), pfn);
        EXPECT_EQ(writable, pfn < l.tables.first || pfn >= l.tables.end);
    }
    if (image->virt_base + l.boot_pages * 4096 != 0) {
        EXPECT_EQ(walk(&l, tables, image->virt_base + l.boot_pages * 4096, &writable), ~0ULL);
    }
    for (uint64_t i = 0; i < l.p2m.end - l.p2m.first; i++) {
        EXPECT_EQ(walk(&l, tables, pv_layout_p2m_address(&l) + i * 4096, &writable), l.p2m.first + i);
        EXPECT(writable);
    }
    free(p2m);
    free(tables);
}

TEST(build_layout_of_linux)
{
    struct kernel_image image = { .virt_base = LINUX_BASE,
                                  .start = LINUX_BASE + 0x1000000,
                                  .wants_p2m = true,
                                  .end = LINUX_BASE + 0x2c34567,
                                  .p2m_base = LINUX_P2M,
                                  .initrd_by_pfn = true };

    check_layout(&image, 32768, 0);
    check_layout(&image, 32768, 1732460);
    check_layout(&image, 300000, 123456789); /* the list needs two L1 tables */
}

TEST(build_layout_of_a_simple_kernel)
{
    struct kernel_image image = { .virt_base = 0x100000, .start = 0x100000, .end = 0x180001 };

    check_layout(&image, 8192, 0);
    check_layout(&image, 8192, 5 << 20);
    image.virt_base = 0;
    image.start = 0;
    check_layout(&image, 16384, 1);
}

/* Sizes around the points where the tables, and with them the mapping, grow. */
TEST(build_layout_of_many_sizes)
{
    for (uint64_t kib = 0; kib < 9000; kib += 124) {
        struct kernel_image image = { .virt_base = LINUX_BASE,
                                      .start = LINUX_BASE,
                                      .end = LINUX_BASE + (kib << 10) + 1 };

        check_layout(&image, 8192, 0);
    }
}

TEST(build_layout_that_cannot_be)
{
    struct kernel_image image = { .virt_base = 0xffff800000000000ULL };
    struct pv_layout l;
    struct err e = { 0 };

    image.start = image.virt_base;
    image.end = image.virt_base + 4096;
    EXPECT_EQ(pv_layout_make(&e, &image, 8192, 0, &l), -EINVAL);
    EXPECT_STR(e.text, "it wants to be where the hypervisor is");
    image = (struct kernel_image){ .virt_base = 0xfffffffffff00000ULL, .end = 0xfffffffffff01000ULL };
    EXPECT_EQ(pv_layout_make(NULL, &image, 8192, 0, &l), -EINVAL);
    image = (struct kernel_image){ .virt_base = LINUX_BASE, .end = LINUX_BASE + 4096, .wants_p2m = true };
    image.p2m_base = LINUX_BASE + 0x10000000;
    EXPECT_EQ(pv_layout_make(NULL, &image, 8192, 0, &l), -EINVAL);
    image.p2m_base = 0xffff880000000000ULL - 4096;
    EXPECT_EQ(pv_layout_make(NULL, &image, 8192, 0, &l), -EINVAL);
    image.p2m_base = ~4095ULL;
    EXPECT_EQ(pv_layout_make(NULL, &image, 8192, 0, &l), -EINVAL);
}

/* ---- the cache ---- */

static char *make_directory(void)
{
    static char dir[] = "/tmp/proxenos-cache-XXXXXX";

    EXPECT(mkdtemp(dir) != NULL);
    return dir;
}

static unsigned int count_files(const char *dir, bool remove)
{
    DIR *d = opendir(dir);
    unsigned int count = 0;

    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (f->d_name[0] != '.' || f->d_name[1] == 'n') {
            count++;
            if (remove) {
                EXPECT_EQ(unlinkat(dirfd(d), f->d_name, 0), 0);
            }
        }
    }
    closedir(d);
    if (remove) {
        EXPECT_EQ(rmdir(dir), 0);
    }
    return count;
}

static void add(const char *dir, const char *packed, const char *text)
{
    struct kernel_cache_entry entry;

    EXPECT_EQ(kernel_cache_begin(NULL, dir, packed, strlen(packed), strlen(text), &entry), 0);
    memcpy(entry.data, text, strlen(text));
    kernel_cache_commit(dir, &entry);
    kernel_cache_drop(&entry);
}

static bool has(const char *dir, const char *packed, const char *text)
{
    struct kernel_cache_entry entry;

    if (kernel_cache_find(dir, packed, strlen(packed), &entry) < 0) {
        return false;
    }
    EXPECT_EQ(entry.size, strlen(text));
    EXPECT_EQ(memcmp(entry.data, text, entry.size), 0);
    kernel_cache_drop(&entry);
    return true;
}

TEST(build_cache)
{
    const char *dir = make_directory();
    struct kernel_cache_entry entry;
    char packed[32];

    EXPECT(!has(dir, "abc", ""));
    add(dir, "abc", "unpacked abc");
    EXPECT(has(dir, "abc", "unpacked abc"));
    EXPECT(!has(dir, "abd", ""));
    /* Given up half way: nothing stays. */
    EXPECT_EQ(kernel_cache_begin(NULL, dir, "x", 1, 100, &entry), 0);
    EXPECT_EQ(count_files(dir, false), 2);
    kernel_cache_drop(&entry);
    EXPECT_EQ(count_files(dir, false), 1);
    for (unsigned int i = 0; i < 3 * KERNEL_CACHE_ENTRIES; i++) {
        snprintf(packed, sizeof(packed), "kernel %u", i);
        add(dir, packed, packed + 3);
        EXPECT(has(dir, packed, packed + 3));
    }
    EXPECT(count_files(dir, false) <= KERNEL_CACHE_ENTRIES + 1); /* the last may be beyond by a tie */
    count_files(dir, true);
}

/* An entry whose packed bytes are others, or that is cut short, is not used. */
TEST(build_cache_that_is_damaged)
{
    const char *dir = make_directory();
    struct buf text = BUF_INIT;
    char path[512];
    DIR *d;

    add(dir, "abc", "unpacked abc");
    d = opendir(dir);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        if (f->d_name[0] != '.') {
            snprintf(path, sizeof(path), "%s/%s", dir, f->d_name);
        }
    }
    closedir(d);
    EXPECT_EQ(file_load(NULL, path, 1 << 20, &text), 0);
    text.text[text.length - 1] ^= 1;
    EXPECT_EQ(file_save(NULL, path, text.text, text.length, 0600), 0);
    EXPECT(!has(dir, "abc", ""));
    text.text[text.length - 1] ^= 1;
    EXPECT_EQ(file_save(NULL, path, text.text, text.length, 0600), 0);
    EXPECT(has(dir, "abc", "unpacked abc"));
    EXPECT_EQ(truncate(path, (off_t)text.length - 1), 0);
    EXPECT(!has(dir, "abc", ""));
    EXPECT_EQ(truncate(path, 10), 0);
    EXPECT(!has(dir, "abc", ""));
    buf_free(&text);
    count_files(dir, true);
}

/* Where nothing can be written the bytes live in memory. */
TEST(build_cache_without_a_directory)
{
    add(NULL, "abc", "text");
    add("/proc/nothing", "abc", "text");
    EXPECT(!has(NULL, "abc", ""));
}

/* ---- kernel files ---- */

static void expect_refused(const char *dir, const void *data, size_t size, const char *why)
{
    struct build_kernel *kernel;
    struct err e = { 0 };
    char path[300], text[600];

    snprintf(path, sizeof(path), "%s/kernel", dir);
    EXPECT_EQ(file_save(NULL, path, data, size, 0600), 0);
    EXPECT(build_kernel_open(&e, path, dir, BUILD_PV, &kernel) < 0);
    EXPECT(kernel == NULL);
    snprintf(text, sizeof(text), "kernel %s: %s", path, why);
    EXPECT_STR(e.text, text);
    EXPECT_EQ(unlink(path), 0);
}

TEST(build_kernel_that_is_none)
{
    const char *dir = make_directory();
    struct build_kernel *kernel;
    struct err e = { 0 };
    char text[4096] = "no ELF";
    unsigned char packed[4096];
    z_stream s = {
        .next_in = (Bytef *)text, .avail_in = sizeof(text), .next_out = packed, .avail_out = sizeof(packed)
    };

    EXPECT_EQ(build_kernel_open(&e, "/nonexistent", dir, BUILD_PV, &kernel), -ENOENT);
    expect_refused(dir, "", 0, "an empty file");
    expect_refused(dir, "hello", 5, "wrong format: neither ELF, bzImage nor gzip");
    EXPECT_EQ(deflateInit2(&s, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    EXPECT_EQ(deflate(&s, Z_FINISH), Z_STREAM_END);
    expect_refused(dir, packed, s.total_out, "contains no ELF file");
    packed[s.total_out / 2] ^= 0x55;
    expect_refused(dir, packed, s.total_out, "truncated or damaged: its gzip data cannot be unpacked");
    deflateEnd(&s);
    EXPECT_EQ(count_files(dir, true), 0); /* and none of them is in the cache */
}
