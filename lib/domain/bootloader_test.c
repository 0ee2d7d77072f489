/* SPDX-License-Identifier: MIT */
/* Boot loaders played by shell scripts: what they are given, what may come back, and that nothing stays
 * behind. */
#include "lib/domain/bootloader.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/file.h"
#include "tests/unit/unit.h"

static char script[] = "/tmp/proxenos-loader-XXXXXX";

/* $o: the output file, $d: the directory. */
static int run(struct err *e, const char *body, struct boot_files *files)
{
    static const char *const args[] = { "--one", "two three", NULL };
    struct bootloader b = { .program = script, .args = args, .cmdline = "ro quiet", .disk = "/dev/zero" };
    struct buf text = BUF_INIT;
    int fd = mkstemp(script);
    int rc;

    EXPECT(fd >= 0);
    close(fd);
    buf_printf(&text,
               "#!/bin/sh\nall=\"$*\"\nfor a in \"$@\"; do case $a in --output=*) o=${a#*=};; "
               "--output-directory=*) d=${a#*=};; esac; done\n%s\n",
               body);
    EXPECT_EQ(file_save(NULL, script, text.text, text.length, 0755), 0);
    buf_free(&text);
    rc = bootloader_run(e, &b, files);
    unlink(script);
    strcpy(script, "/tmp/proxenos-loader-XXXXXX");
    return rc;
}

static unsigned int count_left(void)
{
    DIR *d = opendir("/run/proxenos");
    unsigned int count = 0;

    for (struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
        count += strncmp(f->d_name, "bootloader.", 11) == 0;
    }
    if (d != NULL) {
        closedir(d);
    }
    return count;
}

TEST(bootloader_result)
{
    unsigned int before = count_left();
    struct boot_files files;
    struct err e = { 0 };
    struct buf text = BUF_INIT;

    EXPECT_EQ(run(&e,
                  "echo kernel > $d/k; echo \"$all\" > $d/r\n"
                  "printf 'kernel %s\\0ramdisk %s\\0args root=/dev/xvda ro\\0\\0' $d/k $d/r > $o",
                  &files),
              0);
    EXPECT_EQ(count_left(), before);
    EXPECT_STR(files.cmdline, "root=/dev/xvda ro");
    EXPECT_EQ(file_load(&e, files.kernel, 100, &text), 0);
    EXPECT_STR(text.text, "kernel\n");
    buf_free(&text);
    EXPECT_EQ(file_load(&e, files.ramdisk, 1000, &text), 0);
    EXPECT(strncmp(text.text, "--args=ro quiet --one two three --output=/run/", 46) == 0);
    EXPECT(strstr(text.text, " --output-format=simple0 --output-directory=/run/") != NULL);
    EXPECT(strstr(text.text, " /dev/zero\n") != NULL);
    buf_free(&text);
    bootloader_free(&files);
}

TEST(bootloader_that_is_wrong)
{
    static const struct {
        const char *body, *why;
        int rc;
    } rows[] = {
        { "echo first >&2; echo no menu on the disk >&2; exit 1", "boot loader: no menu on the disk", -EIO },
        { "exit 3", "boot loader: it failed and said nothing", -EIO },
        { ": > $o", "boot loader: it named no kernel", -EIO },
        { "printf 'kernel /etc/passwd\\0' > $o", "boot loader: \"/etc/passwd\" is not a file it was to make",
          -EINVAL },
        { "printf 'kernel %s/../x\\0' $d > $o", NULL, -EINVAL },
        { "ln -s /etc/passwd $d/k; printf 'kernel %s/k\\0' $d > $o", NULL, -ELOOP },
        { "mkfifo $d/k; printf 'kernel %s/k\\0' $d > $o", NULL, -EINVAL },
    };

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned int before = count_left();
        struct boot_files files;
        struct err e = { 0 };

        EXPECT_EQ(run(&e, rows[i].body, &files), rows[i].rc);
        if (rows[i].why != NULL) {
            EXPECT_STR(e.text, rows[i].why);
        }
        EXPECT(files.kernel == NULL && files.kernel_fd == -1);
        EXPECT_EQ(count_left(), before);
    }
}

TEST(bootloader_that_is_missing)
{
    struct bootloader b = { .program = "no-such-loader", .disk = "/dev/zero" };
    struct boot_files files;
    struct err e = { 0 };

    EXPECT_EQ(bootloader_run(&e, &b, &files), -ENOENT);
    EXPECT_STR(e.text, "boot loader \"no-such-loader\" is not installed");
}
