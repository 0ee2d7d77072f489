/* SPDX-License-Identifier: MIT */
/* UUIDs of domains: text, bytes, random ones (version 4). */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "lib/domain/domain.h"

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : isxdigit((unsigned char)c) ? tolower(c) - 'a' + 10 : -1;
}

int domain_uuid_parse(const char *text, uint8_t uuid[16])
{
    unsigned int digits = 0;

    for (; *text; text++) {
        int value = hex_digit(*text);

        if (*text == '-') {
            continue;
        }
        if (value < 0 || digits == 32) {
            return -EINVAL;
        }
        uuid[digits / 2] = (uint8_t)(digits % 2 ? uuid[digits / 2] | value : value << 4);
        digits++;
    }
    return digits == 32 ? 0 : -EINVAL;
}

void domain_uuid_format(const uint8_t u[16], char text[37])
{
    snprintf(text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0], u[1], u[2], u[3],
             u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13], u[14], u[15]);
}

void domain_uuid_random(uint8_t uuid[16])
{
    size_t got = 0;

    while (got < 16) {
        ssize_t n = getrandom(uuid + got, 16 - got, 0);

        got += n > 0 ? (size_t)n : 0;
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}
