/* SPDX-License-Identifier: MIT */
/*
 * ELF, bzImage and Xen notes: see kernel_image.h. Layouts are those of the System V ABI (ELF-64, and ELF-32
 * for PVH) and of Linux' x86 boot protocol; note numbers come from the Xen ABI.
 *
 * struct span is the only way bytes of the file are reached: span_at() gives a pointer to so many bytes
 * at an offset, or NULL when they are not all inside.
 */
#include "hv/lib/kernel_image.h"

#include "abi/elfnote.h"
#include "abi/features.h"
#include "hv/lib/string.h"

/* ---- layouts ------------------------------------------------------------------------------- */

#define ELF_CLASS32     1
#define ELF_CLASS64     2
#define ELF_LSB         1
#define ELF_MACHINE_X64 62
#define ELF_MACHINE_386 3
#define ELF_EXEC        2
#define ELF_DYN         3
#define PT_LOAD         1
#define PT_NOTE         4
#define SHT_PROGBITS    1
#define SHT_NOTE        7
#define HEADERS_MAX     128

struct elf_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint64_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};

struct elf_segment {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    uint64_t align;
};

struct elf_section {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t addr;
    uint64_t offset;
    uint64_t size;
    uint32_t link;
    uint32_t info;
    uint64_t addralign;
    uint64_t entsize;
};

/* ELF-32, widened to the above when read. */
struct elf32_header {
    uint8_t ident[16];
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint32_t entry;
    uint32_t phoff;
    uint32_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};

struct elf32_segment {
    uint32_t type;
    uint32_t offset;
    uint32_t vaddr;
    uint32_t paddr;
    uint32_t filesz;
    uint32_t memsz;
    uint32_t flags;
    uint32_t align;
};

struct elf_note {
    uint32_t namesz;
    uint32_t descsz;
    uint32_t type;
};

#define BZIMAGE_SETUP_SECTS    0x1f1
#define BZIMAGE_MAGIC          0x202 /* "HdrS" */
#define BZIMAGE_VERSION        0x206
#define BZIMAGE_PAYLOAD_OFFSET 0x248
#define BZIMAGE_PAYLOAD_LENGTH 0x24c
#define BZIMAGE_HEADER_END     0x250
#define BZIMAGE_VERSION_MIN    0x0208
#define SECTOR                 512

struct span {
    const uint8_t *data;
    uint64_t size;
};

static const void *span_at(const struct span *s, uint64_t offset, uint64_t len)
{
    return offset <= s->size && len <= s->size - offset ? s->data + offset : NULL;
}

static uint32_t read_u32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint16_t read_u16(const void *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static int refuse(const char **why, const char *what)
{
    *why = what;
    return -EINVAL;
}

/* ---- what the file is ---------------------------------------------------------------------- */

static bool is_elf(const struct span *file)
{
    const uint8_t *p = span_at(file, 0, 4);

    return p != NULL && memcmp(p, "\177ELF", 4) == 0;
}

static bool is_bzimage(const struct span *file)
{
    const uint8_t *p = span_at(file, 0, BZIMAGE_HEADER_END);

    return p != NULL && memcmp(p + BZIMAGE_MAGIC, "HdrS", 4) == 0;
}

/* Fills out for compressed data whose last four bytes tell the unpacked size. All formats but gzip have
 * these bytes added by the kernel's build; gzip ends with them by itself. */
static int take_packed(const uint8_t *data, uint64_t size, struct kernel_payload *out,
                       const char **why)
{
    enum compression kind = decompress_recognise(data, size);
    uint32_t unpacked;

    if (kind == COMPRESSION_UNKNOWN) {
        return refuse(why, "the compression of its payload is not known");
    }
    if (size < 8) {
        return refuse(why, "its payload is too short");
    }
    unpacked = read_u32(data + size - 4);
    if (unpacked == 0 || unpacked > KERNEL_SIZE_MAX) {
        return refuse(why, "the unpacked size it gives makes no sense (truncated file?)");
    }
    *out = (struct kernel_payload){ .kind = kind, .data = data,
                                    .size = kind == COMPRESSION_GZIP ? size : size - 4,
                                    .unpacked_size = unpacked };
    return 0;
}

static int unwrap_bzimage(const struct span *file, struct kernel_payload *out, const char **why)
{
    const uint8_t *h = file->data;
    unsigned int sectors = h[BZIMAGE_SETUP_SECTS] != 0 ? h[BZIMAGE_SETUP_SECTS] : 4;
    uint64_t offset = (sectors + 1) * SECTOR + (uint64_t)read_u32(h + BZIMAGE_PAYLOAD_OFFSET);
    uint64_t length = read_u32(h + BZIMAGE_PAYLOAD_LENGTH);
    const uint8_t *payload;
    struct span inner;

    if (read_u16(h + BZIMAGE_VERSION) < BZIMAGE_VERSION_MIN || length == 0) {
        return refuse(why, "a bzImage too old to say where its payload is");
    }
    payload = span_at(file, offset, length);
    if (payload == NULL) {
        return refuse(why, "a truncated bzImage: its payload ends after the file");
    }
    inner = (struct span){ payload, length };
    if (is_elf(&inner)) {
        *out = (struct kernel_payload){ COMPRESSION_NONE, payload, length, length };
        return 0;
    }
    return take_packed(payload, length, out, why);
}

int kernel_image_unwrap(const void *data, size_t size, struct kernel_payload *out,
                        const char **why)
{
    struct span file = { data, size };

    if (size == 0) {
        return refuse(why, "an empty file");
    }
    if (is_elf(&file)) {
        *out = (struct kernel_payload){ COMPRESSION_NONE, data, size, size };
        return 0;
    }
    if (is_bzimage(&file)) {
        return unwrap_bzimage(&file, out, why);
    }
    if (decompress_recognise(data, size) == COMPRESSION_GZIP) {
        return take_packed(data, size, out, why);
    }
    return refuse(why, "wrong format: neither ELF, bzImage nor gzip");
}

/* ---- Xen notes ----------------------------------------------------------------------------- */

/* What the notes say, before addresses are computed. */
struct notes {
    bool has_entry;
    uint64_t entry;
    uint64_t virt_base;
    bool has_paddr_offset;
    uint64_t paddr_offset;
    bool legacy; /* from __xen_guest */
    bool has_pvh_entry;
    uint64_t pvh_entry; /* physical */
};

static const struct {
    const char *name;
    unsigned int bit;
} feature_names[] = {
    { "writable_page_tables", XENFEAT_writable_page_tables },
    { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
    { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
    { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
    { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
    { "dom0", XENFEAT_dom0 },
};

static void copy_text(char *dst, size_t size, const void *text, size_t len)
{
    size_t n = MIN(strnlen(text, len), size - 1);

    memcpy(dst, text, n);
    dst[n] = '\0';
}

/* Names separated by |; a ! before a name means the kernel needs it, which implies it supports it. */
static void parse_features(struct kernel_image *k, const char *text, size_t len)
{
    size_t at = 0;

    len = strnlen(text, len);
    while (at < len) {
        size_t end = at;
        size_t from = text[at] == '!' ? at + 1 : at;

        while (end < len && text[end] != '|') {
            end++;
        }
        for (unsigned int i = 0; i < ARRAY_SIZE(feature_names); i++) {
            if (end >= from && strlen(feature_names[i].name) == end - from &&
                memcmp(text + from, feature_names[i].name, end - from) == 0) {
                k->features |= 1ULL << feature_names[i].bit;
            }
        }
        at = end + 1;
    }
    k->has_features = true;
}

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
    uint64_t n = 0;

    memcpy(&n, desc, MIN(size, sizeof(n)));
    return n;
}

static void take_note(struct kernel_image *k, struct notes *n, uint32_t type,
                      const uint8_t *desc, uint32_t size)
{
    uint64_t number = note_number(desc, size);

    switch (type) {
    case XEN_ELFNOTE_ENTRY:
        n->has_entry = true;
        n->entry = number;
        break;
    case XEN_ELFNOTE_PHYS32_ENTRY:
        n->has_pvh_entry = true;
        n->pvh_entry = number;
        break;
    case XEN_ELFNOTE_HYPERCALL_PAGE:
        k->wants_hypercall_page = true;
        k->hypercall_page = number;
        break;
    case XEN_ELFNOTE_VIRT_BASE:
        n->virt_base = number;
        break;
    case XEN_ELFNOTE_PADDR_OFFSET:
        n->has_paddr_offset = true;
        n->paddr_offset = number;
        break;
    case XEN_ELFNOTE_XEN_VERSION:
        copy_text(k->xen_version, sizeof(k->xen_version), desc, size);
        break;
    case XEN_ELFNOTE_GUEST_OS:
        copy_text(k->guest_os, sizeof(k->guest_os), desc, size);
        break;
    case XEN_ELFNOTE_GUEST_VERSION:
        copy_text(k->guest_version, sizeof(k->guest_version), desc, size);
        break;
    case XEN_ELFNOTE_LOADER:
        copy_text(k->loader, sizeof(k->loader), desc, size);
        break;
    case XEN_ELFNOTE_FEATURES:
        parse_features(k, (const char *)desc, size);
        break;
    case XEN_ELFNOTE_INIT_P2M:
        k->wants_p2m = true;
        k->p2m_base = number;
        break;
    case XEN_ELFNOTE_MOD_START_PFN:
        k->initrd_by_pfn = number != 0;
        break;
    case XEN_ELFNOTE_SUPPORTED_FEATURES:
        k->features |= number;
        k->has_features = true;
        break;
    default:
        break;
    }
    k->has_notes = true;
}

static void scan_notes(const struct span *file, uint64_t offset, uint64_t size,
                       struct kernel_image *k, struct notes *n)
{
    const uint8_t *area = span_at(file, offset, size);
    struct span s = { area, size };
    uint64_t at = 0;

    if (area == NULL) {
        return;
    }
    for (;;) {
        const uint8_t *header = span_at(&s, at, sizeof(struct elf_note));
        const uint8_t *name;
        const uint8_t *desc;
        struct elf_note note;

        if (header == NULL) {
            return;
        }
        memcpy(&note, header, sizeof(note));
        at += sizeof(note);
        name = span_at(&s, at, note.namesz);
        at += ALIGN_UP((uint64_t)note.namesz, 4);
        desc = span_at(&s, at, note.descsz);
        if (name == NULL || desc == NULL) {
            return;
        }
        if (note.namesz == 4 && memcmp(name, "Xen", 4) == 0) {
            take_note(k, n, note.type, desc, note.descsz);
        }
        at += ALIGN_UP((uint64_t)note.descsz, 4);
    }
}

/* ---- the old __xen_guest string ------------------------------------------------------------ */

/* The value of NAME=value in a list of len bytes separated by commas; false when not there. */
static bool legacy_value(const char *list, size_t len, const char *name, char *value, size_t size)
{
    size_t name_len = strlen(name);
    size_t at = 0;

    while (at < len && list[at] != '\0') {
        size_t end = at;

        while (end < len && list[end] != ',' && list[end] != '\0') {
            end++;
        }
        if (end - at >= name_len && memcmp(list + at, name, name_len) == 0 &&
            (end - at == name_len || list[at + name_len] == '=')) {
            size_t from = MIN(at + name_len + 1, end);

            copy_text(value, size, list + from, end - from);
            return true;
        }
        at = end + 1;
    }
    return false;
}

static void take_legacy(const char *list, size_t len, struct kernel_image *k, struct notes *n)
{
    char value[128];

    k->has_notes = true;
    n->legacy = true;
    if (legacy_value(list, len, "VIRT_BASE", value, sizeof(value))) {
        n->virt_base = string_to_u64(value, NULL);
    }
    if (legacy_value(list, len, "VIRT_ENTRY", value, sizeof(value))) {
        n->has_entry = true;
        n->entry = string_to_u64(value, NULL);
    }
    if (legacy_value(list, len, "ELF_PADDR_OFFSET", value, sizeof(value))) {
        n->has_paddr_offset = true;
        n->paddr_offset = string_to_u64(value, NULL);
    }
    if (legacy_value(list, len, "HYPERCALL_PAGE", value, sizeof(value))) {
        k->wants_hypercall_page = true;
        k->hypercall_page = n->virt_base + (string_to_u64(value, NULL) << PAGE_SHIFT);
    }
    if (legacy_value(list, len, "FEATURES", value, sizeof(value))) {
        parse_features(k, value, sizeof(value));
    }
    legacy_value(list, len, "GUEST_OS", k->guest_os, sizeof(k->guest_os));
    legacy_value(list, len, "GUEST_VER", k->guest_version, sizeof(k->guest_version));
    legacy_value(list, len, "XEN_VER", k->xen_version, sizeof(k->xen_version));
    legacy_value(list, len, "LOADER", k->loader, sizeof(k->loader));
}

/* ---- ELF ----------------------------------------------------------------------------------- */

static bool get_segment32(const struct span *file, uint64_t offset, struct elf_segment *out)
{
    const void *p = span_at(file, offset, sizeof(struct elf32_segment));
    struct elf32_segment s;

    if (p == NULL) {
        return false;
    }
    memcpy(&s, p, sizeof(s));
    *out = (struct elf_segment){ .type = s.type, .flags = s.flags, .offset = s.offset, .vaddr = s.vaddr,
                                 .paddr = s.paddr, .filesz = s.filesz, .memsz = s.memsz, .align = s.align };
    return true;
}

/* Header i of a table; false when it is not inside the file. */
static bool get_segment(const struct span *file, const struct elf_header *h, unsigned int i,
                        struct elf_segment *out)
{
    uint64_t offset = (uint64_t)i * h->phentsize;
    const void *p;

    if (add_overflows(h->phoff, offset, &offset)) {
        return false;
    }
    if (h->ident[4] == ELF_CLASS32) {
        return get_segment32(file, offset, out);
    }
    p = span_at(file, offset, sizeof(*out));
    if (p != NULL) {
        memcpy(out, p, sizeof(*out));
    }
    return p != NULL;
}

static bool get_section(const struct span *file, const struct elf_header *h, unsigned int i,
                        struct elf_section *out)
{
    uint64_t offset = (uint64_t)i * h->shentsize;
    const void *p;

    if (h->shentsize < sizeof(*out) || add_overflows(h->shoff, offset, &offset)) {
        return false;
    }
    p = span_at(file, offset, sizeof(*out));
    if (p != NULL) {
        memcpy(out, p, sizeof(*out));
    }
    return p != NULL;
}

static int check_program(const struct elf_header *h, size_t entry_size, const char **why)
{
    if (h->type != ELF_EXEC && h->type != ELF_DYN) {
        return refuse(why, "an ELF file that cannot be started (an object file?)");
    }
    if (h->phentsize < entry_size || h->phnum == 0 || h->phnum > HEADERS_MAX) {
        return refuse(why, "no usable ELF program headers");
    }
    return 0;
}

static int check_header(const struct span *file, struct elf_header *h, const char **why)
{
    const void *p = span_at(file, 0, sizeof(*h));

    if (p == NULL || memcmp(p, "\177ELF", 4) != 0) {
        return refuse(why, "contains no ELF file");
    }
    memcpy(h, p, sizeof(*h));
    if (h->ident[5] == ELF_LSB && h->machine == ELF_MACHINE_386) {
        return refuse(why, "a 32-bit kernel; only 64-bit PV kernels can be started");
    }
    if (h->ident[4] != ELF_CLASS64 || h->ident[5] != ELF_LSB || h->machine != ELF_MACHINE_X64) {
        return refuse(why, "an ELF file for another machine than x86-64");
    }
    return check_program(h, sizeof(struct elf_segment), why);
}

static int get_header32(const struct span *file, struct elf_header *h, const char **why)
{
    const void *p = span_at(file, 0, sizeof(struct elf32_header));
    struct elf32_header s;

    if (p == NULL) {
        return refuse(why, "contains no ELF file");
    }
    memcpy(&s, p, sizeof(s));
    *h = (struct elf_header){ .type = s.type, .machine = s.machine, .entry = s.entry, .phoff = s.phoff,
                              .phentsize = s.phentsize, .phnum = s.phnum };
    memcpy(h->ident, s.ident, sizeof(h->ident));
    if (h->ident[5] != ELF_LSB || h->machine != ELF_MACHINE_386) {
        return refuse(why, "an ELF file for another machine than x86");
    }
    return check_program(h, sizeof(struct elf32_segment), why);
}

/* A PVH kernel is entered without paging: its file may be of either class. */
static int check_header_pvh(const struct span *file, struct elf_header *h, const char **why)
{
    const uint8_t *ident = span_at(file, 0, sizeof(h->ident));

    if (ident != NULL && memcmp(ident, "\177ELF", 4) == 0 && ident[4] == ELF_CLASS32) {
        return get_header32(file, h, why);
    }
    return check_header(file, h, why);
}

static void scan_note_segments(const struct span *file, const struct elf_header *h,
                               struct kernel_image *k, struct notes *n)
{
    struct elf_segment s;

    for (unsigned int i = 0; i < h->phnum && get_segment(file, h, i, &s); i++) {
        if (s.type == PT_NOTE) {
            scan_notes(file, s.offset, s.filesz, k, n);
        }
    }
}

static bool section_named(const struct span *file, const struct elf_header *h,
                          const struct elf_section *s, const char *name)
{
    struct elf_section names;
    uint64_t at;
    const char *p;

    if (!get_section(file, h, h->shstrndx, &names) ||
        add_overflows(names.offset, (uint64_t)s->name, &at)) {
        return false;
    }
    p = span_at(file, at, strlen(name) + 1);
    return p != NULL && strcmp(p, name) == 0;
}

static void scan_sections(const struct span *file, const struct elf_header *h,
                          struct kernel_image *k, struct notes *n)
{
    struct elf_section s;

    for (unsigned int i = 0; i < h->shnum && get_section(file, h, i, &s); i++) {
        if (s.type == SHT_NOTE) {
            scan_notes(file, s.offset, s.size, k, n);
        }
    }
    for (unsigned int i = 0; !k->has_notes && i < h->shnum && get_section(file, h, i, &s); i++) {
        const char *list = span_at(file, s.offset, s.size);

        if (s.type == SHT_PROGBITS && list != NULL &&
            section_named(file, h, &s, "__xen_guest")) {
            take_legacy(list, s.size, k, n);
        }
    }
}

/* Keeps them in order of address. */
static void insert_segment(struct kernel_image *k, struct kernel_segment s)
{
    unsigned int i = k->segment_count++;

    for (; i > 0 && k->segments[i - 1].address > s.address; i--) {
        k->segments[i] = k->segments[i - 1];
    }
    k->segments[i] = s;
}

static int take_segment(const struct span *file, const struct elf_segment *s, uint64_t shift,
                        struct kernel_image *k, const char **why)
{
    uint64_t address = s->paddr + shift;
    uint64_t end;

    if (s->type != PT_LOAD || s->memsz == 0) {
        return 0;
    }
    if (k->segment_count == KERNEL_SEGMENTS_MAX) {
        return refuse(why, "too many ELF segments");
    }
    if (s->filesz > s->memsz || s->memsz > KERNEL_SIZE_MAX || add_overflows(address, s->memsz, &end)) {
        return refuse(why, "an ELF segment of impossible size");
    }
    insert_segment(k, (struct kernel_segment){ s->offset, s->filesz, s->memsz, address });
    k->start = MIN(k->start, address);
    k->end = MAX(k->end, end);
    return 0;
}

/* All that the program headers speak of lies in the file: said first, as a cut file has other faults too. */
static int check_whole(const struct span *file, const struct elf_header *h, const char **why)
{
    for (unsigned int i = 0; i < h->phnum; i++) {
        struct elf_segment s;

        if (!get_segment(file, h, i, &s)) {
            return refuse(why, "truncated: its ELF program headers end after the file");
        }
        if (s.type == PT_LOAD && span_at(file, s.offset, s.filesz) == NULL) {
            return refuse(why, "truncated: an ELF segment ends after the file");
        }
    }
    return 0;
}

static int take_segments(const struct span *file, const struct elf_header *h, uint64_t shift,
                         struct kernel_image *k, const char **why)
{
    k->start = ~0ULL;
    k->end = 0;
    for (unsigned int i = 0; i < h->phnum; i++) {
        struct elf_segment s;
        int rc = get_segment(file, h, i, &s) ? take_segment(file, &s, shift, k, why) : -EINVAL;

        if (rc != 0) {
            return rc;
        }
    }
    if (k->segment_count == 0) {
        return refuse(why, "nothing to load in it");
    }
    for (unsigned int i = 1; i < k->segment_count; i++) {
        if (k->segments[i].address - k->segments[i - 1].address < k->segments[i - 1].size) {
            return refuse(why, "its ELF segments overlap");
        }
    }
    return 0;
}

static int check_addresses(const struct kernel_image *k, const char **why)
{
    if (k->start < k->virt_base || k->end - k->virt_base > KERNEL_SIZE_MAX) {
        return refuse(why, "wants to be loaded too far from its virtual base");
    }
    if ((k->virt_base & ~PAGE_MASK) != 0) {
        return refuse(why, "its virtual base is not page aligned");
    }
    if (k->entry < k->start || k->entry >= k->end) {
        return refuse(why, "its entry point is outside its segments");
    }
    if (k->wants_hypercall_page &&
        ((k->hypercall_page & ~PAGE_MASK) != 0 || k->hypercall_page < k->virt_base ||
         k->hypercall_page >= k->end || k->end - k->hypercall_page < PAGE_SIZE)) {
        return refuse(why, "its hypercall page is outside its segments");
    }
    if (k->wants_p2m && (k->p2m_base & ~PAGE_MASK) != 0) {
        return refuse(why, "asks for a P2M list that is not page aligned");
    }
    return 0;
}

int kernel_image_parse(const void *elf, size_t size, struct kernel_image *out, const char **why)
{
    struct span file = { elf, size };
    struct notes n = { 0 };
    struct elf_header h;
    int rc = check_header(&file, &h, why);

    if (rc != 0) {
        return rc;
    }
    rc = check_whole(&file, &h, why);
    if (rc != 0) {
        return rc;
    }
    memset(out, 0, sizeof(*out));
    scan_note_segments(&file, &h, out, &n);
    if (!out->has_notes) {
        scan_sections(&file, &h, out, &n);
    }
    if (!out->has_notes) {
        return refuse(why, "no Xen notes: it was built without Xen PV support");
    }
    out->virt_base = n.virt_base;
    if (n.legacy && !n.has_paddr_offset) {
        n.paddr_offset = n.virt_base;
    }
    rc = take_segments(&file, &h, n.virt_base - n.paddr_offset, out, why);
    if (rc != 0) {
        return rc;
    }
    out->entry = n.has_entry ? n.entry : h.entry;
    return check_addresses(out, why);
}

int kernel_image_parse_pvh(const void *elf, size_t size, struct kernel_image *out, const char **why)
{
    struct span file = { elf, size };
    struct notes n = { 0 };
    struct elf_header h;
    int rc = check_header_pvh(&file, &h, why);

    rc = rc != 0 ? rc : check_whole(&file, &h, why);
    if (rc != 0) {
        return rc;
    }
    memset(out, 0, sizeof(*out));
    scan_note_segments(&file, &h, out, &n);
    if (!n.has_pvh_entry) {
        scan_sections(&file, &h, out, &n);
    }
    if (!n.has_pvh_entry) {
        return refuse(why, "no Xen note with a PVH entry: it was built without Xen PVH support");
    }
    rc = take_segments(&file, &h, 0, out, why);
    if (rc != 0) {
        return rc;
    }
    out->virt_base = 0;
    out->entry = n.pvh_entry;
    if (out->end > 1ULL << 32 || out->end - out->start > KERNEL_SIZE_MAX) {
        return refuse(why, "its segments do not lie together below 4 GiB");
    }
    if (out->entry < out->start || out->entry >= out->end) {
        return refuse(why, "its PVH entry point is outside its segments");
    }
    return 0;
}
