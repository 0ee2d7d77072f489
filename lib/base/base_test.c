/* SPDX-License-Identifier: MIT */
/* Tests of the error object, the growing string, the JSON writer and the file helpers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/near.h"
#include "tests/unit/unit.h"

TEST(err_first_wins_and_prefix_goes_before)
{
    struct err e = { 0 };
    EXPECT_EQ(err_set(&e, -ENOENT, "no %s", "kernel"), -ENOENT);
    EXPECT_EQ(err_set(&e, -EIO, "other"), -EIO);
    err_prefix(&e, "guest %d", 3);
    EXPECT_EQ(e.code, -ENOENT);
    EXPECT_STR(e.text, "guest 3: no kernel");
    err_hint(&e, "set kernel=");
    EXPECT_STR(e.hint, "set kernel=");
    err_clear(&e);
    EXPECT_EQ(e.code, 0);
    EXPECT_STR(e.text, "");
    EXPECT_EQ(err_set(NULL, -EPERM, "x"), -EPERM);
}

TEST(err_cuts_what_is_too_long)
{
    struct err e = { 0 };
    char text[2000];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&e, -EIO, "%s", text);
    err_prefix(&e, "%s", text);
    EXPECT_EQ(strlen(e.text), sizeof(e.text) - 1);
}

static const char *nearest(const char *misspelt)
{
    static const char *const words[] = { "list", "destroy", "memory", "maxmem", "a", "on_poweroff" };
    struct near n;

    near_init(&n, misspelt);
    for (unsigned int i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        near_add(&n, words[i]);
    }
    return n.word;
}

TEST(near_words)
{
    char long_word[200] = "";

    EXPECT_STR(nearest("lst"), "list");
    EXPECT_STR(nearest("lsit"), "list");
    EXPECT_STR(nearest("destry"), "destroy");
    EXPECT_STR(nearest("lists"), "list");
    EXPECT_STR(nearest("on_pweroof"), "on_poweroff");
    EXPECT(!nearest("b"));
    EXPECT(!nearest("lo"));
    EXPECT(!nearest("loot"));
    EXPECT(!nearest("memmoly"));
    EXPECT(!nearest(""));
    memset(long_word, 'a', sizeof(long_word) - 1);
    EXPECT(!nearest(long_word));
}

TEST(buf_grows_drops_and_takes)
{
    struct buf b = BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        buf_printf(&b, "%d,", i % 10);
    }
    EXPECT_EQ(b.length, 2000);
    EXPECT_EQ(strlen(b.text), 2000);
    buf_drop(&b, 1996);
    EXPECT_STR(b.text, "8,9,");
    buf_drop(&b, 100);
    EXPECT_STR(b.text, "");
    buf_fill(&b, 'x', 3);
    char *text = buf_take(&b);
    EXPECT_STR(text, "xxx");
    free(text);
    text = buf_take(&b);
    EXPECT_STR(text, "");
    free(text);
}

TEST(buf_remembers_that_memory_ran_out)
{
    struct buf b = BUF_INIT;
    buf_puts(&b, "abc");
    buf_add(&b, "", SIZE_MAX - 2);
    EXPECT(b.failed);
    buf_puts(&b, "def");
    EXPECT_STR(b.text, "abc");
    EXPECT(buf_take(&b) == NULL);
}

static void write_sample(struct json *j)
{
    json_object_begin(j);
    json_field_int(j, "domid", -3);
    json_key(j, "list");
    json_array_begin(j);
    json_uint(j, UINT64_MAX);
    json_bool(j, true);
    json_string(j, NULL);
    json_double(j, 1.25, 1);
    json_double(j, INFINITY, 1);
    json_array_end(j);
    json_key(j, "none");
    json_array_begin(j);
    json_array_end(j);
    json_field_string(j, "name", "a\"b\\c\n\x01");
    json_object_end(j);
}

TEST(json_compact)
{
    struct buf b = BUF_INIT;
    struct json j = JSON_INIT(&b, false);
    write_sample(&j);
    EXPECT_STR(b.text, "{\"domid\":-3,\"list\":[18446744073709551615,true,null,1.2,null],\"none\":[],"
                       "\"name\":\"a\\\"b\\\\c\\n\\u0001\"}");
    buf_free(&b);
}

TEST(json_pretty)
{
    struct buf b = BUF_INIT;
    struct json j = JSON_INIT(&b, true);
    json_array_begin(&j);
    json_object_begin(&j);
    json_field_bool(&j, "up", false);
    json_field_uint(&j, "n", 1);
    json_object_end(&j);
    json_array_end(&j);
    EXPECT_STR(b.text, "[\n    {\n        \"up\": false,\n        \"n\": 1\n    }\n]");
    buf_free(&b);
}

TEST(json_replaces_what_is_not_utf8)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "\xc3\xa9", "\"\xc3\xa9\"" },
        { "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"" },
        { "\xff", "\"\\ufffd\"" },
        { "\xc3", "\"\\ufffd\"" },
        { "\xc0\x80", "\"\\ufffd\\ufffd\"" },
        { "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"" },
    };
    for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = BUF_INIT;
        struct json j = JSON_INIT(&b, false);
        json_string(&j, cases[i].in);
        EXPECT_STR(b.text, cases[i].out);
        buf_free(&b);
    }
}

TEST(file_save_load_and_limits)
{
    char folder[] = "/tmp/file-test-XXXXXX";
    EXPECT(mkdtemp(folder) != NULL);
    char path[64];
    char deep[96];
    snprintf(path, sizeof(path), "%s/f", folder);
    snprintf(deep, sizeof(deep), "%s/a/b/c", folder);
    struct err e = { 0 };
    EXPECT_EQ(file_save(&e, path, "hello", 5, 0600), 0);
    struct stat st;
    EXPECT_EQ(stat(path, &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0600);
    struct buf b = BUF_INIT;
    EXPECT_EQ(file_load(&e, path, 5, &b), 0);
    EXPECT_STR(b.text, "hello");
    EXPECT_EQ(file_load(&e, path, 4, &b), -EFBIG);
    EXPECT(strstr(e.text, path) != NULL);
    buf_free(&b);
    err_clear(&e);
    EXPECT_EQ(file_make_dirs(&e, deep, 0755), 0);
    EXPECT_EQ(file_make_dirs(&e, deep, 0755), 0);
    EXPECT_EQ(file_load(&e, "/nowhere/at/all", 4, &b), -ENOENT);
    int fd = file_pid_take(NULL, path);
    EXPECT(fd >= 0);
    EXPECT_EQ(file_pid_take(NULL, path), -EBUSY);
    EXPECT_EQ(file_pid_write(NULL, fd, path), 0);
    close(fd);
    fd = file_pid_take(NULL, path);
    EXPECT(fd >= 0);
    close(fd);
    unlink(path);
    for (int i = 0; i < 3; i++) {
        rmdir(deep);
        *strrchr(deep, '/') = '\0';
    }
    EXPECT_EQ(rmdir(folder), 0);
}
