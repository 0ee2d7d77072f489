/* SPDX-License-Identifier: MIT */
/* UUIDs as text: see spec.h. */
#include <errno.h>
#include <string.h>

#include "lib/conf/spec.h"

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int uuid_parse(struct err *e, const char *text, uint8_t uuid[16])
{
    bool dashes = strchr(text, '-') != NULL;
    const char *p = text;
    uint8_t bytes[16];

    for (unsigned int i = 0; i < 16; i++, p += 2) {
        if (dashes && (i == 4 || i == 6 || i == 8 || i == 10) && *p++ != '-') {
            break;
        }
        if (digit(p[0]) < 0 || digit(p[1]) < 0) {
            break;
        }
        bytes[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
        if (i == 15 && p[2] == '\0') {
            memcpy(uuid, bytes, 16);
            return 0;
        }
    }
    err_set(e, -EINVAL, "\"%.60s\" is no UUID", text);
    err_hint(e, "as 550e8400-e29b-41d4-a716-446655440000");
    return -EINVAL;
}

void uuid_format(const uint8_t uuid[16], char text[37])
{
    static const char digits[] = "0123456789abcdef";
    char *p = text;

    for (unsigned int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = digits[uuid[i] >> 4];
        *p++ = digits[uuid[i] & 15];
    }
    *p = '\0';
}

void uuid_random(uint8_t uuid[16])
{
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
