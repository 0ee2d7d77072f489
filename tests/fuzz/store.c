/* SPDX-License-Identifier: MIT */
/*
 * The xenstore wire: requests of a privileged client and of domains, well formed and not, rings whose indexes lie,
 * domains that come, die and reconnect, in an order the input chooses. Whatever was done, the tree holds together,
 * no domain is over its limits, and a domain that behaves is answered.
 */
#include <string.h>

#include "cmd/xenstored/account.h"
#include "cmd/xenstored/conn.h"
#include "cmd/xenstored/domain.h"
#include "cmd/xenstored/hw.h"
#include "cmd/xenstored/node.h"
#include "cmd/xenstored/sim_test.h"
#include "cmd/xenstored/trace.h"
#include "lib/base/buf.h"
#include "tests/fuzz/fuzz.h"

#define HOSTILE 3 /* domains 1 to 3; domain 4 behaves */
#define GOOD 4

void fuzz_init(void)
{
    trace_quiet = true;
}

/* Text out of parts that mean something to the daemon, and bytes that may not. */
static size_t make_payload(struct fuzz_input *in, char *out, size_t room)
{
    static const char *const parts[] = {
        "/", "a", "/b", "/local/domain/1", "/all", "c/d", "@introduceDomain", "@releaseDomain", "n1", "b2", "w0", "r3",
        "T", "F", "1", "2", "4096", "token", "check", "quota", "set", "nodes", "memreport", "..", "//", "/x/y/z/1/2/3",
    };
    size_t size = 0;
    unsigned int count = fuzz_below(in, 7);

    for (unsigned int i = 0; i < count; i++) {
        unsigned int which = fuzz_below(in, 40);
        const char *part = which < sizeof(parts) / sizeof(parts[0]) ? parts[which] : "v";
        size_t length = which == 39 ? fuzz_number(in) % 3000 : strlen(part);
        if (size + length + 1 > room) {
            break;
        }
        if (which == 39) {
            memset(out + size, 'L', length);
        } else {
            memcpy(out + size, part, length);
        }
        size += length;
        if (which >= 26 && which < 36) {
            out[size - 1] = fuzz_u8(in);
        }
        if (fuzz_below(in, 3) != 0) {
            out[size++] = '\0';
        }
    }
    return size;
}

static void request(struct fuzz_input *in, unsigned int who)
{
    static char payload[XENSTORE_PAYLOAD_MAX];
    struct xsd_sockmsg head = { fuzz_below(in, 24), fuzz_u8(in), fuzz_below(in, 4), 0 };
    size_t size = make_payload(in, payload, sizeof(payload));

    if (who == 0) {
        bool update = head.type == XS_CONTROL && size >= 12 && memcmp(payload, "live-update", 11) == 0;
        bool logs = head.type == XS_CONTROL && size >= 3 && memcmp(payload, "log", 3) == 0;
        if (!update && !logs) {
            sim_call(0, head.type, head.tx_id, payload, size);
        }
        while (sim_event(0)) {
            continue;
        }
        return;
    }
    head.len = fuzz_below(in, 30) == 0 ? fuzz_number(in) : size;
    sim_put(who, &head, sizeof(head));
    for (size_t done = 0, n = 1; done < size && n > 0; done += n) {
        n = sim_put(who, payload + done, size - done);
        sim_kick(who);
        sim_page(who)->rsp_cons = sim_page(who)->rsp_prod;
    }
}

static void hostile(struct fuzz_input *in, unsigned int who)
{
    struct xenstore_domain_interface *p = sim_page(who);
    uint32_t *fields[] = { &p->req_cons, &p->req_prod, &p->rsp_cons, &p->rsp_prod, &p->connection, &p->error };

    switch (fuzz_below(in, 6)) {
    case 0:
        *fields[fuzz_below(in, 6)] = fuzz_number(in);
        break;
    case 1:
        *fields[fuzz_below(in, 6)] += (int8_t)fuzz_u8(in);
        break;
    case 2:
        for (unsigned int i = 0; i < 40; i++) {
            p->req[(p->req_prod + i) % XENSTORE_RING_SIZE] = fuzz_u8(in);
        }
        p->req_prod += fuzz_u8(in);
        break;
    case 3:
        p->connection = XENSTORE_RECONNECT;
        break;
    case 4:
        sim_domain_is(who, fuzz_below(in, 3));
        break;
    default:
        sim_introduce(who);
        break;
    }
    sim_kick(who);
}

static void expect_sound(void)
{
    struct buf out = BUF_INIT;

    EXPECT(node_check(&out) > 0);
    buf_free(&out);
    for (unsigned int i = 1; i <= HOSTILE; i++) {
        const struct account *a = account_of(i);
        EXPECT(a->watches <= 128 && a->transactions <= 10);
        EXPECT(a->waiting_bytes <= account_limits[LIMIT_MEMORY].value + 2 * XENSTORE_PAYLOAD_MAX);
        EXPECT(domain_conn(i) != NULL || (a->watches == 0 && a->transactions == 0 && a->waiting_bytes == 0));
    }
    SIM_READ(GOOD, 0, "/good", "yes");
    SIM_OK(0, XS_CONTROL, 0, "check\0");
    EXPECT_STR(sim_answer.data, "OK");
}

void fuzz_one(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };

    sim_start(NULL);
    for (unsigned int i = 1; i <= GOOD; i++) {
        sim_introduce(i);
    }
    SIM_OK(0, XS_WRITE, 0, "/good\0yes");
    SIM_OK(0, XS_SET_PERMS, 0, "/good\0r0\0");
    SIM_OK(0, XS_MKDIR, 0, "/all\0");
    SIM_OK(0, XS_SET_PERMS, 0, "/all\0b0\0");
    for (unsigned int step = 0; in.left > 0 && step < 300; step++) {
        unsigned int who = fuzz_below(&in, HOSTILE + 1);
        if (who != 0 && fuzz_below(&in, 4) == 0) {
            hostile(&in, who);
        } else {
            request(&in, who);
        }
        if (domain_conn(GOOD) == NULL || node_find("/good", 5) == 0) {
            break; /* the privileged client may take even these away */
        }
    }
    if (domain_conn(GOOD) != NULL && node_find("/good", 5) != 0) {
        struct perm all = { .domid = 0, .bits = PERM_READ };
        node_set_perms(node_find("/good", 5), &all, 1);
        node_set_value(node_find("/good", 5), "yes", 3);
        expect_sound();
    }
    sim_stop();
}
