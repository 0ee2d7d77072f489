/* SPDX-License-Identifier: MIT */
/*
 * The grant table of a PV kernel: its frames are the machine's, mapped by page-table entries. See grant.h.
 */
#include "guest/libguest/grant.h"
#include "guest/libguest/hypercall.h"
#include "guest/libguest/x86/pagetable.h"

enum { MAX = 8 };

static bool list_table(uint64_t *list, unsigned int count)
{
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = count };

    set_xen_guest_handle(op.frame_list, (unsigned long *)list);
    return hypercall_grant_table_op(GNTTABOP_setup_table, &op, 1) == 0 && op.status == GNTST_okay;
}

static bool list_status(uint64_t *list, unsigned int count)
{
    struct gnttab_get_status_frames op = { .nr_frames = count, .dom = DOMID_SELF };

    set_xen_guest_handle(op.frame_list, list);
    return hypercall_grant_table_op(GNTTABOP_get_status_frames, &op, 1) == 0 && op.status == GNTST_okay;
}

bool grant_show_frames(char (*places)[4096], unsigned int count, bool status)
{
    uint64_t list[MAX];

    if (count > MAX || !(status ? list_status(list, count) : list_table(list, count))) {
        return false;
    }
    for (unsigned int i = 0; i < count; i++) {
        if (hypercall_update_va_mapping((unsigned long)places[i], pte_make(list[i], PTE_DATA), UVMF_INVLPG) != 0) {
            return false;
        }
    }
    return true;
}
