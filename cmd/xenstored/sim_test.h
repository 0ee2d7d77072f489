/* SPDX-License-Identifier: MIT */
/*
 * A daemon within a test: a hypervisor that is a few pages of memory, domains that talk through their rings, and a
 * privileged client whose answers are kept here.
 *
 * Requests are given as one string literal with \0 inside; sizeof counts the last NUL, which the macros take off.
 */
#ifndef CMD_XENSTORED_SIM_TEST_H
#define CMD_XENSTORED_SIM_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/xs_wire.h"

#define SIM_DOMAINS 64

struct sim_message {
    struct xsd_sockmsg head;
    char data[XENSTORE_PAYLOAD_MAX + 1]; /* ended by a NUL */
};

/* The rings; reading and writing them at will is what a hostile domain does. */
struct xenstore_domain_interface *sim_page(unsigned int domid);
/* state: file name, or NULL. */
void sim_start(const char *state);
/* As kill -9 and a new process on the same file. */
void sim_crash(const char *state);
void sim_stop(void);
/* What a domain is to the hypervisor from now on (HW_...); then the daemon is told. */
void sim_domain_is(unsigned int domid, unsigned int state);
/* A domain that is there, introduced. */
void sim_introduce(unsigned int domid);
/* Lets the daemon do all there is to do. */
void sim_settle(void);

/* Client 0 is the privileged one; others are domains. The answer: its type, contents in sim_answer; events are kept. */
uint32_t sim_call(unsigned int who, uint32_t type, uint32_t tx, const char *data, size_t size);
extern struct sim_message sim_answer;
/* The next event of a client, "path token" in sim_answer.data; false: there is none. */
bool sim_event(unsigned int who);
/* Puts bytes into a domain's ring as far as there is room; returns how many. */
size_t sim_put(unsigned int domid, const void *data, size_t size);
/* Takes one message out of a domain's ring. */
bool sim_get(unsigned int domid, struct sim_message *m);
void sim_kick(unsigned int domid);

#define SIM(who, type, tx, text) sim_call(who, type, tx, text, sizeof(text) - 1)
#define SIM_OK(who, type, tx, text)                                                                          \
    do {                                                                                                     \
        EXPECT_EQ(SIM(who, type, tx, text), type);                                                           \
    } while (0)
#define SIM_ERROR(who, type, tx, text, error)                                                                \
    do {                                                                                                     \
        EXPECT_EQ(SIM(who, type, tx, text), XS_ERROR);                                                       \
        EXPECT_STR(sim_answer.data, error);                                                                  \
    } while (0)
#define SIM_READ(who, tx, path, value)                                                                       \
    do {                                                                                                     \
        EXPECT_EQ(SIM(who, XS_READ, tx, path "\0"), XS_READ);                                                \
        EXPECT_STR(sim_answer.data, value);                                                                  \
    } while (0)

#endif
