/* SPDX-License-Identifier: MIT */
/*
 * The smallest test: the kernel starts, has a console, a sane start_info and one hypercall that
 * answers.
 */
#include "abi/version.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/percpu.h"
#include "guest/libguest/x86/traps.h"

void test_main(void)
{
    long version = hypercall_xen_version(XENVER_version, NULL);

    EXPECT(version >= (4 << 16));
    EXPECT(strncmp(start_info->magic, "xen-3.0-x86_64", 14) == 0);
    EXPECT(start_info->nr_pages > 1024);
    EXPECT_EQ(TRAP_PROBE("ud2", NOTHING, NOTHING), TRAP_UD);
    print("hello from a test kernel, hypervisor version %ld.%ld\n", version >> 16,
          version & 0xffff);
}
