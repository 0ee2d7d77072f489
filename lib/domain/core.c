/* SPDX-License-Identifier: MIT */
/* Writing a domain's core file: see core.h. Pages are mapped and written in batches. */
#include "lib/domain/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "abi/elfnote.h"
#include "lib/base/file.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/foreignmemory/xenforeignmemory.h"

enum { PAGE_SIZE = 4096, BATCH = 256, MAGIC_PV = 0xf00febed, SECTIONS = 7 };

struct core_pair {
    uint64_t pfn, gmfn;
};

struct core_note {
    Elf64_Nhdr h;
    char name[4];
};

struct core {
    struct ctrl *c;
    uint32_t domid;
    int fd;
    unsigned int vcpus;
    struct core_pair *pairs;
    uint64_t pages;
    struct xen_domctl_getdomaininfo info;
};

static const char names[] = "\0.shstrtab\0.note.Xen\0.xen_prstatus\0.xen_shared_info\0.xen_p2m\0.xen_pages";

/* A section's name as an offset into names[]. */
static uint32_t name_offset(const char *name)
{
    for (size_t i = 0; i < sizeof(names); i += strlen(names + i) + 1) {
        if (!strcmp(names + i, name)) {
            return (uint32_t)i;
        }
    }
    return 0;
}

/* Only pages that can be mapped are in the file. */
static int find_pages(struct err *e, struct core *k)
{
    uint64_t *p2m, count;
    int rc = core_read_p2m(e, k->c, k->domid, &p2m, &count);

    if (rc) {
        return rc;
    }
    k->pairs = calloc(count + 1, sizeof(*k->pairs));
    if (!k->pairs) {
        free(p2m);
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (uint64_t i = 0; i < count; i++) {
        if (p2m[i] != UINT64_MAX) {
            k->pairs[k->pages++] = (struct core_pair){ i, p2m[i] };
        }
    }
    free(p2m);
    return 0;
}

static size_t build_notes(const struct core *k, char *to)
{
    const uint64_t header[4] = { MAGIC_PV, k->vcpus, k->pages, PAGE_SIZE };
    const uint64_t version = 1;
    const struct {
        uint32_t type, size;
        const void *data;
    } rows[] = {
        { XEN_ELFNOTE_DUMPCORE_NONE, 0, "" },
        { XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(header), header },
        { XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(version), &version },
    };
    size_t used = 0;

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct core_note n = { .h = { .n_namesz = 4, .n_descsz = rows[i].size, .n_type = rows[i].type },
                               .name = "Xen" };

        memcpy(to + used, &n, sizeof(n));
        memcpy(to + used + sizeof(n), rows[i].data, rows[i].size);
        used += sizeof(n) + rows[i].size;
    }
    return used;
}

static int write_headers(struct err *e, const struct core *k, const char *notes, size_t notes_size)
{
    Elf64_Ehdr eh = { .e_type = ET_CORE,
                      .e_machine = EM_X86_64,
                      .e_version = EV_CURRENT,
                      .e_ehsize = sizeof(eh),
                      .e_shentsize = sizeof(Elf64_Shdr),
                      .e_shnum = SECTIONS,
                      .e_shstrndx = 1,
                      .e_shoff = sizeof(eh) };
    const struct {
        const char *name;
        uint32_t type;
        uint64_t size, entry, align;
    } rows[SECTIONS] = {
        { "", SHT_NULL, 0, 0, 0 },
        { ".shstrtab", SHT_STRTAB, sizeof(names), 0, 1 },
        { ".note.Xen", SHT_NOTE, notes_size, 0, 4 },
        { ".xen_prstatus", SHT_PROGBITS, (uint64_t)k->vcpus * core_context_size(), core_context_size(), 8 },
        { ".xen_shared_info", SHT_PROGBITS, PAGE_SIZE, PAGE_SIZE, PAGE_SIZE },
        { ".xen_p2m", SHT_PROGBITS, k->pages * sizeof(struct core_pair), sizeof(struct core_pair), 8 },
        { ".xen_pages", SHT_PROGBITS, k->pages * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE },
    };
    Elf64_Shdr sh[SECTIONS] = { 0 };
    uint64_t at = sizeof(eh) + sizeof(sh);

    memcpy(eh.e_ident, ELFMAG, SELFMAG);
    eh.e_ident[EI_CLASS] = ELFCLASS64;
    eh.e_ident[EI_DATA] = ELFDATA2LSB;
    eh.e_ident[EI_VERSION] = EV_CURRENT;
    for (unsigned int i = 1; i < SECTIONS; i++) {
        at = (at + rows[i].align - 1) / rows[i].align * rows[i].align;
        sh[i] = (Elf64_Shdr){ .sh_name = name_offset(rows[i].name),
                              .sh_type = rows[i].type,
                              .sh_offset = at,
                              .sh_size = rows[i].size,
                              .sh_entsize = rows[i].entry,
                              .sh_addralign = rows[i].align };
        at += rows[i].size;
    }
    if (file_write_all(e, k->fd, &eh, sizeof(eh)) || file_write_all(e, k->fd, sh, sizeof(sh)) ||
        file_write_all(e, k->fd, names, sizeof(names))) {
        return e->code;
    }
    lseek(k->fd, (off_t)sh[2].sh_offset, SEEK_SET);
    if (file_write_all(e, k->fd, notes, notes_size)) {
        return e->code;
    }
    lseek(k->fd, (off_t)sh[3].sh_offset, SEEK_SET);
    return 0;
}

static int write_contexts(struct err *e, const struct core *k)
{
    void *context = calloc(1, core_context_size());
    int rc = context ? 0 : -ENOMEM;

    for (unsigned int i = 0; i < k->vcpus && !rc; i++) {
        memset(context, 0, core_context_size());
        ctrl_vcpu_context_get(k->c, (domid_t)k->domid, i, context, core_context_size());
        rc = file_write_all(e, k->fd, context, core_context_size());
    }
    free(context);
    return rc;
}

static void align(const struct core *k, unsigned int size)
{
    off_t at = lseek(k->fd, 0, SEEK_CUR);

    lseek(k->fd, (at + size - 1) / size * size, SEEK_SET);
}

static int write_mapped(struct err *e, const struct core *k, const xen_pfn_t *frames, unsigned int count)
{
    static const char empty[PAGE_SIZE];
    int errors[BATCH];
    char *map = xenforeignmemory_map(ctrl_foreignmemory(k->c), k->domid, PROT_READ, count, frames, errors);
    int rc = 0;

    if (!map) {
        return err_errno(e, "cannot map memory of domain %u", k->domid);
    }
    for (unsigned int i = 0; i < count && !rc; i++) {
        rc = file_write_all(e, k->fd, errors[i] ? empty : map + (size_t)i * PAGE_SIZE, PAGE_SIZE);
    }
    xenforeignmemory_unmap(ctrl_foreignmemory(k->c), map, count);
    return rc;
}

static int write_pages(struct err *e, const struct core *k)
{
    xen_pfn_t frames[BATCH];
    int rc = 0;

    for (uint64_t done = 0; done < k->pages && !rc;) {
        unsigned int count = 0;

        while (count < BATCH && done + count < k->pages) {
            frames[count] = (xen_pfn_t)k->pairs[done + count].gmfn;
            count++;
        }
        rc = write_mapped(e, k, frames, count);
        done += count;
    }
    return rc;
}

static int write_all(struct err *e, struct core *k)
{
    xen_pfn_t shared = (xen_pfn_t)k->info.shared_info_frame;
    char notes[256];
    int rc = find_pages(e, k);

    rc = rc ? rc : write_headers(e, k, notes, build_notes(k, notes));
    rc = rc ? rc : write_contexts(e, k);
    if (!rc) {
        align(k, PAGE_SIZE);
        rc = write_mapped(e, k, &shared, 1);
    }
    rc = rc ? rc : file_write_all(e, k->fd, k->pairs, k->pages * sizeof(*k->pairs));
    if (!rc) {
        align(k, PAGE_SIZE);
        rc = write_pages(e, k);
    }
    return rc;
}

int core_dump(struct err *e, struct ctrl *c, uint32_t domid, const char *path)
{
    struct core k = { .c = c, .domid = domid, .fd = -1 };
    int rc = ctrl_domain_info(c, (domid_t)domid, &k.info);

    if (rc) {
        return err_set(e, rc, "there is no domain %u", domid);
    }
    if (k.info.flags & XEN_DOMINF_hvm_guest) {
        return err_set(e, -EOPNOTSUPP, "domain %u is not PV: its memory cannot be dumped yet", domid);
    }
    k.vcpus = k.info.max_vcpu_id + 1;
    k.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (k.fd < 0) {
        return err_errno(e, "cannot write %s", path);
    }
    ctrl_domain_pause(c, (domid_t)domid);
    rc = write_all(e, &k);
    ctrl_domain_unpause(c, (domid_t)domid);
    free(k.pairs);
    if (close(k.fd) && !rc) {
        rc = err_errno(e, "cannot write %s", path);
    }
    if (rc) {
        err_prefix(e, "%s", path);
        unlink(path);
    }
    return rc;
}
