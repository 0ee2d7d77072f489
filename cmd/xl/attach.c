/* SPDX-License-Identifier: MIT */
/* xl block-attach, network-attach: plugging devices into running domains. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xl/xl.h"
#include "lib/base/buf.h"
#include "lib/conf/spec.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/attach.h"
#include "lib/domain/domain.h"

/* The words after the domain as one description with commas between. */
static char *join(struct xl *xl, int argc, char **argv, int from)
{
    struct buf text = BUF_INIT;
    char *whole;

    for (int i = from; i < argc; i++) {
        buf_printf(&text, "%s%s", i > from ? "," : "", argv[i]);
    }
    buf_puts(&text, "");
    whole = from < argc ? buf_take(&text) : strdup("");
    if (!whole) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    return whole;
}

static uint32_t running_domain(struct xl *xl, const char *text)
{
    uint32_t domid = xl_domain(xl, text);
    struct domain_info d;

    if (domain_get(&xl->err, xl_ctrl(xl), domid, &d)) {
        xl_die(xl);
    }
    return domid;
}

int xl_block_attach(struct xl *xl, int argc, char **argv)
{
    struct disk_spec spec;
    uint32_t domid;
    char *text;

    xl_options(xl, argc, argv);
    domid = running_domain(xl, argv[optind]);
    text = join(xl, argc, argv, optind + 1);
    if (disk_spec_parse(&xl->err, text, &spec)) {
        xl_die(xl);
    }
    if (!xl->dry_run && attach_disk(&xl->err, xl_ctrl(xl), xl_store(xl), domid, &spec)) {
        xl_die(xl);
    }
    disk_spec_free(&spec);
    free(text);
    return 0;
}

int xl_network_attach(struct xl *xl, int argc, char **argv)
{
    struct vif_spec spec;
    uint32_t domid;
    char *text;

    xl_options(xl, argc, argv);
    domid = running_domain(xl, argv[optind]);
    text = join(xl, argc, argv, optind + 1);
    if (vif_spec_parse(&xl->err, text, &spec)) {
        xl_die(xl);
    }
    if (!xl->dry_run && attach_nic(&xl->err, xl_ctrl(xl), xl_store(xl), domid, &spec)) {
        xl_die(xl);
    }
    vif_spec_free(&spec);
    free(text);
    return 0;
}
