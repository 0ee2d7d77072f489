/* SPDX-License-Identifier: MIT */
/*
 * User mode of a PVH guest: what is done for an instruction of a user's is done with a user's rights, and hypercalls
 * are the kernel's.
 */
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/call.h"
#include "guest/libguest/pvh/pvh.h"
#include "guest/libguest/start.h"
#include "guest/libguest/string.h"
#include "guest/libguest/test.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/libguest/x86/user.h"

#define IOPL3   0x3000UL
/* Nothing for a guest, and the hypervisor's own of dom0's. */
#define NO_PORT (start_is_dom0() ? 0x40 : 0x1f0)
#define KEYBOARD_DATA     0x60
#define KEYBOARD_STATUS   0x64
#define KEYBOARD_FULL     0x01 /* of the status: a byte waits, until it is read */
#define KEYBOARD_TEST     0xaa
#define KEYBOARD_TEST_OK  0x55
#define USER_PAGE(n) (PVH_USER_BASE + (n) * MEMORY_PAGE)

extern const char code_string[], code_call[], code_cpuid[], code_end[];

/* rep insb to rdi; a hypercall; cpuid. Each ends with ud2. */
__asm__(".pushsection .rodata\n"
        "code_string: rep insb\n ud2\n"
        "code_call: " HYPERCALL_INSTRUCTION "\n ud2\n"
        "code_cpuid: cpuid\n ud2\n"
        "code_end:\n.popsection");

static void run(struct trap_frame *f, uint64_t rflags, const char *code)
{
    struct trap_frame set = *f;

    user_load(f, code, code_end);
    f->rdi = set.rdi;
    f->rcx = set.rcx;
    f->rdx = set.rdx;
    f->rax = set.rax;
    f->rflags |= rflags;
    user_run(f);
}

static void test_string_port(void)
{
    uint8_t *data = user_data();
    struct trap_frame f = { .rdi = USER_PAGE(1) + 1, .rcx = 5, .rdx = NO_PORT };

    run(&f, IOPL3, code_string);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rcx, 0);
    EXPECT(data[0] == 0 && data[1] == 0xff && data[5] == 0xff && data[6] == 0);
    /* Without the right to ports. */
    f = (struct trap_frame){ .rdi = USER_PAGE(1), .rcx = 5, .rdx = NO_PORT };
    run(&f, 0, code_string);
    EXPECT_EQ(f.vector, TRAP_GP);
    EXPECT_EQ(data[0], 0);
}

static void test_string_to_kernel(void)
{
    uint8_t *page = pagetable_reserve_va();
    struct trap_frame f = { .rdi = (uint64_t)page, .rcx = 5, .rdx = NO_PORT };
    const void *behind = memory_alloc();

    pagetable_set(pagetable_l1(page), pte_make(memory_pfn(behind), PTE_P | PTE_RW));
    run(&f, IOPL3, code_string);
    EXPECT_EQ(f.vector, TRAP_PF);
    EXPECT_EQ(f.error & (PF_WRITE | PF_USER), PF_WRITE | PF_USER);
    EXPECT_EQ(trap_cr2(), (uint64_t)page);
    EXPECT_EQ(page[0], 0);
}

static uint8_t in(uint16_t port)
{
    uint8_t value;

    __asm__ volatile("inb %w1, %b0" : "=a"(value) : "d"(port));
    return value;
}

static bool keyboard_waits(void)
{
    for (unsigned int i = 0; i < 100000; i++) {
        if (in(KEYBOARD_STATUS) & KEYBOARD_FULL) {
            return true;
        }
    }
    return false;
}

/* An input that may not be written has not taken the device's byte: it is there when the page has come. */
static void test_string_keeps(void)
{
    uint8_t *page = pagetable_reserve_va();
    struct trap_frame f = { .rdi = (uint64_t)page, .rcx = 1, .rdx = KEYBOARD_DATA };

    if (!start_is_dom0()) {
        return; /* no device there */
    }
    __asm__ volatile("outb %b0, %w1" : : "a"(KEYBOARD_TEST), "d"(KEYBOARD_STATUS));
    EXPECT(keyboard_waits());
    run(&f, IOPL3, code_string);
    EXPECT_EQ(f.vector, TRAP_PF);
    EXPECT_EQ(trap_cr2(), (uint64_t)page);
    EXPECT_EQ(f.rcx, 1);
    EXPECT(in(KEYBOARD_STATUS) & KEYBOARD_FULL);
    f = (struct trap_frame){ .rdi = USER_PAGE(1), .rcx = 1, .rdx = KEYBOARD_DATA };
    run(&f, IOPL3, code_string);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(*(uint8_t *)user_data(), KEYBOARD_TEST_OK);
}

static void test_others(void)
{
    struct trap_frame f = { .rax = 17 /* xen_version */ };

    run(&f, 0, code_call);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ((int64_t)f.rax, -1 /* EPERM */);
    f = (struct trap_frame){ .rax = 0x40000000 };
    run(&f, 0, code_cpuid);
    EXPECT_EQ(f.vector, TRAP_UD);
    EXPECT_EQ(f.rbx, 0x566e6558);
}

void test_main(void)
{
    user_init();
    test_string_port();
    test_string_to_kernel();
    test_string_keeps();
    test_others();
}
