/* SPDX-License-Identifier: MIT */
/*
 * The grant table of a PVH kernel: its frames take the place of frames of the image. See grant.h.
 */
#include "guest/libguest/grant.h"
#include "guest/libguest/memory.h"
#include "guest/libguest/pvh/pvh.h"

bool grant_show_frames(char (*places)[4096], unsigned int count, bool status)
{
    for (unsigned int i = 0; i < count; i++) {
        unsigned long index = i | (status ? XENMAPIDX_grant_table_status : 0);

        if (pvh_add_to_physmap(XENMAPSPACE_grant_table, index, memory_pfn(places[i])) != 0) {
            return false;
        }
    }
    return true;
}
