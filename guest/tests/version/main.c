/* SPDX-License-Identifier: MIT */
/*
 * xen_version in all sub-operations, console_io, unknown hypercall numbers, and the refusals of
 * both.
 */
#include "abi/features.h"
#include "abi/version.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include <percpu.h>

#define UNMAPPED 0x0000200000000000UL

static void test_strings(void)
{
    static xen_extraversion_t extra;
    static xen_compile_info_t compile;
    static xen_capabilities_info_t caps;
    static xen_changeset_info_t change;

    EXPECT(hypercall_xen_version(XENVER_version, NULL) >= 4 << 16);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, &extra), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_compile_info, &compile), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_capabilities, &caps), 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_changeset, &change), 0);
    EXPECT(strnlen(extra, sizeof(extra)) < sizeof(extra));
    EXPECT(strnlen(caps, sizeof(caps)) < sizeof(caps));
    EXPECT(strstr(caps, GUEST_CAPABILITY) != NULL);
    test_note("version %s%s, capabilities %s", "4.", extra, caps);
}

static void test_numbers(void)
{
    struct xen_platform_parameters platform = { 0 };
    xen_domain_handle_t handle;

    EXPECT_EQ(hypercall_xen_version(XENVER_pagesize, NULL), 4096);
    EXPECT_EQ(hypercall_xen_version(XENVER_platform_parameters, &platform), 0);
    EXPECT(platform.virt_start == HYPERVISOR_VIRT_START || !GUEST_IS_X86);
    EXPECT_EQ(hypercall_xen_version(XENVER_guest_handle, &handle), 0);
}

static void test_features(void)
{
    struct xen_feature_info info = { .submap_idx = 0 };

    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, &info), 0);
    EXPECT_EQ(info.submap >> XENFEAT_mmu_pt_update_preserve_ad & 1, start_is_pv());
    EXPECT_EQ(info.submap >> XENFEAT_gnttab_map_avail_bits & 1, start_is_pv());
    EXPECT_EQ(info.submap >> XENFEAT_writable_page_tables & 1, !start_is_pv());
    EXPECT_EQ(info.submap >> XENFEAT_auto_translated_physmap & 1, !start_is_pv());
    EXPECT_EQ(info.submap >> XENFEAT_hvm_callback_vector & 1, !start_is_pv() && GUEST_IS_X86);
    EXPECT_EQ(info.submap >> XENFEAT_hvm_safe_pvclock & 1, !start_is_pv() && GUEST_IS_X86);
    EXPECT_EQ(info.submap >> XENFEAT_dom0 & 1, start_is_dom0());
    test_note("features %x", info.submap);
    info = (struct xen_feature_info){ .submap_idx = XENFEAT_NR_SUBMAPS };
    EXPECT_EQ(hypercall_xen_version(XENVER_get_features, &info), -EINVAL);
}

/* Only for who may control the machine. */
static void test_private(void)
{
    static char line[1024];
    static struct {
        xen_build_id_t header;
        unsigned char room[64];
    } id;
    long size = hypercall_xen_version(XENVER_build_id, NULL);

    if (!start_is_dom0()) {
        EXPECT_EQ(size, -EPERM);
        EXPECT_EQ(hypercall_xen_version(XENVER_commandline, line), 0);
        EXPECT_EQ(memcmp(line, "<denied>", 9), 0);
        return;
    }
    EXPECT(size > 8 && size <= (long)sizeof(id.room));
    id.header.len = sizeof(id.room);
    EXPECT_EQ(hypercall_xen_version(XENVER_build_id, &id), size);
    EXPECT((id.header.buf[0] | id.header.buf[1] | id.header.buf[2]) != 0);
    id.header.len = 0;
    EXPECT_EQ(hypercall_xen_version(XENVER_build_id, &id), -EINVAL);
    id.header.len = 4;
    EXPECT_EQ(hypercall_xen_version(XENVER_build_id, &id), -ENOBUFS);
    EXPECT_EQ(hypercall_xen_version(XENVER_build_id, (void *)UNMAPPED), -EFAULT);
    EXPECT_EQ(hypercall_xen_version(XENVER_commandline, line), 0);
    EXPECT(line[0] != 0);
    EXPECT_EQ(hypercall_xen_version(XENVER_commandline, (void *)UNMAPPED), -EFAULT);
}

static void test_version_refused(void)
{
    EXPECT_EQ(hypercall_xen_version(999, NULL), -ENOSYS);
    EXPECT_EQ(hypercall_xen_version(-1, NULL), -ENOSYS);
    EXPECT_EQ(hypercall_xen_version(XENVER_extraversion, (void *)UNMAPPED), -EFAULT);
    if (start_is_pv()) {
        EXPECT_EQ(hypercall_xen_version(XENVER_capabilities, (void *)MACH2PHYS_VIRT_START), -EFAULT);
    }
    EXPECT_EQ(hypercall_xen_version(XENVER_compile_info, (void *)(HYPERVISOR_VIRT_END - 4096)),
              -EFAULT);
    if (start_is_pv() || string_option(start_cmdline(), "peer", 0) == 0) {
        /* Not canonical; where a guest has tables of its own, Debian's Xen (peer=1) looks at 48 bits. */
        EXPECT_EQ(hypercall_xen_version(XENVER_get_features, (void *)0x0001000000000000UL), -EFAULT);
    }
}

static void test_console(void)
{
    static char text[] = "a line by console_io\n";
    char in[64];

    if (!start_is_dom0()) {
        return;
    }
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, sizeof(text) - 1, text), 0);
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 0, NULL), 0);
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_read, sizeof(in), in), 0);
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 10, (void *)UNMAPPED), -EFAULT);
    if (start_is_pv()) {
        EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 10, (void *)HYPERVISOR_VIRT_START), -EFAULT);
    }
    EXPECT_EQ(hypercall_console_io(99, 10, text), -ENOSYS);
    EXPECT_EQ(hypercall_console_io(CONSOLEIO_write, 5, (void *)0xfffffffffffffffeUL), -EFAULT);
}

static void test_unknown_numbers(void)
{
    static const unsigned long numbers[] = {
        11,  43,  47,   56,           63,           64,        100,       127,
        128, 255, 1000, 0x80000000UL, 0xffffffffUL, 1UL << 32, 1UL << 63, ~0UL,
    };

    for (unsigned int i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        long rc = hypercall(numbers[i], 1, 2, 3, 4, 5);

        if (rc != -ENOSYS) {
            test_fail("hypercall number %lx answers %ld", numbers[i], rc);
        }
    }
}

void test_main(void)
{
    test_strings();
    test_numbers();
    test_features();
    test_private();
    test_version_refused();
    test_console();
    test_unknown_numbers();
}
