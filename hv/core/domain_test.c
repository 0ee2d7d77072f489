/* SPDX-License-Identifier: MIT */
/* Birth and end of domains: every allocation on the way fails once, every reference delays the
 * end. */
#include "hv/core/domain.h"

#include "hv/core/evtchn.h"
#include "hv/core/memory_claim.h"
#include "hv/core/sched.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

TEST(domain_create_allocation_failures)
{
    struct xen_domctl_createdomain config = world_config();
    struct domain *d = NULL;
    int n;
    int rc;

    world_init();
    for (n = 0;; n++) {
        heap_fail_after(n);
        rc = domain_create(5, &config, false, &d);
        heap_fail_after(-1);
        if (rc == 0) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
        EXPECT(domain_get(5) == NULL);
        world_expect_clean();
    }
    EXPECT(n > 5);
    for (n = 0;; n++) {
        heap_fail_after(n);
        rc = domain_create_vcpus(d, 2);
        heap_fail_after(-1);
        if (rc == 0) {
            break;
        }
        EXPECT_EQ(rc, -ENOMEM);
    }
    EXPECT(n > 1);
    world_domain_end(d);
    world_domain_free(5);
    world_expect_clean();
}

TEST(domain_create_rules)
{
    struct xen_domctl_createdomain config = world_config();
    struct domain *d = NULL;

    world_init();
    EXPECT_EQ(domain_create(5, &config, false, &d), 0);
    EXPECT_EQ(domain_create(5, &config, false, &d), -EEXIST);
    EXPECT_EQ(domain_create(DOMID_FIRST_RESERVED, &config, false, &d), -EINVAL);
    config.max_vcpus = 0;
    EXPECT_EQ(domain_create(6, &config, false, &d), -EINVAL);
    config = world_config();
    config.max_grant_frames = 65;
    EXPECT_EQ(domain_create(6, &config, false, &d), -EINVAL);
    config = world_config();
    config.grant_opts = 3;
    EXPECT_EQ(domain_create(6, &config, false, &d), -EINVAL);
    config = world_config();
    EXPECT_EQ(domain_create(DOMID_INVALID, &config, false, &d), 0);
    EXPECT(d->id != 0 && d->id != 5 && d->id < DOMID_FIRST_RESERVED);
}

TEST(domain_references_delay_the_end)
{
    struct domain *d;
    struct domain *again;

    world_init();
    d = world_domain(3, false);
    again = domain_get(3);
    EXPECT(again == d);
    world_domain_end(d);
    again = domain_get(3); /* dead, but there */
    EXPECT(again == d);
    EXPECT_EQ(d->dying, DOMAIN_DEAD);
    domain_put(again);
    domain_put(d);
    world_domain_free(3);
    world_expect_clean();
}

TEST(domain_foreign_page_reference_delays_the_end)
{
    struct domain *d;
    struct frame *f;

    world_init();
    d = world_domain(3, false);
    f = frame_get_mfn(world_page(d), 3);
    EXPECT(f != NULL);
    (void)world_page(d);
    world_domain_end(d);
    d = domain_get(3);
    EXPECT(d != NULL);
    EXPECT_EQ(d->memory.total, 1);
    domain_put(d);
    frame_put(f);
    world_domain_free(3);
    world_expect_clean();
}

TEST(domain_claim_ends_with_it)
{
    struct domain *d;

    world_init();
    d = world_domain(3, false);
    EXPECT_EQ(memory_claim_set(d, 1000), 0);
    EXPECT_EQ(page_alloc_claimed(), 1000);
    world_domain_end(d);
    EXPECT_EQ(page_alloc_claimed(), 0);
}

TEST(domain_many_lives)
{
    world_init();
    for (unsigned int i = 0; i < 200; i++) {
        struct domain *d = world_domain((domid_t)(1 + i % 7), i % 5 == 0);
        evtchn_port_t port;
        mfn_t mfn;

        world_enter(d);
        for (unsigned int n = 0; n < i % 20; n++) {
            (void)world_page(d);
            EXPECT_EQ(evtchn_alloc_unbound(d, DOMID_SELF, &port), 0);
            EXPECT_EQ(evtchn_bind_interdomain(DOMID_SELF, port, &port), 0);
        }
        EXPECT_EQ(grant_get_frame(d, false, i % 4, &mfn), 0);
        world_domain_end(d);
        world_domain_free((domid_t)(1 + i % 7));
        world_expect_clean();
        domain_hardware = NULL;
    }
}
