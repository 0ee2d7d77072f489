/* SPDX-License-Identifier: MIT */
/* The nearest word: see near.h. Three rows of the table of slips are kept, as a swap looks two rows back. */
#include "lib/base/near.h"

#include <stddef.h>
#include <string.h>

enum { LONGEST = 40, SHORTEST = 3, LONG_WORD = 8 };

static unsigned int least(unsigned int a, unsigned int b)
{
    return a < b ? a : b;
}

/* At [i][j]: slips between the first i letters of a and the first j of b; row[i % 3] is row i. */
static unsigned int count_slips(const char *a, const char *b)
{
    unsigned int row[3][LONGEST + 1];
    size_t n = strlen(a), m = strlen(b);

    if (n > LONGEST || m > LONGEST) {
        return LONGEST;
    }
    for (size_t i = 0; i <= n; i++) {
        unsigned int *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned int)i;
        for (size_t j = 1; j <= m; j++) {
            if (i == 0) {
                now[j] = (unsigned int)j;
                continue;
            }
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], before[j - 2] + 1);
            }
        }
    }
    return row[n % 3][m];
}

void near_init(struct near *n, const char *misspelt)
{
    size_t length = strlen(misspelt);

    n->misspelt = misspelt;
    n->word = NULL;
    n->slips = length < SHORTEST ? 0 : length < LONG_WORD ? 2 : 3;
}

void near_add(struct near *n, const char *word)
{
    unsigned int slips = count_slips(n->misspelt, word);

    if (slips < n->slips) {
        n->slips = slips;
        n->word = word;
    }
}
