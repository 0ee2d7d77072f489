/* SPDX-License-Identifier: MIT */
/*
 * XS_CONTROL: a table of commands, as `xenstore-control` sends them. A command answers with text; "OK" when there is
 * nothing else to say.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xenstored/arena.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/ops.h"
#include "cmd/xenstored/out.h"
#include "cmd/xenstored/trace.h"
#include "cmd/xenstored/update.h"
#include "cmd/xenstored/watch.h"
#include "lib/base/buf.h"

struct command {
    const char *name;
    int (*run)(struct request *r, const char **args, unsigned int count, struct buf *out);
    unsigned int most; /* arguments */
    const char *usage;
};

static int cmd_check(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    unsigned long used = arena_bytes_used();
    unsigned long walked = 0;

    for (uint32_t i = arena_first(); i != 0; i = arena_next(i)) {
        walked += arena_kind(i) != ARENA_FREE ? arena_size(i) : 0;
    }
    if (walked != used) {
        buf_printf(out, "state file: %lu bytes in blocks, %lu counted\n", walked, used);
        return 0;
    }
    long nodes = node_check(out);
    if (nodes >= 0) {
        buf_printf(out, "OK");
    }
    return 0;
}

static int cmd_log(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    if (strcmp(args[0], "on") != 0 && strcmp(args[0], "off") != 0) {
        return -EINVAL;
    }
    trace_on = args[0][1] == 'n';
    return 0;
}

static int cmd_logfile(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    return trace_open(args[0]);
}

static int cmd_memreport(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    buf_printf(out, "nodes %u\nwatches %u\nconnections %u\ndomains %u\nstate file %zu of %zu bytes\n", node_count(),
               watch_count(), conn_count(), domain_count(), arena_bytes_used(), arena_bytes_total());
    return 0;
}

static int cmd_print(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    trace_warn("%s", args[0]);
    return 0;
}

static void quota_line(struct buf *out, uint16_t domid)
{
    const struct account *a = account_of(domid);

    buf_printf(out, "domain %u\n", domid);
    buf_printf(out, "%-17s: %8u\n%-17s: %8u\n%-17s: %8u\n%-17s: %8u\n%-17s: %8u\n", "nodes", a->nodes, "watches",
               a->watches, "transactions", a->transactions, "waiting bytes", a->waiting_bytes, "limits hit", a->hits);
}

static int cmd_quota(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    uint32_t n;

    if (count == 3 && strcmp(args[0], "set") == 0) {
        return ops_number(args[2], UINT32_MAX, &n) && account_set(args[1], n) == 0 ? 0 : -EINVAL;
    }
    if (count == 1 && ops_number(args[0], 0x7fff, &n)) {
        quota_line(out, n);
        return 0;
    }
    if (count != 0) {
        return -EINVAL;
    }
    for (unsigned int i = 0; i < LIMIT_COUNT; i++) {
        buf_printf(out, "%-17s: %8u\n", account_limits[i].name, account_limits[i].value);
    }
    return 0;
}

static int cmd_live_update(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    return update_command(r, args, count, out);
}

static int cmd_help(struct request *r, const char **args, unsigned int count, struct buf *out);

static const struct command commands[] = {
    { "check", cmd_check, 0, "" },
    { "log", cmd_log, 1, "on|off" },
    { "logfile", cmd_logfile, 1, "<file>" },
    { "memreport", cmd_memreport, 1, "" },
    { "print", cmd_print, 1, "<text>" },
    { "quota", cmd_quota, 3, "[set <name> <value> | <domid>]" },
    { "live-update", cmd_live_update, 8, "-f <file> | -c <arguments> | -a | -s [-t <seconds>] [-F]" },
    { "help", cmd_help, 0, "" },
};

static int cmd_help(struct request *r, const char **args, unsigned int count, struct buf *out)
{
    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        buf_printf(out, "%s\t%s\n", commands[i].name, commands[i].usage);
    }
    return 0;
}

static const struct command *find(const char *name)
{
    for (unsigned int i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

int ops_control(struct request *r, struct tx *t)
{
    const char *args[9];
    unsigned int count = ops_strings(r, args, 9);
    const struct command *c = find(args[0]);
    struct buf out = BUF_INIT;

    if (c == NULL || count > 9 || count - 1 > c->most || ((c->run == cmd_log || c->run == cmd_print ||
        c->run == cmd_logfile) && count != 2)) {
        return -EINVAL;
    }
    int rc = c->run(r, args + 1, count - 1, &out);
    if (rc == 0) {
        size_t size = out.length < XENSTORE_PAYLOAD_MAX ? out.length + 1 : XENSTORE_PAYLOAD_MAX;
        out_reply(r, XS_CONTROL, out.length > 0 ? out.text : "OK", out.length > 0 ? size : 3);
    }
    buf_free(&out);
    return rc < 0 ? rc : 0;
}
