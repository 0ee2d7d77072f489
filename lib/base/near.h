/* SPDX-License-Identifier: MIT */
/*
 * Words that may have been meant by a misspelt one: near_add() is told each word there is, and near.word is then the
 * nearest, or NULL. Letters added, lost, changed or swapped with a neighbour are slips; a word is near by one slip,
 * from eight letters on by two. Words of one or two letters are near to nothing.
 */
#ifndef LIB_BASE_NEAR_H
#define LIB_BASE_NEAR_H

struct near {
    const char *misspelt, *word;
    unsigned int slips; /* fewer than these are looked for */
};

void near_init(struct near *n, const char *misspelt);
void near_add(struct near *n, const char *word);

#endif
