/* SPDX-License-Identifier: MIT */
/* Boot loader configurations of a guest's disk: the first byte chooses the kind. Entries are whole or not
 * there. */
#include "cmd/pygrub/menu.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static int bls(struct err *e, const char *text, size_t size, struct menu *m)
{
    return menu_parse_bls(e, "entry", text, size, m);
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static int (*const parsers[])(struct err * e, const char *text, size_t size,
                                  struct menu *m) = { menu_parse_grub, menu_parse_legacy, menu_parse_extlinux,
                                                      bls };
    static struct menu m;
    struct err e = { 0 };
    int rc;

    if (size == 0) {
        return;
    }
    m = (struct menu)MENU_INIT;
    rc = parsers[data[0] % 4](&e, (const char *)data + 1, size - 1, &m);
    EXPECT((rc < 0) == (e.code < 0));
    for (unsigned int i = 0; rc == 0 && i < m.count; i++) {
        EXPECT(m.entries[i].kernel != NULL && m.entries[i].kernel[0] == '/');
        EXPECT(m.entries[i].ramdisk_count <= MENU_RAMDISKS_MAX);
        for (unsigned int j = 0; j < m.entries[i].ramdisk_count; j++) {
            EXPECT(m.entries[i].ramdisks[j][0] == '/');
        }
    }
    EXPECT(menu_find(&m, NULL) < (int)m.count);
    menu_free(&m);
}
