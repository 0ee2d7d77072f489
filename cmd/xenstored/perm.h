/* SPDX-License-Identifier: MIT */
/*
 * Who may do what with a node: a list whose first entry names the owner and what everybody else may do, and
 * whose other entries name domains. On the wire an entry is a letter (n, r, w, b) and a domain number.
 */
#ifndef CMD_XENSTORED_PERM_H
#define CMD_XENSTORED_PERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PERM_NONE = 0,
    PERM_READ = 1,
    PERM_WRITE = 2,
    PERM_OWNER = 4,
    PERM_MAX = 63, /* entries of a node */
};

struct perm {
    uint16_t domid;
    uint8_t bits; /* PERM_READ | PERM_WRITE */
    uint8_t zero;
};

/* Who asks: a domain, and the domain it acts for (its target), or the same again. */
struct perm_subject {
    uint16_t domid, target;
    bool privileged;
};

/* What `who` may do: PERM_... together. */
unsigned int perm_of(const struct perm *list, unsigned int count, const struct perm_subject *who);

/* "r5" at *text, ended by NUL within `size`; steps over it. 0 or -EINVAL. */
int perm_parse(const char **text, size_t *size, struct perm *out);
/* Writes the wire form of one entry, NUL included, into at least 8 bytes; returns its length. */
size_t perm_format(const struct perm *p, char *out);

#endif
