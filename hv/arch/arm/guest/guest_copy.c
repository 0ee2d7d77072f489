/* SPDX-License-Identifier: MIT */
/*
 * Copies to and from addresses of the current guest: the CPU translates by both stages, and the bytes are reached
 * through the direct map. The frame gets a reference before it is touched, and is translated again once it has one:
 * then it was still the guest's when it was taken.
 */
#include "hv/mm/guest_copy.h"

#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/arch_cpu.h"
#include "hv/core/domain.h"
#include "hv/core/p2m.h"
#include "hv/core/vcpu.h"
#include "hv/lib/string.h"
#include "hv/mm/frame.h"
#include "hv/mm/map.h"

#define PAR_FAULT   1UL
#define SETTLE_TRIES 3U /* its table and the page may lie in two places that change one after the other */
#define PAR_ADDRESS 0x0000fffffffff000ULL

enum copy { COPY_FROM, COPY_TO, COPY_CLEAR };

/* What AT says of an address, as the guest's kernel sees it; interrupts are off. */
static inline uint64_t translate(unsigned long va, bool write)
{
    if (write) {
        __asm__ __volatile__("at s12e1w, %0" ::"r"(va) : "memory");
    } else {
        __asm__ __volatile__("at s12e1r, %0" ::"r"(va) : "memory");
    }
    isb();
    return SYSREG_READ("par_el1");
}

/* The frame behind va with a reference, NULL when there is none the guest may use so. The guest's own PAR_EL1 is not
 * disturbed. */
static struct frame *frame_at(unsigned long va, bool write)
{
    unsigned long flags = arch_irq_save();
    uint64_t saved = SYSREG_READ("par_el1");
    uint64_t par = translate(va, write);
    mfn_t mfn = _mfn((par & PAR_ADDRESS) >> PAGE_SHIFT);
    struct frame *f = NULL;

    if (!(par & PAR_FAULT) && frame_valid(mfn)) {
        f = frame_get_any(mfn);
        if (f != NULL && ((translate(va, write) ^ par) & (PAR_ADDRESS | PAR_FAULT)) != 0) {
            frame_put(f);
            f = NULL;
        }
    }
    SYSREG_WRITE("par_el1", saved);
    arch_irq_restore(flags);
    return f;
}

/* The same when another vcpu is just changing what covers the page, which for that moment is not there. */
static NOINLINE struct frame *frame_at_settled(unsigned long va, bool write)
{
    struct p2m *p = current_domain()->p2m;
    struct frame *f = NULL;

    for (unsigned int i = 0; i < SETTLE_TRIES && f == NULL; i++) {
        spin_lock(&p->lock);
        spin_unlock(&p->lock);
        dsb_ish(); /* a new entry before the walk */
        f = frame_at(va, write);
    }
    return f;
}

/* Bytes not copied. */
static size_t copy(enum copy kind, char *ours, unsigned long va, size_t bytes)
{
    while (bytes > 0) {
        size_t offset = va & ~PAGE_MASK;
        size_t n = MIN(bytes, PAGE_SIZE - offset);
        struct frame *f = frame_at(va, kind != COPY_FROM);
        char *theirs;

        if (unlikely(f == NULL)) {
            f = frame_at_settled(va, kind != COPY_FROM);
        }
        if (f == NULL) {
            break;
        }
        theirs = (char *)map_frame(frame_mfn(f)) + offset;
        if (kind == COPY_FROM) {
            memcpy(ours, theirs, n);
        } else if (kind == COPY_TO) {
            memcpy(theirs, ours, n);
        } else {
            memset(theirs, 0, n);
        }
        unmap_frame(theirs);
        frame_put(f);
        ours = ours == NULL ? NULL : ours + n;
        va += n;
        bytes -= n;
    }
    return bytes;
}

size_t arch_copy_from_va(void *dst, unsigned long va, size_t bytes)
{
    return copy(COPY_FROM, dst, va, bytes);
}

size_t arch_copy_to_va(unsigned long va, const void *src, size_t bytes)
{
    return copy(COPY_TO, (char *)(uintptr_t)src, va, bytes);
}

size_t arch_clear_va(unsigned long va, size_t bytes)
{
    return copy(COPY_CLEAR, NULL, va, bytes);
}

int copy_from_guest(void *dst, guest_ptr_t src, size_t bytes)
{
    return arch_copy_from_va(dst, src.va, bytes) == 0 ? 0 : -EFAULT;
}

/* The call made most: one word that does not cross a page, which a guest's structures never do. */
long copy_u32_from_guest(guest_ptr_t src)
{
    struct frame *f;
    uint32_t value;

    if (unlikely((src.va & 3) != 0)) {
        return copy_from_guest(&value, src, sizeof(value)) == 0 ? (long)value : -EFAULT;
    }
    f = frame_at(src.va, false);
    if (unlikely(f == NULL)) {
        f = frame_at_settled(src.va, false);
    }
    if (unlikely(f == NULL)) {
        return -EFAULT;
    }
    value = READ_ONCE(*(uint32_t *)((char *)map_frame(frame_mfn(f)) + (src.va & ~PAGE_MASK)));
    frame_put(f);
    return (long)value;
}

int copy_pair_from_guest(uint64_t *pair, guest_ptr_t src)
{
    return copy_from_guest(pair, src, 2 * sizeof(*pair));
}

int copy_u64_to_guest(guest_ptr_t dst, uint64_t value)
{
    return copy_to_guest(dst, &value, sizeof(value));
}

int copy_to_guest(guest_ptr_t dst, const void *src, size_t bytes)
{
    return arch_copy_to_va(dst.va, src, bytes) == 0 ? 0 : -EFAULT;
}

int clear_guest(guest_ptr_t dst, size_t bytes)
{
    return arch_clear_va(dst.va, bytes) == 0 ? 0 : -EFAULT;
}
