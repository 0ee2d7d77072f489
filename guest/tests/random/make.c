/* SPDX-License-Identifier: MIT */
/*
 * Inventing calls. Values come from a set of kinds that sit close to what handlers check: small
 * numbers, powers of two and their neighbours, domain ids, frames of ours and of nobody,
 * addresses good and bad. Frames are only ever scratch frames, page tables (to be refused) or
 * far out of range, because a call may write to them; addresses are this vcpu's buffers, the
 * windows, or nothing of ours.
 */
#include "abi/domctl.h"
#include "abi/event_channel.h"
#include "abi/grant_table.h"
#include "abi/memory.h"
#include "abi/platform.h"
#include "abi/sysctl.h"
#include "guest/libguest/grant.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/x86/pagetable.h"
#include "guest/tests/random/random.h"

static unsigned long any_mfn(struct random_state *s)
{
    switch (random_below(s, 8)) {
    case 0:
        return memory_mfn(pagetable_root());
    case 1:
        return memory_mfn(random_slot[0]);
    case 2:
        return 1UL << (20 + random_below(s, 40));
    case 3:
        return ~0UL >> random_below(s, 16);
    default:
        return random_scratch_mfn[random_below(s, RANDOM_SCRATCH)];
    }
}

static unsigned long any_pointer(struct random_state *s)
{
    unsigned long buffer = (unsigned long)s->buffer[random_below(s, RANDOM_BUFFERS)];

    switch (random_below(s, 16)) {
    case 0:
        return 0;
    case 1:
        return 0x0000200000000000UL + random_below(s, 4096);
    case 2:
        return HYPERVISOR_VIRT_START + ((random_next(s) >> 20) & ~7UL);
    case 3:
        return 0x0001000000000000UL;
    case 4:
        return ~0UL - random_below(s, 64);
    case 5:
        return (unsigned long)random_window[random_below(s, RANDOM_WINDOWS)] +
               random_below(s, 4096);
    case 6:
        return buffer + random_below(s, 256) * 8;
    default:
        return buffer;
    }
}

static unsigned long small_number(struct random_state *s)
{
    unsigned int bits = random_below(s, 33);
    unsigned long value = 1UL << bits;

    switch (random_below(s, 6)) {
    case 0:
        return value;
    case 1:
        return value - 1;
    case 2:
        return value + 1;
    case 3:
        return -(value & 0xff);
    default:
        return random_below(s, 40);
    }
}

static unsigned long any_domid(struct random_state *s)
{
    static const unsigned int ids[] = {
        DOMID_SELF, DOMID_SELF,
        DOMID_SELF, 0,
        1,          77,
        DOMID_IO,   DOMID_XEN,
        DOMID_COW,  DOMID_INVALID,
        DOMID_IDLE, DOMID_FIRST_RESERVED,
    };

    return ids[random_below(s, sizeof(ids) / sizeof(ids[0]))];
}

static unsigned long any_value(struct random_state *s)
{
    switch (random_below(s, 8)) {
    case 0:
        return any_mfn(s);
    case 1:
        return any_mfn(s) << 12 | random_below(s, 4096);
    case 2:
    case 3:
        return any_pointer(s);
    case 4:
        return any_domid(s) | (unsigned long)any_domid(s) << 16 |
               (unsigned long)random_below(s, 9) << 32;
    case 5:
        return small_number(s) | (small_number(s) & 0xffff) << 32;
    default:
        return small_number(s);
    }
}

/*
 * Repeats the first words over the page, so that arrays with a wild count stay near-valid, and
 * nothing of what earlier calls returned (frame numbers of the kernel's own pages, say) is
 * taken for an argument.
 */
static void repeat_words(uint64_t *page, unsigned int words)
{
    uint64_t *to = page + words;
    unsigned long count = RANDOM_WORDS - words;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(page), "+c"(count) : : "memory");
}

static void fill_buffers(struct random_state *s)
{
    for (unsigned int i = 0; i < RANDOM_BUFFERS; i++) {
        for (unsigned int w = 0; w < 16; w++) {
            s->buffer[i][w] = any_value(s);
        }
        repeat_words(s->buffer[i], 16);
    }
}

static void make_mmu_update(struct random_state *s, struct random_call *c)
{
    struct mmu_update *u = (void *)s->buffer[0];
    bool wild = random_below(s, 200) == 0;
    unsigned int count = 1 + random_below(s, 4);

    for (unsigned int i = 0; i < (wild ? 4096 / sizeof(*u) : count); i++) {
        uint64_t *slot = random_slot[random_below(s, RANDOM_WINDOWS)];

        u[i].ptr = (random_below(s, 4) != 0 ? memory_maddr(slot) : any_mfn(s) << 12) |
                   random_below(s, 4);
        u[i].val = any_mfn(s) << 12 | (random_next(s) & 0x1ff);
        if (random_below(s, 8) == 0) {
            u[i].val |= random_next(s) & ~0xfffffffffffffUL;
        }
    }
    c->arg[0] = (unsigned long)u;
    c->arg[1] = wild ? small_number(s) : count;
    c->arg[2] = random_below(s, 4) == 0 ? any_pointer(s) : 0;
    c->arg[3] = any_domid(s) | (random_below(s, 8) == 0 ? any_domid(s) << 16 : 0);
}

static void make_va_mapping(struct random_state *s, struct random_call *c)
{
    c->arg[0] = (unsigned long)random_window[random_below(s, RANDOM_WINDOWS)];
    if (random_below(s, 8) == 0) {
        c->arg[0] = 0x0000200000000000UL + (random_next(s) >> 30);
    }
    c->arg[1] = random_below(s, 8) == 0 ? 0 : any_mfn(s) << 12 | (random_next(s) & 0x1ff);
    c->arg[2] = random_below(s, 4) == 0 ? any_pointer(s) : random_below(s, 12);
    c->arg[3] = any_domid(s);
}

static void make_mmuext(struct random_state *s, struct random_call *c)
{
    struct mmuext_op *op = (void *)s->buffer[0];
    unsigned int count = 1 + random_below(s, 4);

    for (unsigned int i = 0; i < count; i++) {
        op[i].cmd = random_below(s, 24);
        op[i].arg1.mfn = random_below(s, 4) == 0 ? any_pointer(s) : any_mfn(s);
        op[i].arg2.src_mfn = random_below(s, 2) == 0 ? any_mfn(s) : any_value(s);
    }
    c->arg[0] = (unsigned long)op;
    c->arg[1] = random_below(s, 200) == 0 ? small_number(s) : count;
    c->arg[2] = random_below(s, 4) == 0 ? any_pointer(s) : 0;
    c->arg[3] = any_domid(s);
}

static void make_event(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];

    for (unsigned int i = 0; i < 6; i++) {
        words[i] = random_below(s, 3) == 0 ? (uint32_t)any_domid(s) : random_below(s, 64);
    }
    if (random_below(s, 4) == 0) {
        s->buffer[0][0] = any_mfn(s);
    }
    c->arg[0] = random_below(s, 16);
    c->arg[1] = random_below(s, 8) == 0 ? any_pointer(s) : (unsigned long)words;
}

static void fill_grant_entry(struct random_state *s)
{
    struct grant_entry_v1 *e = grant_v1(random_below(s, 64));

    e->frame = any_mfn(s);
    e->domid = any_domid(s);
    e->flags = random_below(s, 4) == 0 ? random_next(s) : GTF_permit_access;
}

static void make_grant(struct random_state *s, struct random_call *c)
{
    struct gnttab_copy *copy = (void *)s->buffer[0];
    struct gnttab_map_grant_ref *map = (void *)s->buffer[0];

    fill_grant_entry(s);
    c->arg[0] = random_below(s, 16);
    if (c->arg[0] == GNTTABOP_copy) {
        *copy = (struct gnttab_copy){
            .source = { .u.gmfn = any_mfn(s),
                        .domid = any_domid(s),
                        .offset = random_below(s, 4200) },
            .dest = { .u.gmfn = any_mfn(s),
                      .domid = any_domid(s),
                      .offset = random_below(s, 4200) },
            .len = random_below(s, 4200),
            .flags = random_below(s, 8),
        };
        copy->source.u.ref = copy->flags & GNTCOPY_source_gref ? random_below(s, 70)
                                                               : copy->source.u.ref;
        copy->dest.u.ref = copy->flags & GNTCOPY_dest_gref ? random_below(s, 70)
                                                           : copy->dest.u.ref;
    } else if (c->arg[0] == GNTTABOP_map_grant_ref) {
        *map = (struct gnttab_map_grant_ref){
            .host_addr = (unsigned long)random_window[random_below(s, RANDOM_WINDOWS)],
            .flags = random_below(s, 64),
            .ref = random_below(s, 70),
            .dom = any_domid(s),
        };
        if (map->flags & GNTMAP_contains_pte) {
            map->host_addr = memory_maddr(random_slot[random_below(s, RANDOM_WINDOWS)]);
        }
    } else if (random_below(s, 2) == 0) {
        s->buffer[0][0] = (unsigned long)random_window[random_below(s, RANDOM_WINDOWS)];
        s->buffer[0][1] = random_below(s, 2) == 0 ? 0 : random_next(s);
        s->buffer[0][2] = random_below(s, 64);
    }
    c->arg[1] = random_below(s, 10) == 0 ? any_pointer(s) : (unsigned long)s->buffer[0];
    c->arg[2] = random_below(s, 100) == 0 ? small_number(s) : 1;
}

static void make_memory(struct random_state *s, struct random_call *c)
{
    struct xen_memory_reservation *r = (void *)s->buffer[0];
    unsigned int count = 1 + random_below(s, 4);

    c->arg[0] = random_below(s, 32);
    for (unsigned int i = 0; i < 8; i++) {
        s->buffer[1][i] = any_mfn(s);
    }
    if (random_below(s, 3) != 0) {
        r->nr_extents = random_below(s, 10) == 0 ? small_number(s) : count;
        r->extent_order = random_below(s, 6) == 0 ? small_number(s) : 0;
        r->mem_flags = random_below(s, 4) == 0 ? random_next(s) : 0;
        r->domid = any_domid(s);
        set_xen_guest_handle(r->extent_start, s->buffer[1]);
        r[1] = *r; /* the second half of an exchange */
        set_xen_guest_handle(r[1].extent_start, s->buffer[2]);
        s->buffer[0][8] = 0;
    }
    c->arg[1] = random_below(s, 10) == 0 ? any_pointer(s) : (unsigned long)r;
}

static void make_control(struct random_state *s, struct random_call *c)
{
    uint32_t *words = (uint32_t *)s->buffer[0];

    words[0] = random_below(s, 90);
    words[1] = c->nr == __HYPERVISOR_domctl   ? XEN_DOMCTL_INTERFACE_VERSION
               : c->nr == __HYPERVISOR_sysctl ? XEN_SYSCTL_INTERFACE_VERSION
                                              : XENPF_INTERFACE_VERSION;
    c->arg[0] = random_below(s, 16) == 0 ? any_pointer(s) : (unsigned long)words;
}

void random_make(struct random_state *s, struct random_call *c)
{
    static const uint8_t favourites[] = {
        __HYPERVISOR_mmu_update,
        __HYPERVISOR_mmuext_op,
        __HYPERVISOR_update_va_mapping,
        __HYPERVISOR_event_channel_op,
        __HYPERVISOR_grant_table_op,
        __HYPERVISOR_grant_table_op,
        __HYPERVISOR_memory_op,
        __HYPERVISOR_vcpu_op,
        __HYPERVISOR_update_va_mapping_otherdomain,
        __HYPERVISOR_physdev_op,
        __HYPERVISOR_domctl,
        __HYPERVISOR_sysctl,
    };

    fill_buffers(s);
    c->nr = random_below(s, 2) == 0    ? favourites[random_below(s, sizeof(favourites))]
            : random_below(s, 50) == 0 ? random_next(s)
                                       : random_below(s, 58);
    c->arg[0] = random_below(s, 32);
    for (unsigned int i = 1; i < 6; i++) {
        c->arg[i] = random_below(s, 3) == 0 ? any_value(s) : any_pointer(s);
    }
    switch (c->nr) {
    case __HYPERVISOR_mmu_update:
        make_mmu_update(s, c);
        break;
    case __HYPERVISOR_update_va_mapping:
    case __HYPERVISOR_update_va_mapping_otherdomain:
        make_va_mapping(s, c);
        break;
    case __HYPERVISOR_mmuext_op:
        make_mmuext(s, c);
        break;
    case __HYPERVISOR_event_channel_op:
        make_event(s, c);
        break;
    case __HYPERVISOR_grant_table_op:
        make_grant(s, c);
        break;
    case __HYPERVISOR_memory_op:
        make_memory(s, c);
        break;
    case __HYPERVISOR_vcpu_op:
        c->arg[1] = random_below(s, 4) == 0 ? small_number(s) : random_below(s, 4);
        break;
    case __HYPERVISOR_domctl:
    case __HYPERVISOR_sysctl:
    case __HYPERVISOR_platform_op:
        make_control(s, c);
        break;
    case __HYPERVISOR_set_trap_table:
    case __HYPERVISOR_multicall:
    case __HYPERVISOR_set_gdt:
        c->arg[0] = any_pointer(s);
        break;
    default:
        break;
    }
}
