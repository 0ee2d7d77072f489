/* SPDX-License-Identifier: MIT */
/*
 * Frames against a model of owner, references and roles, at random: a page is in one role at a
 * time, is freed exactly when its last reference goes, and the owner's totals always add up.
 */
#include "hv/mm/frame.h"
#include "hv/mm/page_alloc.h"
#include "tests/unit/world.h"

#define PAGES 40

struct model_page {
    bool live;
    bool allocated; /* the list's reference is there */
    bool counted;
    mfn_t mfn;
    unsigned int refs; /* without the list's */
    unsigned int roles;
    enum frame_role role;
    struct domain *owner;
};

static struct model_page model[PAGES];
static struct domain *owners[2];

static void check_page(const struct model_page *m)
{
    const struct frame *f = frame_of(m->mfn);

    EXPECT_EQ(f->count & FRAME_COUNT_MASK, m->refs + m->allocated);
    EXPECT_EQ((f->count & FRAME_ALLOCATED) != 0, m->allocated);
    EXPECT_EQ(f->role & ROLE_COUNT_MASK, m->roles);
    EXPECT_EQ(f->owner, m->owner->id);
    if (m->roles > 0) {
        EXPECT_EQ(frame_role(f), m->role);
        EXPECT(f->role & ROLE_VALIDATED);
    }
}

static void check_all(void)
{
    for (unsigned int o = 0; o < 2; o++) {
        uint64_t listed = 0;
        uint64_t total = 0;

        for (unsigned int i = 0; i < PAGES; i++) {
            if (model[i].live && model[i].owner == owners[o]) {
                listed++;
                total += model[i].counted;
                check_page(&model[i]);
            }
        }
        EXPECT_EQ(owners[o]->memory.listed, listed);
        EXPECT_EQ(owners[o]->memory.total, total);
    }
}

static void give(struct model_page *m)
{
    mfn_t mfn = page_alloc(0, 0);

    *m = (struct model_page){ .live = true,
                              .allocated = true,
                              .counted = unit_random_below(4) != 0,
                              .mfn = mfn,
                              .owner = owners[unit_random_below(2)] };
    EXPECT_EQ(frame_assign(&m->owner->memory, mfn, 0, !m->counted), 0);
}

static void maybe_freed(struct model_page *m)
{
    if (m->refs + m->allocated == 0) {
        m->live = false;
        world_settle();
        EXPECT(!frame_get(frame_of(m->mfn), m->owner->id));
    }
}

static void take_role(struct model_page *m)
{
    enum frame_role role = (enum frame_role)(ROLE_L1 + unit_random_below(6));
    int rc = frame_get_with_role(frame_of(m->mfn), m->owner->id, role);

    if (m->roles > 0 && m->role != role) {
        EXPECT_EQ(rc, -EINVAL);
        return;
    }
    EXPECT_EQ(rc, 0);
    m->role = role;
    m->roles++;
    m->refs++;
}

static void drop_role(struct model_page *m)
{
    if (m->roles > 0) {
        frame_put_with_role(frame_of(m->mfn));
        m->roles--;
        m->refs--;
        maybe_freed(m);
    }
}

static void drop_reference(struct model_page *m)
{
    if (m->refs > m->roles) {
        frame_put(frame_of(m->mfn));
        m->refs--;
        maybe_freed(m);
    }
}

static void drop_allocated(struct model_page *m)
{
    bool was = frame_clear_allocated(frame_of(m->mfn));

    EXPECT_EQ(was, m->allocated);
    if (was) {
        frame_put(frame_of(m->mfn));
        m->allocated = false;
        maybe_freed(m);
    }
}

static void steal(struct model_page *m)
{
    int rc = frame_steal(&m->owner->memory, frame_of(m->mfn));

    if (m->allocated && m->refs == 1 && m->roles == 0) {
        EXPECT_EQ(rc, 0);
        m->live = false;
        page_free(m->mfn, 0, true);
    } else {
        EXPECT_EQ(rc, -EBUSY);
    }
}

static void step(struct model_page *m)
{
    struct frame *f = frame_of(m->mfn);
    domid_t other = owners[m->owner == owners[0]]->id;

    switch (unit_random_below(8)) {
    case 0:
    case 1:
        take_role(m);
        break;
    case 2:
        drop_role(m);
        break;
    case 3:
        EXPECT(frame_get(f, m->owner->id));
        EXPECT(!frame_get(f, other));
        EXPECT(frame_get_mfn(m->mfn, other) == NULL);
        m->refs++;
        break;
    case 4:
    case 5:
        drop_reference(m);
        break;
    case 6:
        if (unit_random_below(4) == 0) {
            drop_allocated(m);
        }
        break;
    default:
        steal(m);
        break;
    }
}

TEST(frame_matches_model)
{
    world_init();
    owners[0] = world_domain(1, false);
    owners[1] = world_domain(2, false);
    for (unsigned int i = 0; i < 60000; i++) {
        struct model_page *m = &model[unit_random_below(PAGES)];

        if (m->live) {
            step(m);
        } else {
            give(m);
        }
        if (i % 32 == 0) {
            check_all();
        }
    }
    for (unsigned int i = 0; i < PAGES; i++) {
        struct model_page *m = &model[i];

        while (m->live && m->roles > 0) {
            drop_role(m);
        }
        while (m->live && m->refs > 0) {
            drop_reference(m);
        }
        if (m->live) {
            drop_allocated(m);
        }
    }
    check_all();
    world_domain_end(owners[0]);
    world_domain_end(owners[1]);
    world_expect_clean();
}
