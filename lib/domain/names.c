/* SPDX-License-Identifier: MIT */
/*
 * The index of domains' names: one symbolic link for each in /run/xen/names, so that a create need not ask every
 * guest.
 *
 * A link says "domid N", or "process P" while P creates the domain. An entry counts only while it is true:
 * the store says the same name for N, or P lives. So nothing is lost when a process dies between two steps,
 * and a stale entry is taken over. A link is made and replaced at once, so a free name is claimed, and one's own
 * claim changed, without more ado; for all else the directory's lock file is held from the look to the change.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/domain/domain.h"
#include "lib/store/xenstore.h"

#define NAMES_FOLDER "/run/xen/names"

enum { PATH_LENGTH = sizeof(NAMES_FOLDER) + DOMAIN_NAME_MAX + 2, LINK_LENGTH = 32 };

/* A leading dot would collide with the lock file, so each entry begins with '='. */
static void entry_path(const char *name, char path[PATH_LENGTH])
{
    snprintf(path, PATH_LENGTH, "%s/=%s", NAMES_FOLDER, name);
}

static int lock_folder(struct err *e)
{
    const int flags = O_RDWR | O_CREAT | O_CLOEXEC;
    int fd = open(NAMES_FOLDER "/.lock", flags, 0600);

    if (fd < 0 && errno == ENOENT) {
        if (mkdir("/run/xen", 0755) && errno != EEXIST) {
            return err_errno(e, "cannot make /run/xen");
        }
        if (mkdir(NAMES_FOLDER, 0700) && errno != EEXIST) {
            return err_errno(e, "cannot make " NAMES_FOLDER);
        }
        fd = open(NAMES_FOLDER "/.lock", flags, 0600);
    }
    if (fd < 0 || flock(fd, LOCK_EX)) {
        return err_errno(e, "cannot lock " NAMES_FOLDER);
    }
    return fd;
}

static bool read_link(const char *path, char text[LINK_LENGTH])
{
    ssize_t length = readlink(path, text, LINK_LENGTH - 1);

    text[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* The number in "WORD NUMBER". */
static bool number_after(const char *text, const char *word, unsigned long *number)
{
    size_t length = strlen(word);
    char *end;

    if (strncmp(text, word, length) || text[length] != ' ' || text[length + 1] < '0' || text[length + 1] > '9') {
        return false;
    }
    *number = strtoul(text + length + 1, &end, 10);
    return *end == '\0';
}

/* What the entry says now: 0 and the domid, 1 when a living process is creating it, -ENOENT when it is free.
 */
static int read_entry(struct xs_handle *s, const char *name, uint32_t *domid, long *process)
{
    char path[PATH_LENGTH], text[LINK_LENGTH], known[DOMAIN_NAME_MAX];
    unsigned long number;

    *process = 0;
    entry_path(name, path);
    if (!read_link(path, text)) {
        return -ENOENT;
    }
    if (number_after(text, "process", &number)) {
        *process = (long)number;
        return *process == (long)getpid() || (kill((pid_t)*process, 0) && errno == ESRCH) ? -ENOENT : 1;
    }
    if (!number_after(text, "domid", &number) || number >= DOMAIN_NONE) {
        return -ENOENT;
    }
    *domid = (uint32_t)number;
    if (domain_read_name(NULL, s, *domid, known) || strcmp(known, name)) {
        return -ENOENT;
    }
    return 0;
}

static void entry_text(char text[LINK_LENGTH], uint32_t domid)
{
    if (domid == DOMAIN_NONE) {
        snprintf(text, LINK_LENGTH, "process %ld", (long)getpid());
    } else {
        snprintf(text, LINK_LENGTH, "domid %u", domid);
    }
}

static int write_entry(struct err *e, const char *name, uint32_t domid)
{
    char path[PATH_LENGTH], fresh[PATH_LENGTH], text[LINK_LENGTH];

    entry_path(name, path);
    entry_text(text, domid);
    snprintf(fresh, sizeof(fresh), "%s/.new-%ld", NAMES_FOLDER, (long)getpid());
    if ((symlink(text, fresh) && (errno != EEXIST || unlink(fresh) || symlink(text, fresh))) ||
        rename(fresh, path)) {
        return err_errno(e, "cannot write %s", path);
    }
    return 0;
}

/* A name nobody has, or which this process has claimed: no look at anything else is needed. */
static bool claim_at_once(const char *name, uint32_t domid)
{
    char path[PATH_LENGTH], text[LINK_LENGTH], known[LINK_LENGTH];

    entry_path(name, path);
    entry_text(text, DOMAIN_NONE);
    if (domid == DOMAIN_NONE) {
        return symlink(text, path) == 0;
    }
    return read_link(path, known) && strcmp(known, text) == 0 && write_entry(NULL, name, domid) == 0;
}

static int check_name(struct err *e, const char *name)
{
    if (!name[0] || strlen(name) >= DOMAIN_NAME_MAX - 1 || strchr(name, '/')) {
        return err_set(e, -EINVAL, "'%s' cannot be the name of a domain", name);
    }
    if (strspn(name, "0123456789") == strlen(name)) {
        err_set(e, -EINVAL, "the name '%s' would be taken for the number of a domain", name);
        err_hint(e, "use a name with a letter in it");
        return -EINVAL;
    }
    return 0;
}

int domain_name_claim(struct err *e, struct xs_handle *s, const char *name, uint32_t domid)
{
    uint32_t other = 0;
    long process;
    int fd, rc = check_name(e, name);

    if (rc) {
        return rc;
    }
    if (claim_at_once(name, domid)) {
        return 0;
    }
    fd = lock_folder(e);
    if (fd < 0) {
        return fd;
    }
    rc = read_entry(s, name, &other, &process);
    if (rc == 1) {
        rc = err_set(e, -EEXIST, "a domain named %s is being created", name);
    } else if (rc == 0 && other != domid) {
        rc = err_set(e, -EEXIST, "a domain named %s exists: number %u", name, other);
    } else {
        rc = write_entry(e, name, domid);
    }
    close(fd);
    return rc;
}

void domain_name_release(const char *name)
{
    char path[PATH_LENGTH];
    int fd = lock_folder(NULL);

    if (fd >= 0) {
        entry_path(name, path);
        unlink(path);
        close(fd);
    }
}

/* A creator that was killed may be there still, as a process nobody has waited for: its claim counts no more. */
void domain_name_abandon(struct xs_handle *s, const char *name, uint32_t domid, long creator)
{
    uint32_t owner;
    long process;
    int rc = read_entry(s, name, &owner, &process);

    if (rc == -ENOENT || (rc == 0 && owner == domid) || (rc == 1 && process == creator)) {
        domain_name_release(name);
    }
}

/* Domains of other toolstacks: every one is asked, in one exchange. */
static int find_by_asking(struct err *e, struct xs_handle *s, const char *name, uint32_t *domid)
{
    struct domain_info *list;
    unsigned int count;
    int rc = domain_list_store(e, s, &list, &count);

    if (rc) {
        return rc;
    }
    rc = -ESRCH;
    for (unsigned int i = 0; i < count; i++) {
        if (!strcmp(list[i].name, name)) {
            *domid = list[i].domid;
            rc = 0;
            break;
        }
    }
    free(list);
    return rc ? err_set(e, rc, "there is no domain '%s'", name) : 0;
}

int domain_find(struct err *e, struct xs_handle *s, const char *text, uint32_t *domid)
{
    long process;
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (text[0] >= '0' && text[0] <= '9' && !*end && number < DOMAIN_NONE) {
        *domid = (uint32_t)number;
        return 0;
    }
    if (read_entry(s, text, domid, &process) == 0) {
        return 0;
    }
    return find_by_asking(e, s, text, domid);
}
