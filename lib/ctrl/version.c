/* SPDX-License-Identifier: MIT */
/* What the hypervisor says about itself: XENVER_..., and its run-time parameters. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "abi/hypfs.h"
#include "lib/ctrl/internal.h"

/* One XENVER_ command into `out`; the answer is `size` bytes. */
static int ask(struct ctrl *c, unsigned int cmd, void *out, size_t size)
{
    memset(out, 0, size);
    int rc = ctrl_hypercall_struct(c, __HYPERVISOR_xen_version, cmd, out, size);
    return rc < 0 ? rc : 0;
}

static int read_strings(struct ctrl *c, struct ctrl_version *v)
{
    /* Each field has one byte more than the ABI's, so it always ends in a NUL. */
    const struct {
        unsigned int cmd;
        void *out;
        size_t size;
    } fields[] = {
        { XENVER_extraversion, v->extra, sizeof(xen_extraversion_t) },
        { XENVER_capabilities, v->capabilities, sizeof(xen_capabilities_info_t) },
        { XENVER_changeset, v->changeset, sizeof(xen_changeset_info_t) },
        { XENVER_commandline, v->commandline, sizeof(xen_commandline_t) },
        { XENVER_compile_info, &v->compile, sizeof(v->compile) },
    };
    for (unsigned int i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        int rc = ask(c, fields[i].cmd, fields[i].out, fields[i].size);
        if (rc < 0) {
            return rc;
        }
    }
    v->compile.compiler[sizeof(v->compile.compiler) - 1] = '\0';
    v->compile.compile_by[sizeof(v->compile.compile_by) - 1] = '\0';
    v->compile.compile_domain[sizeof(v->compile.compile_domain) - 1] = '\0';
    v->compile.compile_date[sizeof(v->compile.compile_date) - 1] = '\0';
    return 0;
}

/* The length comes first, then the bytes. An image without one is no error. */
static void read_build_id(struct ctrl *c, char *hex, size_t size)
{
    struct {
        uint32_t length;
        unsigned char bytes[64];
    } answer = { .length = sizeof(answer.bytes) };
    int rc = ctrl_hypercall_struct(c, __HYPERVISOR_xen_version, XENVER_build_id, &answer, sizeof(answer));
    hex[0] = '\0';
    for (int i = 0; i < rc && i < (int)sizeof(answer.bytes) && (size_t)(2 * i + 2) < size; i++) {
        snprintf(hex + 2 * i, size - 2 * i, "%02x", answer.bytes[i]);
    }
}

int ctrl_version(struct ctrl *c, struct ctrl_version *v)
{
    memset(v, 0, sizeof(*v));
    int number = ctrl_hypercall(c, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0);
    if (number < 0) {
        return number;
    }
    v->major = (unsigned int)number >> 16;
    v->minor = number & 0xffff;
    int page_size = ctrl_hypercall(c, __HYPERVISOR_xen_version, XENVER_pagesize, 0, 0, 0);
    v->page_size = page_size > 0 ? page_size : 4096;
    struct xen_platform_parameters platform;
    int rc = ask(c, XENVER_platform_parameters, &platform, sizeof(platform));
    if (rc < 0) {
        return rc;
    }
    v->virt_start = platform.virt_start;
    read_build_id(c, v->build_id, sizeof(v->build_id));
    return read_strings(c, v);
}

int ctrl_commandline(struct ctrl *c, xen_commandline_t line)
{
    int rc = ask(c, XENVER_commandline, line, sizeof(xen_commandline_t));
    line[sizeof(xen_commandline_t) - 1] = '\0';
    return rc;
}

int ctrl_set_parameter(struct ctrl *c, const char *name, const char *value)
{
    char path[256];
    if (snprintf(path, sizeof(path), "/params/%s", name) >= (int)sizeof(path)) {
        return -ENAMETOOLONG;
    }
    struct bounce where = BOUNCE(path, strlen(path) + 1, BOUNCE_IN);
    struct bounce what = BOUNCE(value, strlen(value) + 1, BOUNCE_IN);
    int rc = bounce_begin(c, &where);
    int rc2 = bounce_begin(c, &what);
    rc = rc < 0 ? rc : rc2;
    if (rc == 0) {
        rc = xencall5(c->call, __HYPERVISOR_hypfs_op, XEN_HYPFS_OP_write_contents, (uintptr_t)where.p,
                      where.size, (uintptr_t)what.p, what.size);
        rc = rc < 0 ? -errno : 0;
    }
    bounce_end(c, &what, rc);
    bounce_end(c, &where, rc);
    return rc;
}
