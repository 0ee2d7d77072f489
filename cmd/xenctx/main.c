/* SPDX-License-Identifier: MIT */
/*
 * xenctx DOMAIN [VCPU]: pauses the guest, shows its virtual CPUs, lets it go on. The options are those of
 * Debian's.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/xenctx/xenctx.h"
#include "lib/store/xenstore.h"

static const char usage_text[] = "usage: xenctx [options] DOMAIN [VCPU]\n"
                                 "  -a, --all               control registers too\n"
                                 "  -C, --all-vcpus\n"
                                 "  -s, --symbol-table=FILE names for addresses: the kernel's System.map\n"
                                 "  -S, --stack-trace       addresses of code on the stack (needs -s)\n"
                                 "  -n, --stack-lines=N     lines of stack (default: 10)\n"
                                 "  -h, --help\n";

static const struct option long_options[] = {
    { "all", no_argument, NULL, 'a' },
    { "all-vcpus", no_argument, NULL, 'C' },
    { "symbol-table", required_argument, NULL, 's' },
    { "stack-trace", no_argument, NULL, 'S' },
    { "stack-lines", required_argument, NULL, 'n' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

struct request {
    struct view view;
    bool all_vcpus;
    long vcpu;
    const char *domain, *symbol_file;
};

static int usage_error(const char *what)
{
    fprintf(stderr, "xenctx: %s\n%s", what, usage_text);
    return 2;
}

static bool is_name_of(struct xs_handle *xs, const char *domid, const char *name)
{
    char path[80];
    unsigned int size;
    snprintf(path, sizeof(path), "/local/domain/%s/name", domid);
    char *value = xs_read(xs, XBT_NULL, path, &size);
    bool same = value && strcmp(value, name) == 0;
    free(value);
    return same;
}

static int find_by_name(struct err *e, const char *name)
{
    struct xs_handle *xs = xs_open(0);
    if (!xs) {
        return err_errno(e, "cannot connect to xenstored");
    }
    unsigned int count = 0;
    int found = -ESRCH;
    char **domids = xs_directory(xs, XBT_NULL, "/local/domain", &count);
    for (unsigned int i = 0; i < count && found < 0; i++) {
        if (is_name_of(xs, domids[i], name)) {
            found = atoi(domids[i]);
        }
    }
    free(domids);
    xs_close(xs);
    return found < 0 ? err_set(e, found, "no domain is called %s", name) : found;
}

static int find_domain(struct err *e, const char *text)
{
    char *end;
    unsigned long domid = strtoul(text, &end, 10);
    if (*text && *end == '\0' && domid < DOMID_FIRST_RESERVED) {
        return (int)domid;
    }
    return find_by_name(e, text);
}

static int show_all(struct err *e, const struct request *r)
{
    const struct view *v = &r->view;
    unsigned int first = r->all_vcpus ? 0 : (unsigned int)r->vcpu;
    unsigned int last = r->all_vcpus ? v->info.max_vcpu_id : first;
    for (unsigned int vcpu = first; vcpu <= last; vcpu++) {
        struct xen_domctl_getvcpuinfo info;
        int rc = ctrl_vcpu_info(v->ctrl, v->info.domain, vcpu, &info);
        if (rc < 0) {
            return err_set(e, rc, "domain %u has no vcpu %u", v->info.domain, vcpu);
        }
        if (r->all_vcpus) {
            printf("%svcpu%u%s\n", vcpu > first ? "\n" : "", vcpu, info.online ? ":" : " is offline");
        }
        if (!info.online && r->all_vcpus) {
            continue;
        }
        rc = vcpu_show(e, v, vcpu);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static int inspect(struct err *e, struct request *r, domid_t domid)
{
    struct view *v = &r->view;
    int rc = ctrl_domain_info(v->ctrl, domid, &v->info);
    if (rc < 0) {
        return err_set(e, rc, "there is no domain %u", domid);
    }
    bool paused = v->info.flags & XEN_DOMINF_paused;
    rc = paused ? 0 : ctrl_domain_pause(v->ctrl, domid);
    if (rc < 0) {
        return err_set(e, rc, "cannot pause domain %u: %s", domid, strerror(-rc));
    }
    rc = show_all(e, r);
    if (!paused) {
        ctrl_domain_unpause(v->ctrl, domid);
    }
    return rc;
}

static int run(struct err *e, struct request *r)
{
    struct symbols *symbols = NULL;
    int rc = r->symbol_file ? symbols_load(e, r->symbol_file, &symbols) : 0;
    rc = rc < 0 ? rc : find_domain(e, r->domain);
    domid_t domid = (domid_t)rc;
    if (rc == 0 && domid == 0) {
        rc = err_set(e, -EINVAL, "dom0 cannot look at itself");
    }
    rc = rc < 0 ? rc : ctrl_open(e, &r->view.ctrl);
    if (rc == 0) {
        r->view.symbols = symbols;
        rc = inspect(e, r, domid);
        ctrl_close(r->view.ctrl);
    }
    symbols_free(symbols);
    return rc;
}

int main(int argc, char **argv)
{
    struct request r = { .view.stack_lines = 10 };
    struct err e = { 0 };
    int option;
    while ((option = getopt_long(argc, argv, "aCs:Sn:h", long_options, NULL)) != -1) {
        switch (option) {
        case 'a':
            r.view.all_registers = true;
            break;
        case 'C':
            r.all_vcpus = true;
            break;
        case 's':
            r.symbol_file = optarg;
            break;
        case 'S':
            r.view.stack_trace = true;
            break;
        case 'n':
            r.view.stack_lines = (unsigned int)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            fputs(usage_text, stdout);
            return 0;
        default:
            return usage_error("unknown option");
        }
    }
    if (optind >= argc || argc - optind > 2) {
        return usage_error("which domain?");
    }
    r.domain = argv[optind];
    r.vcpu = optind + 1 < argc ? strtol(argv[optind + 1], NULL, 10) : 0;
    if (r.view.stack_trace && !r.symbol_file) {
        return usage_error("-S needs -s: without names code cannot be told from data");
    }
    if (run(&e, &r) < 0) {
        fprintf(stderr, "xenctx: %s\n", e.text);
        return 1;
    }
    return 0;
}
