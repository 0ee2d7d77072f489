/* SPDX-License-Identifier: MIT */
/* Operations about domains, for the control domain's tools. */
#include "cmd/xenstored/ops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/out.h"

static bool domid_of(const char *text, uint16_t *domid)
{
    uint32_t n;
    bool ok = ops_number(text, 0x7fff, &n);
    *domid = n;
    return ok;
}

/* One domain number, then what `act` does with it. */
static int with_domain(struct request *r, int (*act)(uint16_t domid))
{
    uint16_t domid;
    int rc = domid_of(r->data, &domid) ? act(domid) : -EINVAL;

    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

int ops_introduce(struct request *r, struct tx *t)
{
    const char *args[3];
    uint16_t domid;
    uint32_t port;

    if (ops_strings(r, args, 3) < 3 || !domid_of(args[0], &domid) || !ops_number(args[2], INT32_MAX, &port)) {
        return -EINVAL;
    }
    char *end;
    errno = 0;
    uint64_t frame = strtoull(args[1], &end, 10);
    if (errno != 0 || *end != '\0') {
        return -EINVAL;
    }
    int rc = domain_introduce(domid, frame, port);
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

int ops_release(struct request *r, struct tx *t)
{
    return with_domain(r, domain_release);
}

int ops_resume(struct request *r, struct tx *t)
{
    return with_domain(r, domain_resume);
}

int ops_set_target(struct request *r, struct tx *t)
{
    const char *args[2];
    uint16_t domid, target;

    if (ops_strings(r, args, 2) < 2 || !domid_of(args[0], &domid) || !domid_of(args[1], &target)) {
        return -EINVAL;
    }
    int rc = domain_set_target(domid, target);
    if (rc == 0) {
        ops_ok(r);
    }
    return rc;
}

int ops_get_domain_path(struct request *r, struct tx *t)
{
    char path[32];
    uint16_t domid;

    if (!domid_of(r->data, &domid)) {
        return -EINVAL;
    }
    int length = snprintf(path, sizeof(path), "/local/domain/%u", domid);
    out_reply(r, r->head.type, path, length + 1);
    return 0;
}

int ops_is_domain_introduced(struct request *r, struct tx *t)
{
    uint16_t domid;

    if (!domid_of(r->data, &domid)) {
        return -EINVAL;
    }
    out_reply(r, r->head.type, domid == 0 || domain_conn(domid) != NULL ? "T" : "F", 2);
    return 0;
}
