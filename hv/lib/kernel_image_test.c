/* SPDX-License-Identifier: MIT */
/* Kernel files: a small ELF kernel made here, then broken in every way at every length. */
#include "hv/lib/kernel_image.h"

#include "abi/elfnote.h"
#include "abi/features.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define BASE       0xffffffff80000000ULL
#define TEXT       0x1000000ULL
#define NOTE_AT    0x200
#define TEXT_AT    0x1000
#define TEXT_BYTES 0x1234
#define FILE_BYTES (TEXT_AT + TEXT_BYTES)

static uint8_t file[FILE_BYTES + 0x1000];
static uint64_t note_end;

static void put(uint64_t at, uint64_t value, unsigned int bytes)
{
    memcpy(file + at, &value, bytes);
}

static void note(uint32_t type, const void *desc, uint32_t size)
{
    put(note_end, 4, 4);
    put(note_end + 4, size, 4);
    put(note_end + 8, type, 4);
    memcpy(file + note_end + 12, "Xen", 4);
    memcpy(file + note_end + 16, desc, size);
    note_end += 16 + ((size + 3) & ~3U);
}

static void note_number(uint32_t type, uint64_t value)
{
    note(type, &value, sizeof(value));
}

static void segment(unsigned int i, uint32_t type, uint64_t offset, uint64_t paddr, uint64_t filesz,
                    uint64_t memsz)
{
    uint64_t at = 64 + i * 56;

    put(at, type, 4);
    put(at + 8, offset, 8);
    put(at + 16, paddr, 8);
    put(at + 24, paddr, 8);
    put(at + 32, filesz, 8);
    put(at + 40, memsz, 8);
}

static void make(void)
{
    memset(file, 0, sizeof(file));
    memcpy(file, "\177ELF\2\1\1", 7);
    put(16, 2, 2);
    put(18, 62, 2);
    put(24, TEXT, 8);
    put(32, 64, 8);
    put(54, 56, 2);
    put(56, 2, 2);
    note_end = NOTE_AT;
    note(XEN_ELFNOTE_GUEST_OS, "linux", 6);
    note(XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
    note_number(XEN_ELFNOTE_VIRT_BASE, BASE);
    note_number(XEN_ELFNOTE_ENTRY, BASE + TEXT + 0x10);
    note_number(XEN_ELFNOTE_INIT_P2M, 0x8000000000ULL);
    note_number(XEN_ELFNOTE_MOD_START_PFN, 1);
    note(XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|dom0", 47);
    segment(0, 1, TEXT_AT, TEXT, TEXT_BYTES, 0x3000);
    segment(1, 4, NOTE_AT, TEXT, note_end - NOTE_AT, note_end - NOTE_AT);
}

TEST(kernel_image_good)
{
    const char *why = NULL;
    struct kernel_image k;

    make();
    EXPECT_EQ(kernel_image_parse(file, FILE_BYTES, &k, &why), 0);
    EXPECT_EQ(k.virt_base, BASE);
    EXPECT_EQ(k.entry, BASE + TEXT + 0x10);
    EXPECT_EQ(k.start, BASE + TEXT);
    EXPECT_EQ(k.end, BASE + TEXT + 0x3000);
    EXPECT_EQ(k.segment_count, 1);
    EXPECT_EQ(k.segments[0].file_size, TEXT_BYTES);
    EXPECT(k.initrd_by_pfn && k.wants_p2m && !k.wants_hypercall_page);
    EXPECT(k.features >> XENFEAT_dom0 & 1);
    EXPECT_STR(k.guest_os, "linux");
}

static void expect_refused(const char *part)
{
    const char *why = NULL;
    struct kernel_image k;

    EXPECT_EQ(kernel_image_parse(file, FILE_BYTES, &k, &why), -EINVAL);
    EXPECT(why != NULL && strstr(why, part) != NULL);
}

TEST(kernel_image_refusals)
{
    make();
    segment(1, 0, 0, 0, 0, 0);
    expect_refused("no Xen notes");
    make();
    put(18, 3, 2);
    expect_refused("32-bit");
    make();
    put(18, 183, 2);
    expect_refused("another machine");
    make();
    segment(0, 1, TEXT_AT, TEXT, TEXT_BYTES + 1, 0x3000);
    expect_refused("truncated");
    make();
    segment(0, 1, TEXT_AT, TEXT, 0x100, 0x80);
    expect_refused("impossible");
    make();
    segment(0, 1, TEXT_AT, ~0xfffULL, 0x100, 0x4000000000ULL);
    expect_refused("impossible");
    make();
    note_number(XEN_ELFNOTE_ENTRY, BASE);
    segment(1, 4, NOTE_AT, TEXT, note_end - NOTE_AT, note_end - NOTE_AT);
    expect_refused("entry point");
    make();
    note_number(XEN_ELFNOTE_HYPERCALL_PAGE, BASE + TEXT + 0x2800);
    segment(1, 4, NOTE_AT, TEXT, note_end - NOTE_AT, note_end - NOTE_AT);
    expect_refused("hypercall page");
    make();
    put(56, 3, 2);
    segment(2, 1, TEXT_AT, TEXT + 0x2000, 0x100, 0x100);
    expect_refused("overlap");
    make();
    put(56, 0, 2);
    expect_refused("program headers");
}

/* ---- PVH ---- */

static void pvh_entry(uint64_t entry, uint32_t size)
{
    note(XEN_ELFNOTE_PHYS32_ENTRY, &entry, size);
    segment(1, 4, NOTE_AT, TEXT, note_end - NOTE_AT, note_end - NOTE_AT);
}

/* Without the notes of a PV kernel; ELF-32 when asked. */
static void make_pvh(bool narrow)
{
    make();
    note_end = NOTE_AT;
    memset(file + NOTE_AT, 0, 0x200);
    if (!narrow) {
        pvh_entry(TEXT + 0x20, 4);
        return;
    }
    note(XEN_ELFNOTE_PHYS32_ENTRY, &(uint32_t){ TEXT + 0x20 }, 4);
    memset(file + 7, 0, 0x100);
    file[4] = 1;
    put(16, 2, 2);
    put(18, 3, 2);
    put(28, 52, 4);
    put(42, 32, 2);
    put(44, 2, 2);
    memcpy(file + 52, (uint32_t[8]){ 1, TEXT_AT, TEXT, TEXT, TEXT_BYTES, 0x3000 }, 32);
    memcpy(file + 84, (uint32_t[8]){ 4, NOTE_AT, 0, 0, note_end - NOTE_AT, note_end - NOTE_AT }, 32);
}

static void expect_pvh_refused(const char *part)
{
    const char *why = NULL;
    struct kernel_image k;

    EXPECT_EQ(kernel_image_parse_pvh(file, FILE_BYTES, &k, &why), -EINVAL);
    EXPECT(why != NULL && strstr(why, part) != NULL);
}

TEST(kernel_image_pvh)
{
    const char *why = NULL;
    struct kernel_image k;

    for (int narrow = 0; narrow < 2; narrow++) {
        make_pvh(narrow != 0);
        EXPECT_EQ(kernel_image_parse_pvh(file, FILE_BYTES, &k, &why), 0);
        EXPECT_EQ(k.entry, TEXT + 0x20);
        EXPECT_EQ(k.virt_base, 0);
        EXPECT_EQ(k.start, TEXT);
        EXPECT_EQ(k.end, TEXT + 0x3000);
        EXPECT_EQ(k.segment_count, 1);
        EXPECT_EQ(k.segments[0].address, TEXT);
        EXPECT_EQ(k.segments[0].file_size, TEXT_BYTES);
    }
    /* One file for both: what the notes say of virtual addresses means nothing here. */
    make();
    pvh_entry(TEXT, 8);
    EXPECT_EQ(kernel_image_parse_pvh(file, FILE_BYTES, &k, &why), 0);
    EXPECT_EQ(k.entry, TEXT);
    EXPECT_EQ(k.start, TEXT);
    EXPECT_EQ(kernel_image_parse(file, FILE_BYTES, &k, &why), 0);
    EXPECT_EQ(k.start, BASE + TEXT);
}

TEST(kernel_image_pvh_refusals)
{
    make();
    expect_pvh_refused("no Xen note with a PVH entry");
    make_pvh(false);
    pvh_entry(TEXT - 1, 8);
    expect_pvh_refused("entry point");
    pvh_entry(TEXT + 0x3000, 8);
    expect_pvh_refused("entry point");
    make_pvh(false);
    segment(0, 1, TEXT_AT, 0xffffe000, TEXT_BYTES, 0x3000);
    expect_pvh_refused("below 4 GiB");
    make_pvh(true);
    put(18, 40, 2);
    expect_pvh_refused("another machine");
    make_pvh(true);
    put(42, 31, 2);
    expect_pvh_refused("program headers");
    make_pvh(true);
    put(44, 200, 2);
    expect_pvh_refused("program headers");
    make_pvh(true);
    put(28, 0xffffffff, 4);
    expect_pvh_refused("truncated");
    make_pvh(true);
    put(52 + 16, FILE_BYTES, 4);
    expect_pvh_refused("truncated");
    make_pvh(true);
    file[5] = 2;
    expect_pvh_refused("another machine");
}

/* Every length and every byte: an answer, and nothing out of bounds (the sanitizers watch). */
TEST(kernel_image_pvh_cut)
{
    const char *why = NULL;
    struct kernel_image k;

    make_pvh(true);
    for (size_t size = 0; size < FILE_BYTES; size++) {
        EXPECT_EQ(kernel_image_parse_pvh(file, size, &k, &why), -EINVAL);
    }
    for (unsigned int i = 0; i < 0x300; i++) {
        make_pvh(true);
        file[i] ^= 0xff;
        if (kernel_image_parse_pvh(file, FILE_BYTES, &k, &why) == 0) {
            EXPECT(k.entry >= k.start && k.entry < k.end && k.end <= 1ULL << 32);
        }
    }
}

TEST(kernel_image_unwrap_plain)
{
    struct kernel_payload p;
    const char *why = NULL;

    make();
    EXPECT_EQ(kernel_image_unwrap(file, FILE_BYTES, &p, &why), 0);
    EXPECT_EQ(p.kind, COMPRESSION_NONE);
    EXPECT_EQ(p.unpacked_size, FILE_BYTES);
    EXPECT_EQ(kernel_image_unwrap("", 0, &p, &why), -EINVAL);
    EXPECT_EQ(kernel_image_unwrap("hello world", 11, &p, &why), -EINVAL);
    EXPECT(strstr(why, "wrong format") != NULL);
}

/* A bzImage with one setup sector and a payload that says it is XZ. */
static void make_bzimage(uint32_t payload_size, uint32_t unpacked)
{
    memset(file, 0, sizeof(file));
    file[0x1f1] = 1;
    memcpy(file + 0x202, "HdrS", 4);
    put(0x206, 0x20f, 2);
    put(0x248, 0x100, 4);
    put(0x24c, payload_size, 4);
    memcpy(file + 1024 + 0x100, "\xfd" "7zXZ\0", 6);
    put(1024 + 0x100 + payload_size - 4, unpacked, 4);
}

TEST(kernel_image_bzimage)
{
    struct kernel_payload p;
    const char *why = NULL;

    make_bzimage(0x400, 12345);
    EXPECT_EQ(kernel_image_unwrap(file, 1024 + 0x100 + 0x400, &p, &why), 0);
    EXPECT_EQ(p.kind, COMPRESSION_XZ);
    EXPECT_EQ(p.size, 0x3fc);
    EXPECT_EQ(p.unpacked_size, 12345);
    EXPECT_EQ(kernel_image_unwrap(file, 1024 + 0x100 + 0x3ff, &p, &why), -EINVAL);
    EXPECT(strstr(why, "truncated") != NULL);
    make_bzimage(0x400, 0xffffffff);
    EXPECT_EQ(kernel_image_unwrap(file, 1024 + 0x100 + 0x400, &p, &why), -EINVAL);
    make_bzimage(0x400, 1);
    put(0x248, 0xfffffff0, 4);
    EXPECT_EQ(kernel_image_unwrap(file, 1024 + 0x100 + 0x400, &p, &why), -EINVAL);
}

/* Every truncation, and random damage: never a read outside (the sanitizer watches a copy). */
TEST(kernel_image_damage)
{
    struct kernel_payload p;
    struct kernel_image k;
    const char *why;

    make();
    for (size_t size = 0; size <= FILE_BYTES; size += 1 + size / 512) {
        (void)!kernel_image_parse(file, size, &k, &why);
        (void)!kernel_image_unwrap(file, size, &p, &why);
    }
    for (unsigned int round = 0; round < 50000; round++) {
        make();
        for (unsigned int n = 1 + unit_random_below(6); n > 0; n--) {
            file[unit_random_below(NOTE_AT + 0x200)] = (uint8_t)unit_random();
        }
        if (kernel_image_parse(file, FILE_BYTES, &k, &why) == 0) {
            for (unsigned int i = 0; i < k.segment_count; i++) {
                EXPECT(k.segments[i].offset + k.segments[i].file_size <= FILE_BYTES);
                EXPECT(k.segments[i].address >= k.virt_base);
                EXPECT(k.segments[i].size >= k.segments[i].file_size);
            }
        }
    }
}
