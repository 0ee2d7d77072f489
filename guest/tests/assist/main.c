/* SPDX-License-Identifier: MIT */
/*
 * vm_assist: every type known to the interface can be switched, unknown types and commands are
 * refused, and two assists with a visible effect: the runstate update flag and architectural
 * iopl.
 */
#include "abi/physdev.h"
#include "abi/sched.h"
#include "abi/vcpu.h"
#include "abi/xen.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/percpu.h"

static void test_types(void)
{
    static const unsigned int types[] = {
        VMASST_TYPE_4gb_segments,        VMASST_TYPE_4gb_segments_notify,
        VMASST_TYPE_writable_pagetables, VMASST_TYPE_pae_extended_cr3,
        VMASST_TYPE_architectural_iopl,  VMASST_TYPE_runstate_update_flag,
    };

    for (unsigned int i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        long on = hypercall_vm_assist(VMASST_CMD_enable, types[i]);

        test_note("assist %u: %ld", types[i], on);
        EXPECT(on == 0 || on == -EINVAL);
        EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_disable, types[i]), on);
    }
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_writable_pagetables), 0);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    EXPECT(hypercall_vm_assist(VMASST_CMD_enable, 20) < 0);
    EXPECT(hypercall_vm_assist(VMASST_CMD_enable, 64) < 0);
    EXPECT(hypercall_vm_assist(VMASST_CMD_enable, ~0U) < 0);
    EXPECT_EQ(hypercall_vm_assist(99, VMASST_TYPE_4gb_segments), -ENOSYS);
}

static void test_runstate_flag(void)
{
    static struct vcpu_runstate_info area __attribute__((aligned(64)));
    struct vcpu_register_runstate_memory_area reg = { .addr.v = &area };

    EXPECT_EQ(hypercall_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &reg), 0);
    hypercall_sched_op(SCHEDOP_yield, NULL);
    EXPECT_EQ(area.state_entry_time >> 63, 0); /* never left set */
    EXPECT(area.state_entry_time != 0);
}

static void test_iopl(void)
{
    struct physdev_set_iopl op = { .iopl = 0 };
    uint8_t byte = 0;

    EXPECT_EQ(hypercall_physdev_op(PHYSDEVOP_set_iopl, &op), 0);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
    /* The kernel counts as ring 0, so iopl 0 is enough for it now. */
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), -1);
    EXPECT_EQ(hypercall_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
    EXPECT_EQ(TRAP_PROBE("inb $0x80, %0", "=a"(byte), NOTHING), TRAP_GP);
}

void test_main(void)
{
    test_types();
    test_runstate_flag();
    test_iopl();
}
