/* SPDX-License-Identifier: MIT */
/*
 * Bitmaps of the control ABI; see ctl_bitmap.h. A byte holds bits 0 to 7 lowest first, which is how an
 * array of little-endian unsigned long lies in memory as well.
 */
#include "hv/calls/ctl_bitmap.h"

#include "hv/lib/bitmap.h"
#include "hv/lib/string.h"
#include "hv/mm/guest_copy.h"

#define BITMAP_BITS_MAX 65536U /* no caller means more; clearing the rest must not take long */

int ctl_bitmap_read(unsigned long *bits, unsigned int count, const struct xenctl_bitmap *from)
{
    size_t bytes = MIN(DIV_ROUND_UP(from->nr_bits, 8U), DIV_ROUND_UP(count, 8U));
    unsigned int valid = MIN(from->nr_bits, count);

    if (from->nr_bits > BITMAP_BITS_MAX) {
        return -EINVAL;
    }
    memset(bits, 0, BITMAP_LONGS(count) * sizeof(unsigned long));
    if (copy_from_guest(bits, guest_ptr(from->bitmap), bytes) != 0) {
        return -EFAULT;
    }
    for (unsigned int bit = valid; bit < BITMAP_LONGS(count) * BITS_PER_LONG; bit++) {
        bit_clear(bits, bit);
    }
    return 0;
}

int ctl_bitmap_write(const struct xenctl_bitmap *to, const unsigned long *bits, unsigned int count)
{
    size_t room = DIV_ROUND_UP(to->nr_bits, 8U);
    size_t bytes = MIN(room, (size_t)DIV_ROUND_UP(count, 8U));
    uint8_t last;

    if (to->nr_bits > BITMAP_BITS_MAX) {
        return -EINVAL;
    }
    if (bytes == 0) {
        return 0;
    }
    /* The last byte may hold bits past the caller's count, or past ours. */
    last = ((const uint8_t *)bits)[bytes - 1];
    if (MIN(to->nr_bits, count) % 8 != 0) {
        last &= (uint8_t)((1U << (MIN(to->nr_bits, count) % 8)) - 1);
    }
    if (copy_to_guest(guest_ptr(to->bitmap), bits, bytes - 1) != 0 ||
        copy_to_guest(guest_ptr_at(guest_ptr(to->bitmap), bytes - 1, 1), &last, 1) != 0) {
        return -EFAULT;
    }
    if (room > bytes) {
        return clear_guest(guest_ptr_at(guest_ptr(to->bitmap), bytes, 1), room - bytes);
    }
    return 0;
}
