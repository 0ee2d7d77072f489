/* SPDX-License-Identifier: MIT */
/* Permission lists: who may do what, and their wire form. */
#include "cmd/xenstored/perm.h"

#include <errno.h>
#include <string.h>

unsigned int perm_of(const struct perm *list, unsigned int count, const struct perm_subject *who)
{
    if (who->privileged || list[0].domid == who->domid || list[0].domid == who->target) {
        return PERM_READ | PERM_WRITE | PERM_OWNER;
    }
    for (unsigned int i = 1; i < count; i++) {
        if (list[i].domid == who->domid || list[i].domid == who->target) {
            return list[i].bits;
        }
    }
    return list[0].bits;
}

int perm_parse(const char **text, size_t *size, struct perm *out)
{
    static const char letters[] = "nrwb"; /* position is the bits */
    const char *s = *text;
    const char *end = memchr(s, '\0', *size);
    const char *letter = end != NULL && end - s >= 2 ? strchr(letters, s[0]) : NULL;
    unsigned int domid = 0;

    if (letter == NULL || *letter == '\0') {
        return -EINVAL;
    }
    for (const char *c = s + 1; c < end; c++) {
        if (*c < '0' || *c > '9' || (domid = domid * 10 + (*c - '0')) > UINT16_MAX) {
            return -EINVAL;
        }
    }
    *out = (struct perm){ .domid = domid, .bits = letter - letters };
    *size -= end + 1 - s;
    *text = end + 1;
    return 0;
}

size_t perm_format(const struct perm *p, char *out)
{
    char digits[6];
    size_t count = 0;
    size_t length = 0;
    unsigned int n = p->domid;

    out[length++] = "nrwb"[p->bits & 3];
    do {
        digits[count++] = '0' + n % 10;
        n /= 10;
    } while (n != 0);
    while (count > 0) {
        out[length++] = digits[--count];
    }
    out[length++] = '\0';
    return length;
}
