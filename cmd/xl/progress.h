/* SPDX-License-Identifier: MIT */
/*
 * What a command that takes more than a second is about, on a terminal: one line on stderr, written over each half
 * second and wiped at the end.
 *
 * progress_begin(), progress_step() for each part, progress_end(); off a terminal (and without `xl -t`) they do
 * nothing. The text is kept, not copied, and must live until the next step. One at a time; what begins again under the
 * same text, to wait once more for the same, goes on counting its seconds.
 */
#ifndef CMD_XL_PROGRESS_H
#define CMD_XL_PROGRESS_H

struct xl;

void progress_begin(const struct xl *xl, const char *what);
void progress_step(const char *step);
void progress_end(void);

#endif
