/* SPDX-License-Identifier: MIT */
/* Multiboot information of both kinds, whole and broken, and the memory map's clean-up. */
#include "hv/init/bootinfo.h"

#include "hv/arch/fake/fake.h"
#include "hv/arch/x86/cpu/paging.h"
#include "hv/lib/string.h"
#include "tests/unit/unit.h"

#define INFO 0x10000UL
#define AREA 0x20000UL

paddr_t paging_virt_to_phys(const void *va)
{
    return _paddr((unsigned long)va);
}

static uint8_t *physical(uint64_t a)
{
    return (uint8_t *)arch_direct_map(_mfn(a >> PAGE_SHIFT)) + (a & ~PAGE_MASK);
}

static void put(uint64_t at, uint64_t value, unsigned int bytes)
{
    memcpy(physical(at), &value, bytes);
}

static void put_text(uint64_t at, const char *text)
{
    memcpy(physical(at), text, strlen(text) + 1);
}

static void make_mb1(const char *loader)
{
    memset(physical(INFO), 0, 128);
    put(INFO, 0x24c, 4); /* command line, modules, memory map, loader */
    put(INFO + 16, AREA, 4);
    put_text(AREA, "/boot/proxenos.gz  console=com1 dom0_mem=1G");
    put(INFO + 20, 2, 4);
    put(INFO + 24, AREA + 0x100, 4);
    put(AREA + 0x100, 0x1000000, 4);
    put(AREA + 0x104, 0x1800123, 4);
    put(AREA + 0x108, AREA + 0x200, 4);
    put(AREA + 0x110, 0x2000000, 4);
    put(AREA + 0x114, 0x2100000, 4);
    put(AREA + 0x118, AREA + 0x300, 4);
    put_text(AREA + 0x200, "vmlinuz root=/dev/xvda1 quiet");
    put_text(AREA + 0x300, "initrd.img");
    put(INFO + 44, 48, 4);
    put(INFO + 48, AREA + 0x400, 4);
    put(AREA + 0x400, 20, 4);
    put(AREA + 0x404, 0x100000, 8);
    put(AREA + 0x40c, 0x7ff00000, 8);
    put(AREA + 0x414, 1, 4);
    put(AREA + 0x418, 20, 4);
    put(AREA + 0x41c, 0, 8);
    put(AREA + 0x424, 0x9fc00, 8);
    put(AREA + 0x42c, 1, 4);
    put(INFO + 64, AREA + 0x500, 4);
    put_text(AREA + 0x500, loader);
}

TEST(bootinfo_multiboot1)
{
    make_mb1("qemu");
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC1, _paddr(INFO)), 0);
    EXPECT_STR(bootinfo.cmdline, "console=com1 dom0_mem=1G");
    EXPECT_EQ(bootinfo.module_count, 2);
    EXPECT_EQ(bootinfo.modules[0].start, 0x1000000);
    EXPECT_EQ(bootinfo.modules[0].end, 0x1800123);
    EXPECT_STR(bootinfo.modules[0].string, "root=/dev/xvda1 quiet");
    EXPECT_STR(bootinfo.modules[1].string, "");
    EXPECT_EQ(machine_e820.count, 2);
    EXPECT_EQ(machine_e820.entries[0].start, 0);
    EXPECT_EQ(machine_e820.entries[1].size, 0x7ff00000);
}

TEST(bootinfo_grub2_keeps_first_word)
{
    make_mb1("GRUB 2.06-13+deb12u1");
    put_text(AREA, "placeholder console=com1");
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC1, _paddr(INFO)), 0);
    EXPECT_STR(bootinfo.cmdline, "placeholder console=com1");
}

TEST(bootinfo_refusals)
{
    EXPECT_EQ(bootinfo_parse(0, _paddr(INFO)), -EINVAL);
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC1, _paddr(0)), -EINVAL);
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC1, _paddr(0xfffffff0ULL)), -EINVAL);
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC2, _paddr(INFO + 4)), -EINVAL);
}

static uint64_t tag(uint64_t at, uint32_t type, uint32_t body)
{
    put(at, type, 4);
    put(at + 4, 8 + body, 4);
    return at + 8;
}

static uint64_t make_mb2(void)
{
    uint64_t at = INFO + 8;
    uint64_t body;

    memset(physical(INFO), 0, 0x1000);
    body = tag(at, 1, 20);
    put_text(body, "console=vga noreboot");
    at += 32;
    body = tag(at, 2, 10);
    put_text(body, "GRUB 2.06");
    at += 24;
    body = tag(at, 3, 8 + 20);
    put(body, 0x1000000, 4);
    put(body + 4, 0x1100000, 4);
    put_text(body + 8, "root=/dev/sda1 ro");
    at += 40;
    body = tag(at, 6, 8 + 24);
    put(body, 24, 4);
    put(body + 8, 0x100000, 8);
    put(body + 16, 0x1000000, 8);
    put(body + 24, 1, 4);
    at += 40;
    body = tag(at, 14, 20);
    put_text(body, "RSD PTR ");
    at += 32;
    body = tag(at, 15, 36);
    put_text(body, "RSD PTR 2");
    at += 48;
    tag(at, 0, 0);
    put(INFO, at + 8 - INFO, 4);
    return at + 8 - INFO;
}

TEST(bootinfo_multiboot2)
{
    make_mb2();
    EXPECT_EQ(bootinfo_parse(BOOTINFO_MAGIC2, _paddr(INFO)), 0);
    EXPECT_STR(bootinfo.cmdline, "console=vga noreboot");
    EXPECT_STR(bootinfo.loader, "GRUB 2.06");
    EXPECT_STR(bootinfo.modules[0].string, "root=/dev/sda1 ro");
    EXPECT_EQ(bootinfo.modules[0].end, 0x1100000);
    EXPECT_EQ(machine_e820.count, 1);
    EXPECT_EQ(bootinfo.rsdp_size, 36);
    EXPECT_EQ(bootinfo.rsdp[8], '2');
}

TEST(bootinfo_damage)
{
    for (unsigned int round = 0; round < 30000; round++) {
        uint64_t size;

        if (round & 1) {
            make_mb1("qemu");
            size = 128;
        } else {
            size = make_mb2();
        }
        for (unsigned int n = 1 + unit_random_below(8); n > 0; n--) {
            *physical(INFO + unit_random_below((unsigned int)size)) = (uint8_t)unit_random();
        }
        (void)!bootinfo_parse(round & 1 ? BOOTINFO_MAGIC1 : BOOTINFO_MAGIC2, _paddr(INFO));
        EXPECT(bootinfo.module_count <= BOOTINFO_MODULES_MAX);
        EXPECT(strnlen(bootinfo.cmdline, sizeof(bootinfo.cmdline)) < sizeof(bootinfo.cmdline));
    }
}

TEST(bootinfo_sanitise_overlaps)
{
    static struct e820_map m;

    m.count = 4;
    m.entries[0] = (struct e820_entry){ 0x5000, 0x5000, E820_RAM };
    m.entries[1] = (struct e820_entry){ 0x0, 0x5000, E820_RAM };
    m.entries[2] = (struct e820_entry){ 0x7000, 0x1000, E820_RESERVED };
    m.entries[3] = (struct e820_entry){ 0x20000, 0, E820_RAM };
    bootinfo_sanitise(&m);
    EXPECT_EQ(m.count, 3);
    EXPECT_EQ(m.entries[0].size, 0x7000);
    EXPECT_EQ(m.entries[1].type, E820_RESERVED);
    EXPECT_EQ(m.entries[2].start, 0x8000);
    EXPECT_EQ(m.entries[2].size, 0x2000);
}

TEST(bootinfo_sanitise_random)
{
    static struct e820_map m, before;

    for (unsigned int round = 0; round < 3000; round++) {
        m.count = unit_random_below(20);
        for (unsigned int i = 0; i < m.count; i++) {
            m.entries[i] = (struct e820_entry){ unit_random_below(64), unit_random_below(32),
                                                unit_random_below(7) };
        }
        before = m;
        bootinfo_sanitise(&m);
        for (unsigned int i = 1; i < m.count; i++) {
            EXPECT(m.entries[i].start >= m.entries[i - 1].start + m.entries[i - 1].size);
        }
        for (uint64_t at = 0; at < 100; at++) {
            bool ram = false, other = false, out = false;

            for (unsigned int i = 0; i < before.count; i++) {
                const struct e820_entry *e = &before.entries[i];

                if (at >= e->start && at < e->start + e->size) {
                    ram |= e->type == E820_RAM;
                    other |= e->type != E820_RAM;
                }
            }
            for (unsigned int i = 0; i < m.count; i++) {
                out |= m.entries[i].type == E820_RAM && at >= m.entries[i].start &&
                       at < m.entries[i].start + m.entries[i].size;
            }
            EXPECT_EQ(out, ram && !other);
        }
    }
}
