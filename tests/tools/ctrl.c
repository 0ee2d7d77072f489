/* SPDX-License-Identifier: MIT */
/*
 * Runs lib/ctrl and the device-node libraries for real, from inside dom0: what the hypervisor says of itself,
 * a domain from creation to its end with memory, events, grants and affinity, and the errors callers rely on.
 * Prints a line for whatever is not as expected and ends with "ctrl: N failed"; see
 * tests/compat/test_ctrl.py.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "abi/grant_table.h"
#include "lib/call/xencall.h"
#include "lib/ctrl/ctrl.h"
#include "lib/evtchn/xenevtchn.h"
#include "lib/foreignmemory/xenforeignmemory.h"
#include "lib/gnttab/xengnttab.h"

#define PAGES 1024

static unsigned int failed;

static void expect(bool ok, const char *what, long long got)
{
    if (!ok) {
        printf("ctrl: %s (%lld)\n", what, got);
        failed++;
    }
}

#define EXPECT(cond, got) expect(cond, #cond, (long long)(got))
#define EXPECT_OK(call)                                                                                      \
    do {                                                                                                     \
        long rc_ = (call);                                                                                   \
        expect(rc_ == 0, #call, rc_);                                                                        \
    } while (0)

static void test_host(struct ctrl *c)
{
    struct ctrl_version v;
    EXPECT_OK(ctrl_version(c, &v));
    EXPECT(v.major == 4 && v.page_size == 4096, v.major);
    EXPECT(strstr(v.capabilities, "xen-3.0-x86_64") != NULL, 0);
    struct xen_sysctl_physinfo info;
    EXPECT_OK(ctrl_physinfo(c, &info));
    EXPECT(info.nr_cpus >= 1 && info.free_pages > PAGES && info.free_pages < info.total_pages,
           info.free_pages);
    EXPECT(ctrl_cpu_ids(c) == (int)info.max_cpu_id + 1 && ctrl_node_ids(c) >= 1, ctrl_cpu_ids(c));
    uint32_t sched = 99;
    EXPECT_OK(ctrl_sched_id(c, &sched));
    EXPECT(sched == XEN_SCHEDULER_CREDIT2, sched);
    char log[2048];
    uint32_t size = sizeof(log);
    EXPECT_OK(ctrl_read_console(c, log, &size, false, false, NULL));
    EXPECT(size > 100 && size <= sizeof(log), size);
    struct xen_sysctl_cputopo topology[64];
    unsigned int count = 64;
    EXPECT_OK(ctrl_cpu_topology(c, topology, &count));
    EXPECT(count == info.nr_cpus, count);
    unsigned int nodes = 0;
    EXPECT_OK(ctrl_numa_info(c, NULL, NULL, &nodes));
    EXPECT(nodes >= 1, nodes);
    struct xen_sysctl_cpuinfo idle[64];
    EXPECT(ctrl_cpu_idle_times(c, idle, 64) == (int)info.nr_cpus, 0);
    uint64_t bytes = 0;
    EXPECT_OK(ctrl_avail_heap(c, 0, 0, -1, &bytes));
    EXPECT(bytes > PAGES * 4096, bytes);
    EXPECT(ctrl_sharing_used_pages(c) == 0, ctrl_sharing_used_pages(c));
    EXPECT(ctrl_set_parameter(c, "no-such-parameter", "1") == -ENOENT, 0);
}

static void test_pools(struct ctrl *c)
{
    struct ctrl_cpupool pool;
    uint8_t cpus[8] = { 0 };
    EXPECT_OK(ctrl_cpupool_info(c, 0, &pool, cpus, 64));
    EXPECT(pool.id == 0 && pool.domain_count >= 1 && (cpus[0] & 1), pool.domain_count);
    EXPECT(ctrl_cpupool_info(c, 1, &pool, cpus, 64) == -ENOENT, 0);
    EXPECT_OK(ctrl_cpupool_free_cpus(c, cpus, 64));
    EXPECT(cpus[0] == 0, cpus[0]);
    struct xen_domctl_sched_credit2 p = { 0 };
    EXPECT_OK(ctrl_sched_credit2_get(c, 0, &p));
    EXPECT(p.weight == 256, p.weight);
    struct xen_sysctl_credit2_schedule s;
    EXPECT_OK(ctrl_pool_credit2_get(c, 0, &s));
}

static void test_list(struct ctrl *c, domid_t domid)
{
    struct xen_domctl_getdomaininfo info;
    EXPECT_OK(ctrl_domain_info(c, domid, &info));
    EXPECT(info.domain == domid && (info.flags & XEN_DOMINF_paused), info.flags);
    EXPECT(ctrl_domain_info(c, 5000, &info) == -ESRCH, 0);
    struct xen_domctl_getdomaininfo *list = NULL;
    int count = ctrl_domain_list_all(c, &list);
    EXPECT(count == 2, count);
    EXPECT(count == 2 && list[0].domain == 0 && list[1].domain == domid, count);
    free(list);
}

/*
 * What is written through one mapping is read through another; frames that are not there are reported one by
 * one.
 */
static void test_mapping(struct ctrl *c, domid_t domid, const xen_pfn_t *frames)
{
    struct xenforeignmemory_handle *f = ctrl_foreignmemory(c);
    xen_pfn_t some[3] = { frames[0], frames[PAGES - 1], (xen_pfn_t)1 << 40 };
    int err[3] = { 0 };
    char *a = xenforeignmemory_map(f, domid, PROT_READ | PROT_WRITE, 2, some, NULL);
    char *b = xenforeignmemory_map(f, domid, PROT_READ, 3, some, err);
    EXPECT(a != NULL && b != NULL, errno);
    EXPECT(err[0] == 0 && err[1] == 0 && err[2] < 0, err[2]);
    EXPECT(xenforeignmemory_map(f, domid, PROT_READ, 3, some, NULL) == NULL, errno);
    if (a && b) {
        strcpy(a + 4096, "last page");
        EXPECT(strcmp(b + 4096, "last page") == 0, 0);
        EXPECT_OK(xenforeignmemory_unmap(f, a, 2));
        EXPECT_OK(xenforeignmemory_unmap(f, b, 3));
    }
}

static void test_grant(struct ctrl *c, domid_t domid, xen_pfn_t frame)
{
    struct ctrl_grant_seed seed = { .ref = GNTTAB_RESERVED_CONSOLE, .remote = 0, .frame = frame };
    EXPECT_OK(ctrl_grant_seed(c, domid, &seed, 1));
    seed.ref = GNTTAB_NR_RESERVED_ENTRIES;
    EXPECT(ctrl_grant_seed(c, domid, &seed, 1) == -EINVAL, 0);
    struct xengntdev_handle *g = xengnttab_open(NULL, 0);
    EXPECT(g != NULL, errno);
    char *p = g ? xengnttab_map_grant_ref(g, domid, GNTTAB_RESERVED_CONSOLE, PROT_READ | PROT_WRITE) : NULL;
    EXPECT(p != NULL, errno);
    if (p) {
        p[17] = 42;
        char *q = xenforeignmemory_map(ctrl_foreignmemory(c), domid, PROT_READ, 1, &frame, NULL);
        EXPECT(q != NULL && q[17] == 42, errno);
        EXPECT_OK(q ? xenforeignmemory_unmap(ctrl_foreignmemory(c), q, 1) : -1);
        EXPECT_OK(xengnttab_unmap(g, p, 1));
    }
    EXPECT(g && xengnttab_map_grant_ref(g, domid, 7, PROT_READ) == NULL, errno);
    xengnttab_close(g);
}

static void test_events(struct ctrl *c, domid_t domid)
{
    evtchn_port_t port = 0;
    EXPECT_OK(ctrl_evtchn_alloc_unbound(c, domid, 0, &port));
    struct xenevtchn_handle *e = xenevtchn_open(NULL, 0);
    EXPECT(e != NULL, errno);
    int local = e ? xenevtchn_bind_interdomain(e, domid, port) : -1;
    EXPECT(local > 0, errno);
    struct evtchn_status status;
    EXPECT_OK(ctrl_evtchn_status(c, domid, port, &status));
    EXPECT(status.status == EVTCHNSTAT_interdomain && status.u.interdomain.port == (evtchn_port_t)local,
           status.status);
    if (local > 0) {
        EXPECT_OK(xenevtchn_notify(e, local));
        EXPECT_OK(xenevtchn_unbind(e, local));
    }
    EXPECT(e && xenevtchn_bind_interdomain(e, domid, 1000) < 0, errno);
    xenevtchn_close(e);
}

static void test_vcpus(struct ctrl *c, domid_t domid)
{
    EXPECT_OK(ctrl_domain_max_vcpus(c, domid, 2));
    struct xen_domctl_getvcpuinfo info;
    EXPECT_OK(ctrl_vcpu_info(c, domid, 1, &info));
    EXPECT(ctrl_vcpu_info(c, domid, 2, &info) < 0, 0);
    uint8_t hard[8] = { 1 };
    uint8_t soft[8] = { 3 };
    EXPECT_OK(ctrl_vcpu_affinity_set(c, domid, 0, hard, soft, 64, false));
    memset(hard, 0, sizeof(hard));
    EXPECT_OK(ctrl_vcpu_affinity_get(c, domid, 0, hard, NULL, 64));
    EXPECT(hard[0] == 1, hard[0]);
}

static void test_domain(struct ctrl *c)
{
    struct xen_domctl_createdomain config = {
        .max_vcpus = 2,
        .max_evtchn_port = 1023,
        .max_grant_frames = 4,
        .max_maptrack_frames = 0,
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    memset(config.handle, 0xab, sizeof(config.handle));
    domid_t domid = 0;
    EXPECT_OK(ctrl_domain_create(c, &config, &domid));
    EXPECT(domid != 0, domid);
    if (domid == 0) {
        return;
    }
    test_vcpus(c, domid);
    EXPECT_OK(ctrl_domain_max_mem(c, domid, PAGES * 4 + 1024));
    static xen_pfn_t frames[PAGES];
    for (unsigned int i = 0; i < PAGES; i++) {
        frames[i] = i;
    }
    EXPECT(ctrl_populate(c, domid, 0, 0, PAGES, frames) == PAGES, 0);
    test_list(c, domid);
    test_mapping(c, domid, frames);
    test_grant(c, domid, frames[3]);
    test_events(c, domid);
    EXPECT(ctrl_depopulate(c, domid, 0, 1, &frames[PAGES - 2]) == 1, 0);
    EXPECT_OK(ctrl_domain_destroy(c, domid));
    EXPECT(ctrl_domain_destroy(c, domid) == -ESRCH, 0);
}

int main(void)
{
    struct err e = { 0 };
    struct ctrl *c;
    if (ctrl_open(&e, &c) != 0) {
        printf("ctrl: %s\n", e.text);
        return 1;
    }
    test_host(c);
    test_pools(c);
    test_domain(c);
    ctrl_close(c);
    printf("ctrl: %u failed\n", failed);
    return failed != 0;
}
