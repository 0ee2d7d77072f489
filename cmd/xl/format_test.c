/* SPDX-License-Identifier: MIT */
/* The tables of xl, byte for byte as Debian's xl 4.17 printed them on the same state (recorded in one dom0
 * session). */
#include "cmd/xl/format.h"

#include <stdlib.h>
#include <string.h>

#include "lib/domain/domain.h"
#include "tests/unit/unit.h"

static char *text;
static size_t size;

static FILE *begin(void)
{
    return open_memstream(&text, &size);
}

static void end(FILE *f, const char *wanted)
{
    fclose(f);
    EXPECT_STR(text, wanted);
    free(text);
}

static struct domain_info dom0 = {
    .domid = 0,
    .running = true,
    .cpu_time = 18600000000,
    .memory_kb = 786432,
    .vcpus_online = 2,
    .name = "Domain-0",
};
static struct domain_info guest = {
    .domid = 1,
    .paused = true,
    .memory_kb = 196608,
    .vcpus_online = 1,
    .name = "guest",
    .uuid = { 0x57, 0xfe, 0xa9, 0x95, 0x52, 0x24, 0x49, 0x8e, 0x99, 0x53, 0x9f, 0x23, 0xc1, 0xe9, 0x3e,
              0x46 },
};

TEST(format_list_plain)
{
    struct format_list o = { 0 };
    struct format_list_extra x = { 0 };
    FILE *f = begin();

    format_list_heading(f, &o);
    format_list_row(f, &o, &dom0, &x);
    format_list_row(f, &o, &guest, &x);
    end(f, "Name                                        ID   Mem VCPUs\tState\tTime(s)\n"
           "Domain-0                                     0   768     2     r-----      18.6\n"
           "guest                                        1   192     1     --p---       0.0\n");
}

TEST(format_list_verbose)
{
    struct format_list o = { .verbose = true };
    struct format_list_extra x = { 0 };
    FILE *f = begin();

    format_list_heading(f, &o);
    format_list_row(f, &o, &dom0, &x);
    format_list_row(f, &o, &guest, &x);
    end(f,
        "Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            "
        "Reason-Code\tSecurity Label\n"
        "Domain-0                                     0   768     2     r-----      18.6 "
        "00000000-0000-0000-0000-000000000000        -                -\n"
        "guest                                        1   192     1     --p---       0.0 "
        "57fea995-5224-498e-9953-9f23c1e93e46        -                -\n");
}

TEST(format_list_pool_label_nodes)
{
    struct format_list pool = { .pool = true }, nodes = { .nodes = true }, label = { .label = true };
    struct format_list_extra x = { .pool = "Pool-0", .nodes = "all" };
    FILE *f = begin();

    format_list_heading(f, &pool);
    format_list_row(f, &pool, &guest, &x);
    format_list_heading(f, &nodes);
    format_list_row(f, &nodes, &guest, &x);
    format_list_heading(f, &label);
    format_list_row(f, &label, &guest, &x);
    end(f,
        "Name                                        ID   Mem VCPUs\tState\tTime(s)         Cpupool\n"
        "guest                                        1   192     1     --p---       0.0          Pool-0\n"
        "Name                                        ID   Mem VCPUs\tState\tTime(s) NODE Affinity\n"
        "guest                                        1   192     1     --p---       0.0 all\n"
        "Name                                        ID   Mem VCPUs\tState\tTime(s)   Security Label\n"
        "guest                                        1   192     1     --p---       0.0                -\n");
}

TEST(format_state_letters)
{
    struct domain_info d = { .blocked = true, .paused = true };
    char state[7];

    format_state(&d, state);
    EXPECT_STR(state, "-bp---");
    d = (struct domain_info){ .shutdown = true, .stop_reason = DOMAIN_CRASH, .dying = true };
    format_state(&d, state);
    EXPECT_STR(state, "---scd");
    d = (struct domain_info){ .shutdown = true, .stop_reason = DOMAIN_REBOOT };
    format_state(&d, state);
    EXPECT_STR(state, "---s--");
}

TEST(format_vcpus)
{
    struct format_vcpu on = { .name = "Domain-0",
                              .online = true,
                              .blocked = true,
                              .cpu_time = 11800000000,
                              .hard = "all",
                              .soft = "all" };
    struct format_vcpu run = { .name = "Domain-0",
                               .vcpu = 1,
                               .cpu = 1,
                               .online = true,
                               .running = true,
                               .cpu_time = 12900000000,
                               .hard = "1",
                               .soft = "all" };
    struct format_vcpu off = { .name = "guest", .domid = 1, .vcpu = 1, .hard = "all", .soft = "all" };
    FILE *f = begin();

    format_vcpu_heading(f);
    format_vcpu_row(f, &on);
    format_vcpu_row(f, &run);
    format_vcpu_row(f, &off);
    end(f, "Name                                ID  VCPU   CPU State   Time(s) Affinity (Hard / Soft)\n"
           "Domain-0                             0     0    0   -b-      11.8  all / all\n"
           "Domain-0                             0     1    1   r--      12.9  1 / all\n"
           "guest                                1     1    -   --p       0.0  all / all\n");
}

TEST(format_pools_and_scheduler)
{
    FILE *f = begin();

    format_cpupool_heading(f, false);
    format_cpupool_row(f, "Pool-0", 4, "credit2", 1);
    format_cpupool_row(f, "other", 0, "credit2", 0);
    format_cpupool_heading(f, true);
    format_cpupool_cpus(f, "Pool-0", (const uint8_t *)"\x0f", 4);
    format_sched_heading(f);
    format_sched_row(f, "guest", 1, 256, 0);
    end(f, "Name               CPUs   Sched     Active   Domain count\n"
           "Pool-0               4   credit2       y          1\n"
           "other                0   credit2       y          0\n"
           "Name               CPU list\n"
           "Pool-0             0,1,2,3\n"
           "Name                                ID Weight  Cap\n"
           "guest                                1    256    0\n");
}

TEST(format_devices)
{
    struct format_device disk = { .devid = 51712,
                                  .frontend_id = 7,
                                  .state = 1,
                                  .evtch = -1,
                                  .ring = -1,
                                  .backend = "/local/domain/0/backend/vbd/7/51712" };
    struct format_device nic = { .mac = "00:16:3e:38:c1:d8",
                                 .state = 4,
                                 .evtch = -1,
                                 .ring = -1,
                                 .ring2 = -1,
                                 .backend = "/local/domain/0/backend/vif/7/0" };
    FILE *f = begin();

    format_block_heading(f);
    format_block_row(f, &disk);
    format_network_heading(f);
    format_network_row(f, 0, &nic);
    end(f, "Vdev  BE  handle state evt-ch ring-ref BE-path                       \n"
           "51712 0   7      1     -1     -1       /local/domain/0/backend/vbd/7/51712\n"
           "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       \n"
           "0   0  00:16:3e:38:c1:d8     0     4     -1    -1/-1          /local/domain/0/backend/vif/7/0\n");
}

TEST(format_times)
{
    char line[64];
    FILE *f = begin();

    format_uptime_heading(f);
    format_uptime_row(f, "Domain-0", 0, 43);
    format_claims_heading(f);
    format_claims_row(f, &guest);
    format_info(f, "nr_cpus", "%d", 4);
    end(f, "Name                                ID Uptime\n"
           "Domain-0                             0  0:00:43\n"
           "Name                                        ID   Mem VCPUs\tState\tTime(s)  Claimed\n"
           "guest                                        1   192     1     --p---       0.0     0\n"
           "nr_cpus                : 4\n");
    format_uptime(line, sizeof(line), 2 * 86400 + 3 * 3600 + 61);
    EXPECT_STR(line, "2 days,  3:01:01");
    format_uptime_short(line, sizeof(line), 86400 + 59);
    EXPECT_STR(line, "1 day,  0:00");
}

TEST(format_bitmaps)
{
    static const struct {
        uint8_t bytes[2];
        unsigned int bits;
        const char *wanted;
    } cases[] = {
        { { 0x0f }, 4, "all" },
        { { 0x00 }, 4, "none" },
        { { 0x01 }, 4, "0" },
        { { 0x07 }, 4, "0-2" },
        { { 0x0d }, 4, "0,2-3" },
        { { 0x80, 0x01 }, 16, "7-8" },
        { { 0x55, 0xff }, 16, "0,2,4,6,8-15" },
    };
    char line[64];

    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        format_bitmap(line, sizeof(line), cases[i].bytes, cases[i].bits);
        EXPECT_STR(line, cases[i].wanted);
    }
}

TEST(format_seconds_as_printf)
{
    static const uint64_t some[] = { 0, 49999999, 50000000, 50000001, 150000000, 250000000, 950000000, 999999999,
                                     123456789012345, 9007199254740993, 9007199250000000, UINT64_MAX };
    char got[24], wanted[24];

    for (unsigned int i = 0; i < 20000; i++) {
        uint64_t ns = i < sizeof(some) / sizeof(some[0]) ? some[i] : unit_random() >> (i % 60);

        if (i % 7 == 0) {
            ns = ns / 50000000 * 50000000 + i % 3 - 1;
        }
        format_seconds(ns, got);
        snprintf(wanted, sizeof(wanted), "%.1f", (double)ns / 1e9);
        EXPECT_STR(got, wanted);
    }
}
