/* SPDX-License-Identifier: MIT */
/*
 * The operations of the wire: one table of handlers with what each needs, ops_handle() is the way in. A handler
 * answers and returns 0, or returns -E... which becomes the answer.
 */
#ifndef CMD_XENSTORED_OPS_H
#define CMD_XENSTORED_OPS_H

#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/tx.h"

#define OPS_PATH_MAX 4096

void ops_handle(struct request *r);

/* Strings of a request's data, each ended by NUL; returns how many there are, at most `max` are stored. */
unsigned int ops_strings(const struct request *r, const char **out, unsigned int max);
/* A decimal number and nothing else. */
bool ops_number(const char *text, uint32_t limit, uint32_t *out);
/* The absolute path that `given` means to this client, into buffer if it must be made. NULL: not a path. */
const char *ops_path(const struct request *r, const char *given, bool special, char *buffer, size_t *length);
void ops_ok(const struct request *r);

/* ops_node.c */
int ops_read(struct request *r, struct tx *t);
int ops_write(struct request *r, struct tx *t);
int ops_mkdir(struct request *r, struct tx *t);
int ops_rm(struct request *r, struct tx *t);
int ops_directory(struct request *r, struct tx *t);
int ops_directory_part(struct request *r, struct tx *t);
int ops_get_perms(struct request *r, struct tx *t);
int ops_set_perms(struct request *r, struct tx *t);
/* ops_conn.c */
int ops_watch(struct request *r, struct tx *t);
int ops_unwatch(struct request *r, struct tx *t);
int ops_reset_watches(struct request *r, struct tx *t);
int ops_transaction_start(struct request *r, struct tx *t);
int ops_transaction_end(struct request *r, struct tx *t);
/* ops_domain.c */
int ops_introduce(struct request *r, struct tx *t);
int ops_release(struct request *r, struct tx *t);
int ops_get_domain_path(struct request *r, struct tx *t);
int ops_is_domain_introduced(struct request *r, struct tx *t);
int ops_resume(struct request *r, struct tx *t);
int ops_set_target(struct request *r, struct tx *t);
/* control.c */
int ops_control(struct request *r, struct tx *t);

#endif
