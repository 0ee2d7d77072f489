/* SPDX-License-Identifier: MIT */
/*
 * Understanding a kernel file: what is packed in it and how, and what an ELF kernel wants from Xen.
 *
 * Pure functions over the bytes of the file, which are not trusted: every offset is checked. On failure
 * they return -E... and set *why to a phrase to follow "dom0 kernel: ".
 *   kernel_image_unwrap()  ELF, bzImage or gzip file -> where the (compressed) ELF lies
 *   kernel_image_parse()   ELF -> segments, entry, Xen notes (or the old __xen_guest section)
 *   kernel_image_parse_pvh() the same for a PVH guest: addresses are physical, virt_base is 0, either class
 */
#ifndef HV_LIB_KERNEL_IMAGE_H
#define HV_LIB_KERNEL_IMAGE_H

#include "hv/lib/decompress.h"
#include "hv/lib/types.h"

#define KERNEL_SEGMENTS_MAX 16
#define KERNEL_SIZE_MAX     (1ULL << 30) /* what an image may take unpacked and loaded */

struct kernel_payload {
    enum compression kind;
    const void *data;
    size_t size;
    uint64_t unpacked_size; /* as the file says; size when not compressed */
};

struct kernel_segment {
    uint64_t offset;    /* in the file */
    uint64_t file_size;
    uint64_t size;      /* in memory; the rest is zero */
    uint64_t address;   /* virtual */
};

struct kernel_image {
    uint64_t virt_base; /* virtual address of pseudo-physical 0 */
    uint64_t entry;
    uint64_t start;     /* lowest and end of highest loaded virtual address */
    uint64_t end;
    bool has_notes;     /* any sign that the kernel knows Xen */
    bool wants_hypercall_page;
    uint64_t hypercall_page;
    bool wants_p2m;
    uint64_t p2m_base;
    bool initrd_by_pfn; /* the initrd need not be mapped */
    bool has_features;
    uint64_t features;  /* XENFEAT_* bits it supports */
    char guest_os[32];
    char guest_version[16];
    char xen_version[16];
    char loader[16];
    unsigned int segment_count; /* in order of address, not overlapping */
    struct kernel_segment segments[KERNEL_SEGMENTS_MAX];
};

MUST_CHECK int kernel_image_unwrap(const void *file, size_t size, struct kernel_payload *out,
                                   const char **why);
MUST_CHECK int kernel_image_parse(const void *elf, size_t size, struct kernel_image *out,
                                  const char **why);
MUST_CHECK int kernel_image_parse_pvh(const void *elf, size_t size, struct kernel_image *out,
                                      const char **why);

#endif
