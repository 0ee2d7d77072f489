/* SPDX-License-Identifier: MIT */
/* Domains as they are: lists and states from the hypervisor, names from the store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

static void fill_info(struct domain_info *info, const struct xen_domctl_getdomaininfo *from)
{
    const uint64_t page_kb = 4;

    *info = (struct domain_info){
        .domid = from->domain,
        .running = from->flags & XEN_DOMINF_running,
        .blocked = from->flags & XEN_DOMINF_blocked,
        .paused = from->flags & XEN_DOMINF_paused,
        .shutdown = from->flags & XEN_DOMINF_shutdown,
        .dying = from->flags & XEN_DOMINF_dying,
        .never_stop = from->flags & XEN_DOMINF_xs_domain,
        .hvm = from->flags & XEN_DOMINF_hvm_guest,
        .stop_reason = from->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask,
        .cpu_time = from->cpu_time,
        .memory_kb = from->tot_pages * page_kb,
        .outstanding_kb = from->outstanding_pages * page_kb,
        .max_kb = from->max_pages == UINT64_MAX ? UINT64_MAX : from->max_pages * page_kb,
        .shared_kb = from->shr_pages * page_kb,
        .paged_kb = from->paged_pages * page_kb,
        .vcpus_online = from->nr_online_vcpus,
        .vcpus_max = from->max_vcpu_id + 1,
        .cpupool = from->cpupool,
        .label = from->ssidref,
    };
    memcpy(info->uuid, from->handle, sizeof(info->uuid));
}

int domain_list(struct err *e, struct ctrl *c, struct domain_info **list, unsigned int *count)
{
    struct xen_domctl_getdomaininfo *raw;
    int got = ctrl_domain_list_all(c, &raw);

    if (got < 0) {
        return err_set(e, got, "cannot list the domains: %s", strerror(-got));
    }
    *list = calloc((size_t)got + 1, sizeof(**list));
    if (!*list) {
        free(raw);
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (int i = 0; i < got; i++) {
        fill_info(&(*list)[i], &raw[i]);
    }
    *count = (unsigned int)got;
    free(raw);
    return 0;
}

static void ask_name(struct store_batch *b, uint32_t domid)
{
    /* Many are asked for at once, and printf() would cost more than all else: the path is put together from its end. */
    char path[48] = "";
    char *p = path + sizeof(path) - sizeof("/name");

    memcpy(p, "/name", sizeof("/name"));
    do {
        *--p = (char)('0' + domid % 10);
        domid /= 10;
    } while (domid);
    p -= sizeof("/local/domain/") - 1;
    memcpy(p, "/local/domain/", sizeof("/local/domain/") - 1);
    store_batch_read(b, XBT_NULL, p);
}

int domain_read_names(struct err *e, struct xs_handle *s, struct domain_info *list, unsigned int count)
{
    struct store_batch b = STORE_BATCH_INIT;
    int rc;

    for (unsigned int i = 0; i < count; i++) {
        ask_name(&b, list[i].domid);
    }
    rc = store_batch_run(s, &b);
    for (unsigned int i = 0; i < count && !rc; i++) {
        const char *name = store_batch_text(&b, i);

        snprintf(list[i].name, sizeof(list[i].name), "%s", name ? name : "");
    }
    store_batch_free(&b);
    return rc ? err_set(e, rc, "cannot read the domains' names: %s", strerror(-rc)) : 0;
}

int domain_walk(struct err *e, struct ctrl *c, struct xs_handle *s,
                void (*row)(void *context, const struct domain_info *info), void *context)
{
    struct store_batch names = STORE_BATCH_INIT;
    struct xen_domctl_getdomaininfo *raw;
    int got = ctrl_domain_list_all(c, &raw);
    int rc;

    if (got < 0) {
        return err_set(e, got, "cannot list the domains: %s", strerror(-got));
    }
    for (int i = 0; i < got; i++) {
        ask_name(&names, raw[i].domain);
    }
    rc = store_batch_run(s, &names);
    if (rc) {
        err_set(e, rc, "cannot read the domains' names: %s", strerror(-rc));
    }
    for (int i = 0; i < got; i++) {
        struct domain_info info;
        const char *name = rc ? NULL : store_batch_text(&names, (unsigned int)i);

        size_t length = name ? strnlen(name, sizeof(info.name) - 1) : 0;

        fill_info(&info, &raw[i]);
        memcpy(info.name, name ? name : "", length);
        info.name[length] = '\0';
        row(context, &info);
    }
    store_batch_free(&names);
    free(raw);
    return 0;
}

int domain_get(struct err *e, struct ctrl *c, uint32_t domid, struct domain_info *info)
{
    struct xen_domctl_getdomaininfo raw;
    int rc = domid < DOMAIN_NONE ? ctrl_domain_info(c, (domid_t)domid, &raw) : -ESRCH;

    if (rc == -ESRCH) {
        return err_set(e, rc, "there is no domain %u", domid);
    }
    if (rc) {
        return err_set(e, rc, "cannot read the state of domain %u: %s", domid, strerror(-rc));
    }
    fill_info(info, &raw);
    return 0;
}

const char *domain_stop_name(unsigned int reason)
{
    static const char *const names[] = { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset" };

    return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "unknown";
}

int domain_read_name(struct err *e, struct xs_handle *s, uint32_t domid, char name[DOMAIN_NAME_MAX])
{
    char path[48];
    unsigned int length;
    char *value;

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    value = xs_read(s, XBT_NULL, path, &length);
    if (!value) {
        return err_errno(e, "domain %u has no name", domid);
    }
    snprintf(name, DOMAIN_NAME_MAX, "%s", value);
    free(value);
    return 0;
}

int domain_list_store(struct err *e, struct xs_handle *s, struct domain_info **list, unsigned int *count)
{
    char **numbers;

    numbers = xs_directory(s, XBT_NULL, "/local/domain", count);
    if (!numbers) {
        return err_errno(e, "cannot list the domains of the store");
    }
    *list = calloc(*count + 1, sizeof(**list));
    if (!*list) {
        free(numbers);
        return err_set(e, -ENOMEM, "out of memory");
    }
    for (unsigned int i = 0; i < *count; i++) {
        (*list)[i].domid = (uint32_t)strtoul(numbers[i], NULL, 10);
    }
    free(numbers);
    return domain_read_names(e, s, *list, *count);
}
