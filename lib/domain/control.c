/* SPDX-License-Identifier: MIT */
/* Orders to running domains: control nodes, pause, names, memory, vcpus. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/domain/nodes.h"
#include "lib/store/xenstore.h"

enum { GUEST_PATH = 64 };

static int check_domain(struct err *e, int rc, uint32_t domid, const char *what)
{
    if (rc == -ESRCH) {
        return err_set(e, rc, "there is no domain %u", domid);
    }
    return rc ? err_set(e, rc, "cannot %s domain %u: %s", what, domid, strerror(-rc)) : 0;
}

int domain_pause(struct err *e, struct ctrl *c, uint32_t domid)
{
    return check_domain(e, ctrl_domain_pause(c, (domid_t)domid), domid, "pause");
}

int domain_unpause(struct err *e, struct ctrl *c, uint32_t domid)
{
    return check_domain(e, ctrl_domain_unpause(c, (domid_t)domid), domid, "unpause");
}

static char *read_guest_node(struct xs_handle *s, uint32_t domid, const char *name)
{
    char path[GUEST_PATH + 64];

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, name);
    return xs_read(s, XBT_NULL, path, NULL);
}

static int write_guest_node(struct err *e, struct xs_handle *s, uint32_t domid, const char *name,
                            const char *value)
{
    char path[GUEST_PATH + 64];

    snprintf(path, sizeof(path), "/local/domain/%u/%s", domid, name);
    if (!xs_write(s, XBT_NULL, path, value, (unsigned int)strlen(value))) {
        return err_errno(e, "cannot write %s", path);
    }
    return 0;
}

int domain_order(struct err *e, struct xs_handle *s, uint32_t domid, const char *order)
{
    char *known = read_guest_node(s, domid, "control/shutdown");

    /* Whether the guest listens shows only when it acts: a kernel may know orders without announcing them. */
    if (!known) {
        return err_set(e, -EOPNOTSUPP, "domain %u takes no orders: it has no control/shutdown node", domid);
    }
    free(known);
    return write_guest_node(e, s, domid, "control/shutdown", order);
}

int domain_sysrq(struct err *e, struct xs_handle *s, uint32_t domid, char letter)
{
    char text[2] = { letter, '\0' };

    return write_guest_node(e, s, domid, "control/sysrq", text);
}

int domain_rename(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, const char *name)
{
    struct nodes n = { 0 };
    struct domain_info d;
    char path[GUEST_PATH], vm[80], uuid[37], old[DOMAIN_NAME_MAX] = "";
    int rc = domain_get(e, c, domid, &d);

    if (rc || (rc = domain_name_claim(e, s, name, domid))) {
        return rc;
    }
    domain_read_name(NULL, s, domid, old);
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    nodes_write(&n, path, "name", "%s", name);
    if (domid) {
        uuid_format(d.uuid, uuid);
        snprintf(vm, sizeof(vm), "/vm/%s", uuid);
        nodes_write(&n, vm, "name", "%s", name);
    }
    rc = nodes_apply(e, s, &n);
    nodes_free(&n);
    if (rc) {
        domain_name_release(name);
    } else if (strcmp(old, name)) {
        domain_name_release(old);
    }
    return rc;
}

/* ---- memory ------------------------------------------------------------------------------------- */

static uint64_t read_guest_number(struct xs_handle *s, uint32_t domid, const char *name)
{
    char *text = read_guest_node(s, domid, name);
    uint64_t value = text ? strtoull(text, NULL, 10) : 0;

    free(text);
    return value;
}

static bool is_translated(struct ctrl *c, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;

    return domid && !ctrl_domain_info(c, (domid_t)domid, &info) && (info.flags & XEN_DOMINF_hvm_guest);
}

int domain_set_memory_target(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, uint64_t kb)
{
    uint64_t most = read_guest_number(s, domid, "memory/static-max");
    char text[24];
    int rc;

    if (!most && domid) {
        return err_set(e, -ENOENT, "domain %u has no memory/static-max node", domid);
    }
    if (most && kb > most) {
        err_set(e, -EINVAL, "%llu KiB are more than the domain's maximum of %llu KiB", (unsigned long long)kb,
                (unsigned long long)most);
        err_hint(e, "the maximum is set by maxmem= when the domain is created");
        return -EINVAL;
    }
    rc = check_domain(e, ctrl_domain_max_mem(c, (domid_t)domid, kb + DOMAIN_SLACK_KB), domid,
                      "set the memory limit of");
    if (rc) {
        return rc;
    }
    /* A guest whose memory is populated on demand gets as much of it; where there is none this means nothing. */
    if (is_translated(c, domid)) {
        rc = check_domain(e, ctrl_pod_target_set(c, (domid_t)domid, kb / 4, NULL), domid, "set the target of");
    }
    if (rc) {
        return rc;
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)kb);
    return write_guest_node(e, s, domid, "memory/target", text);
}

int domain_set_memory_max(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, uint64_t kb)
{
    uint64_t target = read_guest_number(s, domid, "memory/target");

    if (kb < target) {
        return err_set(e, -EINVAL, "%llu KiB are less than the domain's target of %llu KiB",
                       (unsigned long long)kb, (unsigned long long)target);
    }
    return check_domain(e, ctrl_domain_max_mem(c, (domid_t)domid, kb + DOMAIN_SLACK_KB), domid,
                        "set the memory limit of");
}

/* ---- vcpus -------------------------------------------------------------------------------------- */

int domain_set_vcpus(struct err *e, struct ctrl *c, struct xs_handle *s, uint32_t domid, unsigned int online)
{
    struct domain_info d;
    struct nodes n = { 0 };
    char top[GUEST_PATH], name[48];
    int rc = domain_get(e, c, domid, &d);

    if (rc) {
        return rc;
    }
    if (!online || online > d.vcpus_max) {
        err_set(e, -EINVAL, "domain %u can have 1 to %u vcpus, not %u", domid, d.vcpus_max, online);
        err_hint(e, "the most is set by maxvcpus= when the domain is created");
        return -EINVAL;
    }
    snprintf(top, sizeof(top), "/local/domain/%u", domid);
    for (unsigned int i = 0; i < d.vcpus_max; i++) {
        snprintf(name, sizeof(name), "cpu/%u/availability", i);
        nodes_write(&n, top, name, "%s", i < online ? "online" : "offline");
    }
    rc = nodes_apply(e, s, &n);
    nodes_free(&n);
    return rc;
}
