/* SPDX-License-Identifier: MIT */
/* xl pause, unpause, destroy, shutdown, reboot, rename, trigger, sysrq: orders to domains. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/progress.h"
#include "cmd/xl/xl.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

/* Looks at the nodes of a domain that is gone: 50 ms lie between two. */
enum { SWEEP_LOOKS = 200 };

const struct xl_option xl_destroy_options[] = {
    { 'f', NULL, NULL, "Allow domain 0 to be destroyed" },
    { 0 },
};

const struct xl_option xl_shutdown_options[] = {
    { 'a', "all", NULL, "All guests" },
    { 'w', "wait", NULL, "Wait until the guest is down; twice: until its domain is gone" },
    { 'F', NULL, NULL, "Press the power button where the guest takes no orders" },
    { 0 },
};

const struct xl_option xl_reboot_options[] = {
    { 'a', "all", NULL, "All guests" },
    { 'w', "wait", NULL, "Wait until the guest is down; twice: until its domain is gone" },
    { 'F', NULL, NULL, "Press the reset button where the guest takes no orders" },
    { 0 },
};

static int pause_or_unpause(struct xl *xl, int argc, char **argv,
                            int (*order)(struct err *, struct ctrl *, uint32_t))
{
    uint32_t domid;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (order(&xl->err, xl_ctrl(xl), domid)) {
        xl_die(xl);
    }
    return 0;
}

int xl_pause(struct xl *xl, int argc, char **argv)
{
    return pause_or_unpause(xl, argc, argv, domain_pause);
}

int xl_unpause(struct xl *xl, int argc, char **argv)
{
    return pause_or_unpause(xl, argc, argv, domain_unpause);
}

int xl_destroy(struct xl *xl, int argc, char **argv)
{
    bool even_dom0 = false;
    uint32_t domid;
    int letter, rc;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        even_dom0 |= letter == 'f';
    }
    domid = xl_domain(xl, argv[optind]);
    if (!domid && !even_dom0) {
        fprintf(stderr,
                "Not destroying domain 0; use -f to force.\n"
                "This can only be done when using a disaggregated hardware domain and toolstack.\n\n");
        return 1;
    }
    progress_begin(xl, "destroying the domain");
    rc = domain_destroy(&xl->err, xl_ctrl(xl), xl_store(xl), domid);
    progress_end();
    if (rc) {
        xl_die(xl);
    }
    return 0;
}

int xl_rename(struct xl *xl, int argc, char **argv)
{
    uint32_t domid;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (domain_rename(&xl->err, xl_ctrl(xl), xl_store(xl), domid, argv[optind + 1])) {
        xl_die(xl);
    }
    return 0;
}

int xl_sysrq(struct xl *xl, int argc, char **argv)
{
    uint32_t domid;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (strlen(argv[optind + 1]) != 1) {
        fprintf(stderr, "Invalid sysrq.\n\n");
        return 1;
    }
    if (domain_sysrq(&xl->err, xl_store(xl), domid, argv[optind + 1][0])) {
        xl_die(xl);
    }
    return 0;
}

int xl_trigger(struct xl *xl, int argc, char **argv)
{
    static const struct {
        const char *name;
        uint32_t trigger;
    } triggers[] = {
        { "power", XEN_DOMCTL_SENDTRIGGER_POWER }, { "sleep", XEN_DOMCTL_SENDTRIGGER_SLEEP },
        { "nmi", XEN_DOMCTL_SENDTRIGGER_NMI },     { "init", XEN_DOMCTL_SENDTRIGGER_INIT },
        { "reset", XEN_DOMCTL_SENDTRIGGER_RESET },
    };
    uint32_t domid, vcpu = 0;
    int rc = -EINVAL;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    if (optind + 2 < argc) {
        vcpu = (uint32_t)xl_number(xl, "vcpu", argv[optind + 2], 0, 8191);
    }
    if (!strcmp(argv[optind + 1], "s3resume")) {
        rc = ctrl_hvm_param_set(xl_ctrl(xl), (domid_t)domid, HVM_PARAM_ACPI_S_STATE, 0);
    }
    for (unsigned int i = 0; i < sizeof(triggers) / sizeof(triggers[0]); i++) {
        if (!strcmp(argv[optind + 1], triggers[i].name)) {
            rc = ctrl_domain_trigger(xl_ctrl(xl), (domid_t)domid, triggers[i].trigger, vcpu);
            rc = rc == -EINVAL ? -ENODEV : rc;
        }
    }
    if (rc == -EINVAL) {
        fprintf(stderr, "Invalid trigger \"%s\"\n", argv[optind + 1]);
        return 1;
    }
    if (rc) {
        err_set(&xl->err, rc, "cannot send '%s' to domain %u: %s", argv[optind + 1], domid,
                rc == -ENODEV ? "no such vcpu" : strerror(-rc));
        xl_die(xl);
    }
    return 0;
}

/* ---- shutdown and reboot ------------------------------------------------------------------------ */

struct stop {
    const char *order, *verb; /* "poweroff", "Shutting down" */
    uint32_t button;
    bool all, button_too;
    unsigned int wait;
};

static void order_stop(struct xl *xl, const struct stop *s, uint32_t domid)
{
    int rc;

    printf("%s domain %u\n", s->verb, domid);
    fflush(stdout);
    rc = domain_order(&xl->err, xl_store(xl), domid, s->order);
    if (rc && s->button_too) {
        fprintf(stderr, "PV control interface not available: sending ACPI event.\n");
        err_clear(&xl->err);
        rc = ctrl_domain_trigger(xl_ctrl(xl), (domid_t)domid, s->button, 0);
        if (rc) {
            err_set(&xl->err, rc, "cannot press the button of domain %u: %s", domid, strerror(-rc));
        }
    }
    if (rc) {
        err_hint(&xl->err,
                 "is its kernel one with Xen drivers, and has it started? xl destroy ends it at once%s",
                 s->button_too ? "" : ", -F presses the ACPI button");
        xl_die(xl);
    }
}

/* A domain that is gone has nodes until the monitor has swept them up, and nobody may be there to do it. */
static bool swept(struct xl *xl, uint32_t domid, unsigned int *looks)
{
    char path[32], *node;

    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    node = xs_read(xl_store(xl), XBT_NULL, path, NULL);
    free(node);
    return !node || ++*looks > SWEEP_LOOKS;
}

/* Is the wait for this domain over? One that is gone is always, but for its nodes when its death is waited for. */
static bool stopped(struct xl *xl, uint32_t domid, bool death, bool *dying, unsigned int *looks)
{
    struct domain_info d;

    if (domain_get(NULL, xl_ctrl(xl), domid, &d)) {
        if (death && !swept(xl, domid, looks)) {
            *dying = true;
            return false;
        }
        printf("Domain %u has been destroyed\n", domid);
        return true;
    }
    if (d.shutdown && !death) {
        printf("Domain %u has been shut down, reason code %u\n", domid, d.stop_reason);
        return true;
    }
    *dying |= d.dying;
    return false;
}

static void wait_stop(struct xl *xl, uint32_t *domids, unsigned int count, bool death)
{
    unsigned int looks = 0;

    if (!xs_watch(xl_store(xl), "@releaseDomain", "stop")) {
        err_errno(&xl->err, "cannot watch the store");
        xl_die(xl);
    }
    printf("Waiting for %u domains\n", count);
    fflush(stdout);
    for (;;) {
        bool dying = false;

        for (unsigned int i = 0; i < count;) {
            if (stopped(xl, domids[i], death, &dying, &looks)) {
                domids[i] = domids[--count];
            } else {
                i++;
            }
        }
        fflush(stdout);
        if (!count) {
            return;
        }
        progress_begin(xl, "waiting for the guests");
        xl_wait_release(xl, dying);
        progress_end();
    }
}

/* All guests: dom0 and those who serve everybody stay. */
static uint32_t *all_guests(struct xl *xl, unsigned int *count)
{
    struct domain_info *list;
    uint32_t *domids;
    unsigned int total;

    if (domain_list(&xl->err, xl_ctrl(xl), &list, &total)) {
        xl_die(xl);
    }
    domids = calloc(total + 1, sizeof(*domids));
    *count = 0;
    for (unsigned int i = 0; domids && i < total; i++) {
        if (list[i].domid && !list[i].never_stop) {
            domids[(*count)++] = list[i].domid;
        }
    }
    free(list);
    return domids;
}

static int stop_domains(struct xl *xl, int argc, char **argv, struct stop *s)
{
    unsigned int count = 1;
    uint32_t one, *domids = &one;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        s->all |= letter == 'a';
        s->button_too |= letter == 'F';
        s->wait += letter == 'w';
    }
    if (s->all && optind < argc) {
        fprintf(stderr, "You may not specify a domain with -a\n");
        return 1;
    }
    if (!s->all && optind >= argc) {
        fprintf(stderr, "You must specify -a or a domain id.\n\n");
        return 1;
    }
    if (s->all) {
        domids = all_guests(xl, &count);
    } else {
        one = xl_domain(xl, argv[optind]);
    }
    for (unsigned int i = 0; i < count; i++) {
        order_stop(xl, s, domids[i]);
    }
    if (s->wait && count) {
        wait_stop(xl, domids, count, s->wait > 1);
    }
    if (domids != &one) {
        free(domids);
    }
    return 0;
}

int xl_shutdown(struct xl *xl, int argc, char **argv)
{
    struct stop s = { .order = "poweroff", .verb = "Shutting down", .button = XEN_DOMCTL_SENDTRIGGER_POWER };

    return stop_domains(xl, argc, argv, &s);
}

int xl_reboot(struct xl *xl, int argc, char **argv)
{
    struct stop s = { .order = "reboot", .verb = "Rebooting", .button = XEN_DOMCTL_SENDTRIGGER_RESET };

    return stop_domains(xl, argc, argv, &s);
}
