/* SPDX-License-Identifier: MIT */
/* The kernel of a PV or PVH guest while it is built, and its memory map: see guest_kernel.h. */
#include "lib/build/x86/guest_kernel.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/build/x86/kernel_file.h"
#include "lib/foreignmemory/xenforeignmemory.h"

int guest_check_cmdline(struct guest_build *b)
{
    if (b->config->cmdline != NULL && strlen(b->config->cmdline) >= MAX_GUEST_CMDLINE) {
        return err_set(b->e, -E2BIG, "the kernel's command line is longer than %d bytes",
                       MAX_GUEST_CMDLINE - 1);
    }
    return 0;
}

int guest_set_map(struct guest_build *b, const struct ctrl_e820_entry *map, unsigned int count)
{
    int rc = ctrl_memory_map_set(b->c, b->config->domid, map, count);

    return rc < 0 ? guest_failed(b, rc, "cannot set the domain's memory map") : 0;
}

static uint64_t segment_pfn(const struct guest_build *b, uint64_t address)
{
    return (address - b->kernel->image.virt_base) >> PAGE_SHIFT;
}

void guest_add_kernel(struct guest_build *b)
{
    const struct kernel_image *k = &b->kernel->image;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        const struct kernel_segment *s = &k->segments[i];

        if (s->file_size != 0) {
            guest_add_window(b, segment_pfn(b, s->address), segment_pfn(b, s->address + s->file_size - 1) + 1);
        }
    }
}

/* The rest of the page a segment's data ends in belongs to its bss. */
static void load_segment(struct guest_build *b, const struct kernel_segment *s)
{
    uint64_t in_page = s->address & ~PAGE_MASK;
    uint64_t room = ALIGN_UP(in_page + s->file_size, PAGE_SIZE) - in_page;
    char *to;

    if (s->file_size == 0) {
        return;
    }
    to = (char *)guest_page(b, segment_pfn(b, s->address)) + in_page;
    memcpy(to, b->kernel->elf + s->offset, s->file_size);
    memset(to + s->file_size, 0, MIN(room, s->size) - s->file_size);
}

/* Bss behind the page that load_segment() has filled, when pages cannot be trusted to be zero. */
static int clear_bss(struct guest_build *b, const struct kernel_segment *s)
{
    struct xenforeignmemory_handle *fmem = ctrl_foreignmemory(b->c);
    uint64_t base = b->kernel->image.virt_base;
    uint64_t from = s->file_size == 0 ? s->address : ALIGN_UP(s->address + s->file_size, PAGE_SIZE);
    uint64_t to = s->address + s->size;
    struct pfn_range r = { segment_pfn(b, from), DIV_ROUND_UP(to - base, PAGE_SIZE) };
    xen_pfn_t *frames;
    char *at;

    if (from >= to) {
        return 0;
    }
    frames = malloc((r.end - r.first) * sizeof(*frames));
    if (frames == NULL) {
        return err_set(b->e, -ENOMEM, "out of memory");
    }
    guest_put_frames(b, r, frames);
    at = xenforeignmemory_map(fmem, b->config->domid, PROT_READ | PROT_WRITE, r.end - r.first, frames, NULL);
    free(frames);
    if (at == NULL) {
        return err_errno(b->e, "cannot map the guest's memory");
    }
    memset(at + ((from - base) & ~PAGE_MASK), 0, to - from);
    xenforeignmemory_unmap(fmem, at, r.end - r.first);
    return 0;
}

int guest_load_kernel(struct guest_build *b)
{
    const struct kernel_image *k = &b->kernel->image;
    int rc = 0;

    for (unsigned int i = 0; i < k->segment_count; i++) {
        load_segment(b, &k->segments[i]);
    }
    for (unsigned int i = 0; rc == 0 && b->dirty && i < k->segment_count; i++) {
        rc = clear_bss(b, &k->segments[i]);
    }
    return rc;
}
