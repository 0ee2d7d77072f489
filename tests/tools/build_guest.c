/* SPDX-License-Identifier: MIT */
/*
 * Builds PV guests with lib/build and nothing else: no store, no devices. For tests of the builder in dom0,
 * and for its times.
 *
 *     build_guest [-m MIB] [-v VCPUS] [-r RAMDISK] [-c CMDLINE] [-k CACHE] [-s SECONDS] KERNEL   runs it,
 * shows its console until it ends or the time is over build_guest -b COUNT ... KERNEL builds and destroys it
 * so often: microseconds
 *
 * Exit code 0 when the guest was built and has ended by itself (with -b: was built each time).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "abi/io_console.h"
#include "lib/build/build.h"
#include "lib/build/kernel_cache.h"
#include "lib/foreignmemory/xenforeignmemory.h"

struct options {
    const char *kernel, *ramdisk, *cmdline, *cache;
    unsigned long mib, seconds, builds;
    unsigned int vcpus;
};

struct times {
    uint64_t open, create, build, destroy;
};

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int complain(const struct err *e)
{
    fprintf(stderr, "build_guest: %s\n", e->text);
    if (e->hint[0] != '\0') {
        fprintf(stderr, "build_guest: %s\n", e->hint);
    }
    return 1;
}

static int create(struct err *e, struct ctrl *c, const struct options *o, domid_t *domid)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = o->vcpus,
        .max_evtchn_port = 1023,
        .max_grant_frames = 64,
        .max_maptrack_frames = 1024,
        .grant_opts = XEN_DOMCTL_GRANT_version(2),
    };
    int rc;

    *domid = 0;
    rc = ctrl_domain_create(c, &config, domid);
    if (rc < 0) {
        return err_set(e, rc, "cannot create a domain: %s", strerror(-rc));
    }
    rc = ctrl_domain_max_vcpus(c, *domid, o->vcpus);
    if (rc < 0) {
        ctrl_domain_destroy(c, *domid);
        return err_set(e, rc, "cannot make vcpus: %s", strerror(-rc));
    }
    return 0;
}

/* Open, create, build; what was made is destroyed again after an error. */
static int make(struct err *e, struct ctrl *c, const struct options *o, domid_t *domid,
                struct build_result *r, struct times *t)
{
    struct build_kernel *kernel;
    uint64_t start = now();
    int rc = build_kernel_open(e, o->kernel, o->cache, BUILD_PV, &kernel);

    if (rc < 0) {
        return rc;
    }
    t->open = now() - start;
    start = now();
    rc = create(e, c, o, domid);
    t->create = now() - start;
    if (rc == 0) {
        struct build_config config = { .domid = *domid,
                                       .kernel = kernel,
                                       .ramdisk = o->ramdisk,
                                       .cmdline = o->cmdline,
                                       .memory_kib = o->mib << 10,
                                       .maxmem_kib = o->mib << 10,
                                       .vcpus = o->vcpus,
                                       .claim = true };

        start = now();
        rc = build_pv(e, c, &config, r);
        t->build = now() - start;
        if (rc < 0) {
            ctrl_domain_destroy(c, *domid);
        }
    }
    build_kernel_close(kernel);
    return rc;
}

static void show_console(struct xencons_interface *ring)
{
    XENCONS_RING_IDX end = __atomic_load_n(&ring->out_prod, __ATOMIC_ACQUIRE);

    for (; ring->out_cons != end && end - ring->out_cons <= sizeof(ring->out); ring->out_cons++) {
        putchar(ring->out[MASK_XENCONS_IDX(ring->out_cons, ring->out)]);
    }
    fflush(stdout);
}

static int watch(struct ctrl *c, domid_t domid, const struct build_result *r, unsigned long seconds)
{
    struct xenforeignmemory_handle *fmem = ctrl_foreignmemory(c);
    void *page = xenforeignmemory_map(fmem, domid, PROT_READ | PROT_WRITE, 1, &r->console_mfn, NULL);
    uint64_t end = now() + seconds * 1000000;
    int rc = 1;

    if (page == NULL || ctrl_domain_unpause(c, domid) < 0) {
        return 1;
    }
    while (now() < end && rc != 0) {
        struct xen_domctl_getdomaininfo info;

        if (ctrl_domain_info(c, domid, &info) < 0 || (info.flags & XEN_DOMINF_shutdown) != 0) {
            printf("\nbuild_guest: the guest has ended, reason %u\n",
                   info.flags >> XEN_DOMINF_shutdownshift & 255);
            rc = 0;
        }
        show_console(page);
        usleep(10000);
    }
    xenforeignmemory_unmap(fmem, page, 1);
    return rc;
}

static int build_many(struct ctrl *c, const struct options *o)
{
    for (unsigned long i = 0; i < o->builds; i++) {
        struct err e = { 0 };
        struct build_result r;
        struct times t = { 0 };
        domid_t domid;
        uint64_t start = now();

        if (make(&e, c, o, &domid, &r, &t) < 0) {
            return complain(&e);
        }
        t.destroy = now();
        ctrl_domain_destroy(c, domid);
        t.destroy = now() - t.destroy;
        printf("open %llu create %llu build %llu destroy %llu total %llu us\n", (unsigned long long)t.open,
               (unsigned long long)t.create, (unsigned long long)t.build, (unsigned long long)t.destroy,
               (unsigned long long)(now() - start));
    }
    return 0;
}

static int run(struct ctrl *c, const struct options *o)
{
    struct err e = { 0 };
    struct build_result r;
    struct times t = { 0 };
    domid_t domid;
    int rc;

    if (make(&e, c, o, &domid, &r, &t) < 0) {
        return complain(&e);
    }
    printf(
        "build_guest: domain %u, %llu pages, console %llx:%u, store %llx:%u, open %llu build %llu us\n",
        domid, (unsigned long long)r.pages, (unsigned long long)r.console_mfn, r.console_port,
        (unsigned long long)r.store_mfn, r.store_port, (unsigned long long)t.open,
        (unsigned long long)t.build);
    rc = watch(c, domid, &r, o->seconds);
    return ctrl_domain_destroy(c, domid) < 0 ? 1 : rc;
}

int main(int argc, char **argv)
{
    struct options o = { .mib = 128, .vcpus = 1, .seconds = 10, .cache = KERNEL_CACHE_DIR };
    struct err e = { 0 };
    struct ctrl *c;
    int option, rc;

    while ((option = getopt(argc, argv, "m:v:r:c:k:s:b:")) != -1) {
        switch (option) {
        case 'm':
            o.mib = strtoul(optarg, NULL, 0);
            break;
        case 'v':
            o.vcpus = (unsigned int)strtoul(optarg, NULL, 0);
            break;
        case 'r':
            o.ramdisk = optarg;
            break;
        case 'c':
            o.cmdline = optarg;
            break;
        case 'k':
            o.cache = optarg[0] == '\0' ? NULL : optarg;
            break;
        case 's':
            o.seconds = strtoul(optarg, NULL, 0);
            break;
        case 'b':
            o.builds = strtoul(optarg, NULL, 0);
            break;
        default:
            return 2;
        }
    }
    if (optind + 1 != argc) {
        fprintf(stderr, "build_guest: which kernel?\n");
        return 2;
    }
    o.kernel = argv[optind];
    if (ctrl_open(&e, &c) < 0) {
        return complain(&e);
    }
    rc = o.builds != 0 ? build_many(c, &o) : run(c, &o);
    ctrl_close(c);
    return rc;
}
