/* SPDX-License-Identifier: MIT */
/* Landlock, capabilities, limits: see sandbox.h. There are no wrappers for these calls in the C library. */
#include "cmd/pygrub/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMORY_MAX  (1UL << 30)
#define SECONDS_MAX 300
#define FILES_MAX   64

#define READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_EXECUTE)
#define WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define HANDLED                                                                                              \
    (READ | WRITE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR |                           \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |             \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

/* Rights of a path and all below; one that is not there gets none. */
static void allow(int rules, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = { .allowed_access = rights };

    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return;
    }
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 && errno == EINVAL) {
        rule.allowed_access &= ~(uint64_t)(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                           LANDLOCK_ACCESS_FS_REMOVE_FILE); /* of a file */
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(rule.parent_fd);
}

static int restrict_files(struct err *e, const char *disk, const char *directory)
{
    static const char *const programs[] = {
        "/usr", "/bin", "/lib", "/lib64", "/etc/ld.so.cache", "/dev/null"
    };
    struct landlock_ruleset_attr attr = { .handled_access_fs = HANDLED };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
    int rc = 0;

    if (rules < 0) {
        return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : err_errno(e, "Landlock");
    }
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        allow(rules, programs[i], READ);
    }
    allow(rules, "/dev/null", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow(rules, disk, LANDLOCK_ACCESS_FS_READ_FILE);
    allow(rules, "/", LANDLOCK_ACCESS_FS_READ_DIR); /* the helper walks to the disk by itself */
    if (directory != NULL) {
        allow(rules, directory, WRITE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
    }
    if (syscall(SYS_landlock_restrict_self, rules, 0) < 0) {
        rc = err_errno(e, "Landlock");
    }
    close(rules);
    return rc;
}

static void limit(int what, rlim_t most)
{
    struct rlimit l = { most, most };

    setrlimit(what, &l);
}

int sandbox_enter(struct err *e, const char *disk, const char *directory)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { { 0 } };
    int rc;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return err_errno(e, "cannot give up privileges");
    }
    (void)unshare(CLONE_NEWNET | CLONE_NEWIPC); /* needs rights that a plain user does not have to lose */
    rc = restrict_files(e, disk, directory);
    if (rc < 0) {
        return rc;
    }
    if (syscall(SYS_capset, &header, none) < 0) {
        return err_errno(e, "cannot give up capabilities");
    }
    limit(RLIMIT_AS, MEMORY_MAX);
    limit(RLIMIT_CPU, SECONDS_MAX);
    limit(RLIMIT_NOFILE, FILES_MAX);
    limit(RLIMIT_CORE, 0);
    return 0;
}
