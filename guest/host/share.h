/* SPDX-License-Identifier: MIT */
/*
 * pvhost as the backend of pvh-share: one step when it is pvhost's turn, again and again while the guest runs.
 */
#ifndef GUEST_HOST_SHARE_H
#define GUEST_HOST_SHARE_H

struct share;
void share_step(unsigned int dom, struct share *s);
/* The same as the one who saves pvh-log: log.c. */
void log_step(unsigned int dom, struct share *s);

#endif
