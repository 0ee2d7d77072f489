/* SPDX-License-Identifier: MIT */
/*
 * Birth, numbers and end of domains: domain_create(), domain_get(), domain_kill(). What a
 * domain does in between (pausing, shutting down) is in domain_state.c.
 *
 * The end has three stages. domain_kill() takes back everything that other domains could hold
 * on to or that holds on to them, in steps that can be interrupted. When the last reference
 * goes the parts are freed and the domain leaves the list; after one more grace period, in
 * which nobody can find it, so does the record.
 *
 * Lock: list_lock for the hash and the list; both are read under RCU.
 */
#include "hv/core/domain.h"

#include "abi/sched.h"

#include "abi/sched.h"
#include "hv/base/printk.h"
#include "hv/core/arch_guest.h"
#include "hv/core/console.h"
#include "hv/core/evtchn.h"
#include "hv/core/grant.h"
#include "hv/core/memory_claim.h"
#include "hv/core/rights.h"
#include "hv/core/sched.h"
#include "hv/core/vcpu.h"
#include "hv/lib/printf.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/upcalls.h"

#define HASH_SIZE 1024U

struct domain *domain_hardware;
struct domain *domain_idle;
struct domain *domain_xen;
struct domain *domain_io;
struct domain_limits domain_limits = { 64, 1024, 2, true };

static struct spinlock list_lock = SPINLOCK_INIT(LOCK_DOMAIN_LIST);
static struct domain *hash[HASH_SIZE];
static struct domain *list; /* ascending numbers */
static domid_t last_picked;

/* ---- Numbers ----------------------------------------------------------------------------- */

/* Under RCU or list_lock. */
static struct domain *find(domid_t id)
{
    struct domain *d = __atomic_load_n(&hash[id % HASH_SIZE], __ATOMIC_ACQUIRE);

    while (d != NULL && d->id != id) {
        d = __atomic_load_n(&d->next_in_hash, __ATOMIC_ACQUIRE);
    }
    return d;
}

bool domain_get_ref(struct domain *d)
{
    unsigned int refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

    do {
        if (refs == 0) {
            return false;
        }
    } while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    return true;
}

struct domain *domain_get(domid_t id)
{
    struct domain *d;

    rcu_read_lock();
    d = find(id);
    if (d != NULL && !domain_get_ref(d)) {
        d = NULL;
    }
    rcu_read_unlock();
    return d;
}

struct domain *domain_get_or_self(domid_t id)
{
    return domain_get(id == DOMID_SELF ? current_domain()->id : id);
}

struct domain *domain_get_from(domid_t id)
{
    struct domain *d;

    rcu_read_lock();
    d = __atomic_load_n(&list, __ATOMIC_ACQUIRE);
    while (d != NULL && (d->id < id || !domain_get_ref(d))) {
        d = __atomic_load_n(&d->next_in_list, __ATOMIC_ACQUIRE);
    }
    rcu_read_unlock();
    return d;
}

/* The next free number after the one picked last, so that numbers are not used again soon. */
static int pick_id(domid_t *id)
{
    for (unsigned int i = 0; i < DOMID_COUNT; i++) {
        last_picked = (domid_t)(last_picked + 1U >= DOMID_COUNT ? 1 : last_picked + 1);
        if (find(last_picked) == NULL) {
            *id = last_picked;
            return 0;
        }
    }
    return -ENOMEM;
}

/* Makes d visible to the world: the last step of creation that can fail. */
static int list_add_domain(struct domain *d)
{
    struct domain **at = &list;
    struct domain **bucket = &hash[d->id % HASH_SIZE];

    spin_lock(&list_lock);
    if (find(d->id) != NULL) {
        spin_unlock(&list_lock);
        return -EEXIST;
    }
    while (*at != NULL && (*at)->id < d->id) {
        at = &(*at)->next_in_list;
    }
    d->next_in_list = *at;
    d->next_in_hash = *bucket;
    /* Release: whoever finds d sees it complete (acquire in find() and domain_get_from()). */
    __atomic_store_n(at, d, __ATOMIC_RELEASE);
    __atomic_store_n(bucket, d, __ATOMIC_RELEASE);
    spin_unlock(&list_lock);
    return 0;
}

/* Leaves d's own links alone: a reader may be standing on it. */
static void list_remove_domain(struct domain *d)
{
    struct domain **at = &list;
    struct domain **bucket = &hash[d->id % HASH_SIZE];

    spin_lock(&list_lock);
    while (*at != d) {
        at = &(*at)->next_in_list;
    }
    while (*bucket != d) {
        bucket = &(*bucket)->next_in_hash;
    }
    __atomic_store_n(at, d->next_in_list, __ATOMIC_RELEASE);
    __atomic_store_n(bucket, d->next_in_hash, __ATOMIC_RELEASE);
    spin_unlock(&list_lock);
}

/* ---- Birth ------------------------------------------------------------------------------- */

static int check_config(const struct xen_domctl_createdomain *config)
{
    if (config->max_vcpus == 0 || config->max_vcpus > DOMAIN_MAX_VCPUS ||
        config->vmtrace_size != 0 ||
        (config->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) != 0 ||
        (config->grant_opts & XEN_DOMCTL_GRANT_version_mask) > domain_limits.grant_version) {
        return -EINVAL;
    }
    return 0;
}

/* A negative number asks for the hypervisor's limit; more than that is refused. */
static int resolve_limit(int32_t *value, unsigned int limit)
{
    if (*value < 0) {
        *value = (int32_t)limit;
    }
    return (unsigned int)*value > limit ? -EINVAL : 0;
}

static int resolve_limits(struct xen_domctl_createdomain *config)
{
    int rc = resolve_limit(&config->max_grant_frames, domain_limits.grant_frames);

    return rc != 0 ? rc
                   : resolve_limit(&config->max_maptrack_frames, domain_limits.maptrack_frames);
}

static void fill_in(struct domain *d, const struct xen_domctl_createdomain *config,
                    bool control)
{
    d->config = *config;
    d->max_vcpus = config->max_vcpus;
    d->is_control = control;
    d->is_hardware = control && d->id == 0;
    d->is_xenstore = (config->flags & XEN_DOMCTL_CDF_xs_domain) != 0;
    d->is_hvm = (config->flags & XEN_DOMCTL_CDF_hvm) != 0;
    d->is_translated = d->is_hvm;
    d->refs = 1;
    d->pause_count = 1;
    d->controller_paused = 1;
    d->shutdown_code = DOMAIN_SHUTDOWN_NONE;
    d->cpupool = config->cpupool_id;
    d->shared_info_mfn = INVALID_MFN;
    memcpy(d->handle, config->handle, sizeof(d->handle));
    spin_init(&d->lock, LOCK_DOMAIN);
    frame_owner_init(&d->memory, d->id);
}

static int shared_info_create(struct domain *d)
{
    if (d->shared_info != NULL) {
        return 0; /* the architecture has its own idea of it */
    }
    d->shared_info = heap_alloc_page();
    if (d->shared_info == NULL) {
        return -ENOMEM;
    }
    d->shared_info_mfn = arch_direct_mfn(d->shared_info);
    frame_share(&d->memory, d->shared_info_mfn, true);
    return 0;
}

static void shared_info_destroy(struct domain *d)
{
    if (d->shared_info == NULL) {
        return;
    }
    if (frame_unshare(d->shared_info_mfn) == 0) {
        heap_free_page(d->shared_info);
    } else {
        log_warning("%pd: its shared info page is still in use and stays\n", d);
    }
    d->shared_info = NULL;
}

static int create_parts(struct domain *d)
{
    int rc;

    d->vcpu = heap_alloc_array(d->max_vcpus, sizeof(d->vcpu[0]));
    if (d->vcpu == NULL) {
        return -ENOMEM;
    }
    rc = rights_domain_init(d);
    if (rc == 0) {
        rc = sched_domain_init(d);
    }
    if (rc == 0) {
        rc = evtchn_domain_init(d);
    }
    if (rc == 0) {
        rc = arch_domain_init(d);
    }
    if (rc == 0) {
        rc = shared_info_create(d);
    }
    if (rc == 0) {
        rc = grant_domain_init(d, (unsigned int)d->config.max_grant_frames,
                               (unsigned int)d->config.max_maptrack_frames,
                               d->config.grant_opts & XEN_DOMCTL_GRANT_version_mask);
    }
    return rc;
}

/* Every part may be missing: this also undoes a creation that failed half way. */
static void destroy_parts(struct domain *d)
{
    for (unsigned int i = 0; d->vcpu != NULL && i < d->max_vcpus; i++) {
        if (d->vcpu[i] != NULL) {
            vcpu_destroy(d->vcpu[i]);
            d->vcpu[i] = NULL;
        }
    }
    grant_domain_exit(d);
    evtchn_domain_exit(d);
    arch_domain_exit(d);
    shared_info_destroy(d);
    sched_domain_exit(d);
    rights_domain_exit(d);
    console_domain_exit(d);
    heap_free(d->vcpu);
}

static void crash_later(void *data);

int domain_create(domid_t id, const struct xen_domctl_createdomain *config, bool control,
                  struct domain **out)
{
    struct xen_domctl_createdomain checked = *config;
    struct domain *d;
    int rc = check_config(&checked);

    if (rc == 0) {
        rc = resolve_limits(&checked);
    }
    if (rc == 0) {
        rc = arch_domain_check_config(&checked);
    }
    if (rc != 0) {
        return rc;
    }
    if (id == DOMID_INVALID) {
        rc = pick_id(&id); /* creations come one at a time (domctl) */
    } else if (id >= DOMID_COUNT) {
        rc = -EINVAL;
    } else if (find(id) != NULL) {
        rc = -EEXIST;
    }
    if (rc != 0) {
        return rc;
    }
    d = heap_alloc(sizeof(*d));
    if (d == NULL) {
        return -ENOMEM;
    }
    d->id = id;
    fill_in(d, &checked, control);
    tasklet_init(&d->crash_work, crash_later, d);
    rc = create_parts(d);
    if (rc == 0) {
        rc = list_add_domain(d);
    }
    if (rc != 0) {
        destroy_parts(d);
        heap_free(d);
        return rc;
    }
    *out = d;
    return 0;
}

int domain_create_vcpus(struct domain *d, unsigned int count)
{
    if (count > d->max_vcpus || domain_is_dying(d)) {
        return -EINVAL;
    }
    for (unsigned int i = 0; i < count; i++) {
        int rc = d->vcpu[i] != NULL ? 0 : vcpu_create(d, i);

        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- End --------------------------------------------------------------------------------- */

static void free_domain(struct rcu_head *head)
{
    heap_free(container_of(head, struct domain, rcu));
}

/* A softirq of its own, so no lock is held. Nobody gets a reference any more; the number
 * stays taken until all that carries it is gone, and readers of the list may stand on d for
 * one more grace period. */
static void last_reference_gone(struct rcu_head *head)
{
    struct domain *d = container_of(head, struct domain, rcu);

    destroy_parts(d);
    list_remove_domain(d);
    rcu_call(&d->rcu, free_domain);
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refs, 1, __ATOMIC_ACQ_REL) == 0) {
        rcu_call(&d->rcu, last_reference_gone);
    }
}

static int kill_begin(struct domain *d)
{
    domain_pause(d); /* for good */
    spin_lock(&d->lock);
    d->dying = DOMAIN_DYING;
    spin_unlock(&d->lock);
    spin_lock(&d->memory.lock);
    d->memory.dying = true;
    spin_unlock(&d->memory.lock);
    return 0;
}

static int kill_timers(struct domain *d)
{
    struct vcpu *v;

    sched_watchdog_exit(d);
    domain_for_each_vcpu(d, v) {
        vcpu_stop_periodic(v);
        vcpu_stop_singleshot(v);
    }
    return 0;
}

static int kill_events(struct domain *d)
{
    return evtchn_domain_close_all(d);
}

static int kill_grants(struct domain *d)
{
    return grant_release_mappings(d);
}

static int kill_small_things(struct domain *d)
{
    struct domain *target;
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        vcpu_unregister_info(v);
    }
    memory_claim_drop(d);
    spin_lock(&d->lock);
    target = d->target;
    d->target = NULL;
    spin_unlock(&d->lock);
    if (target != NULL) {
        domain_put(target);
    }
    return 0;
}

static int kill_memory(struct domain *d)
{
    return arch_domain_relinquish(d);
}

/* In this order; each is run again until it returns 0. */
static int (*const kill_steps[])(struct domain *d) = {
    kill_begin, kill_timers, kill_events, kill_grants, kill_small_things, kill_memory,
};

int domain_kill(struct domain *d)
{
    if (d->dying == DOMAIN_DEAD) {
        return 0;
    }
    while (d->kill_step < ARRAY_SIZE(kill_steps)) {
        int rc = kill_steps[d->kill_step](d);

        if (rc != 0) {
            return rc;
        }
        d->kill_step++;
        if (softirq_urgent() && d->kill_step < ARRAY_SIZE(kill_steps)) {
            return -ERESTART;
        }
    }
    spin_lock(&d->lock);
    d->dying = DOMAIN_DEAD;
    spin_unlock(&d->lock);
    evtchn_send_global_virq(NULL, VIRQ_DOM_EXC);
    domain_put(d); /* the list's */
    return 0;
}

/* ---- Crash ------------------------------------------------------------------------------- */

static void crash_later(void *data)
{
    struct domain *d = data;

    domain_shutdown(d, SHUTDOWN_crash);
    WRITE_ONCE(d->crash_pending, false);
    domain_unpause(d);
    domain_put(d);
}

/* The caller may hold any lock below the scheduler's, so only the pause happens here. */
void domain_crash(struct domain *d, const char *fmt, ...)
{
    char why[160];
    va_list args;

    va_start(args, fmt);
    (void)format_string_va(why, sizeof(why), fmt, args);
    va_end(args);
    if (__atomic_exchange_n(&d->crash_pending, true, __ATOMIC_ACQ_REL) || !domain_get_ref(d)) {
        return;
    }
    log_warning("%pd crashed: %s\n", d, why); /* once in a domain's life: no flood */
    domain_pause_nosync(d);
    tasklet_schedule(&d->crash_work);
}

/* ---- What the frame table asks ----------------------------------------------------------- */

/* The frame in question keeps its owner alive while we look. */
struct frame_owner *upcall_frame_owner(uint16_t domid)
{
    struct domain *d = find(domid);

    if (d != NULL) {
        return &d->memory;
    }
    if (domid == DOMID_XEN && domain_xen != NULL) {
        return &domain_xen->memory;
    }
    return domid == DOMID_IO && domain_io != NULL ? &domain_io->memory : NULL;
}

void upcall_owner_filled(uint16_t domid)
{
    struct domain *d = find(domid);

    /* Whoever gives d a page holds a reference on it, so this one can be had. */
    if (d != NULL && !domain_get_ref(d)) {
        log_error("%pd got a page after its end\n", d);
    }
}

void upcall_owner_empty(uint16_t domid)
{
    struct domain *d = find(domid);

    if (d != NULL) {
        domain_put(d);
    }
}

/* ---- Boot -------------------------------------------------------------------------------- */

static int print_domain(char *buf, size_t size, const void *p)
{
    const struct domain *d = p;

    if (d == NULL) {
        return format_string(buf, size, "d?");
    }
    switch (d->id) {
    case DOMID_IDLE:
        return format_string(buf, size, "d[IDLE]");
    case DOMID_XEN:
        return format_string(buf, size, "d[XEN]");
    case DOMID_IO:
        return format_string(buf, size, "d[IO]");
    default:
        return format_string(buf, size, "d%u", d->id);
    }
}

static int print_vcpu(char *buf, size_t size, const void *p)
{
    const struct vcpu *v = p;

    if (v == NULL) {
        return format_string(buf, size, "d?v?");
    }
    return format_string(buf, size, "%pdv%u", v->domain, v->id);
}

static struct domain *create_special(domid_t id, unsigned int max_vcpus)
{
    const struct xen_domctl_createdomain config = { .max_vcpus = max_vcpus };
    struct domain *d = heap_alloc(sizeof(*d));

    if (d == NULL) {
        panic("no memory for the special domains");
    }
    d->id = id;
    fill_in(d, &config, false);
    d->pause_count = 0;
    d->controller_paused = 0;
    d->creation_finished = true;
    if (max_vcpus != 0) {
        d->vcpu = heap_alloc_array(max_vcpus, sizeof(d->vcpu[0]));
        if (d->vcpu == NULL || sched_domain_init(d) != 0) {
            panic("no memory for the idle domain");
        }
    }
    return d;
}

void domain_init(void)
{
    printf_set_pointer_format('d', print_domain);
    printf_set_pointer_format('v', print_vcpu);
    domain_idle = create_special(DOMID_IDLE, MAX_CPUS);
    domain_xen = create_special(DOMID_XEN, 0);
    domain_io = create_special(DOMID_IO, 0);
}
