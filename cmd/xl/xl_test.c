/* SPDX-License-Identifier: MIT */
/* The table of commands: how names are found, and what every row must have. Amounts of memory. */
#include "cmd/xl/xl.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd/xl/man.h"
#include "cmd/xl/progress.h"
#include "cmd/xl/size.h"
#include "lib/conf/domain_keys.h"
#include "lib/conf/host_config.h"
#include "tests/unit/unit.h"

TEST(xl_finds_commands)
{
    bool ambiguous;

    EXPECT_STR(xl_find_command("list", &ambiguous)->name, "list");
    EXPECT_STR(xl_find_command("li", &ambiguous)->name, "list");
    EXPECT_STR(xl_find_command("sched-credit", &ambiguous)->name, "sched-credit");
    EXPECT_STR(xl_find_command("sched-credit2", &ambiguous)->name, "sched-credit2");
    EXPECT(!xl_find_command("s", &ambiguous));
    EXPECT(ambiguous);
    EXPECT(!xl_find_command("lists", &ambiguous));
    EXPECT(!ambiguous);
    EXPECT(!xl_find_command("nothing", &ambiguous));
    EXPECT_STR(xl_command_meant("lst"), "list");
    EXPECT(!xl_command_meant("nothing"));
}

TEST(xl_rows_are_whole)
{
    for (unsigned int i = 0; i < xl_command_count; i++) {
        const struct xl_command *c = &xl_commands[i];

        EXPECT(c->name && c->run && c->synopsis && c->summary && c->group);
        for (unsigned int k = i + 1; k < xl_command_count; k++) {
            EXPECT(strcmp(c->name, xl_commands[k].name));
        }
        for (const struct xl_option *o = c->options; o && o->letter; o++) {
            EXPECT(o->help && o->letter != 'h');
            EXPECT(o->name || o->letter < XL_OPTION_JSON);
            for (const struct xl_option *p = o + 1; p->letter; p++) {
                EXPECT(p->letter != o->letter);
            }
        }
    }
}

TEST(xl_manual_has_every_key)
{
    const struct domain_key *k;
    const char *name;

    for (unsigned int i = 0; (k = domain_key_at(i)); i++) {
        EXPECT(k->kind == KEY_HVM || k->kind == KEY_UNBUILT || man_key_help(k->name));
    }
    for (unsigned int i = 0; (name = man_key_at(i)); i++) {
        k = domain_key_find(name);
        EXPECT(k && k->kind != KEY_HVM && k->kind != KEY_UNBUILT);
    }
    for (unsigned int i = 0; (name = host_key_at(i)); i++) {
        EXPECT(man_host_help(name, &(const char *){ NULL }));
    }
}

TEST(xl_sizes)
{
    static const struct {
        const char *text;
        uint64_t kb;
    } good[] = {
        { "160", 163840 }, { "160k", 160 },   { "160K", 160 }, { "2m", 2048 },
        { "1G", 1 << 20 }, { "1t", 1 << 30 }, { "2048b", 2 },  { "0", 0 },
    };
    static const char *const bad[] = {
        "", "x", "1x", "1mm", "-1", " 1", "99999999999999999999", "99999999999999t"
    };
    uint64_t kb;

    for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        EXPECT(size_parse_kb(good[i].text, &kb));
        EXPECT_EQ(kb, good[i].kb);
    }
    for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        EXPECT(!size_parse_kb(bad[i], &kb));
    }
}

/* What work of so many milliseconds writes to stderr. */
static ssize_t progress_of(unsigned int ms, char *text, size_t size)
{
    const struct xl xl = { .progress = true };
    struct timespec work = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
    int ends[2], old = dup(STDERR_FILENO);
    ssize_t got;

    EXPECT_EQ(pipe(ends), 0);
    EXPECT(dup2(ends[1], STDERR_FILENO) >= 0);
    progress_begin(&xl, "guest");
    progress_step("memory");
    while (nanosleep(&work, &work) != 0) {
    }
    progress_end();
    EXPECT(dup2(old, STDERR_FILENO) >= 0);
    close(old);
    close(ends[1]);
    got = read(ends[0], text, size - 1);
    text[got > 0 ? got : 0] = '\0';
    close(ends[0]);
    return got;
}

TEST(xl_progress_after_a_second)
{
    char text[256];

    EXPECT_EQ(progress_of(10, text, sizeof(text)), 0);
    EXPECT(progress_of(1300, text, sizeof(text)) > 0);
    EXPECT_STR(text, "\r\033[Kguest: memory (1 s)\r\033[K");
    /* The same again: it is still the same work. */
    EXPECT(progress_of(1300, text, sizeof(text)) > 0);
    EXPECT_STR(text, "\r\033[Kguest: memory (2 s)\r\033[K");
}
