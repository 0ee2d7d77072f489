/* SPDX-License-Identifier: MIT */
/*
 * Lets Debian's xenstored run without a hypervisor, for measuring: preloaded, it stands for the libraries that reach
 * the kernel's device nodes. The ring of "dom0" is a page nobody writes to, the event channel a pipe that is silent.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int silent = -1;

int open(const char *path, int flags, ...)
{
    static int (*real)(const char *, int, ...);
    va_list args;
    unsigned int mode;

    if (real == NULL) {
        real = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    }
    va_start(args, flags);
    mode = (flags & O_CREAT) != 0 ? va_arg(args, unsigned int) : 0;
    va_end(args);
    if (strncmp(path, "/proc/xen/xsd_", 14) == 0) {
        int fd = memfd_create("xsd", 0);
        if (ftruncate(fd, strstr(path, "kva") != NULL ? 4096 : 0) != 0 ||
            (strstr(path, "port") != NULL && write(fd, "1", 1) != 1)) {
            return -1;
        }
        lseek(fd, 0, SEEK_SET);
        return fd;
    }
    return real(path, flags, mode);
}

static int a_handle;

void *xenevtchn_open(void *logger, unsigned int flags)
{
    int ends[2];
    if (pipe(ends) != 0) {
        return NULL;
    }
    silent = ends[0];
    return &a_handle;
}

int xenevtchn_fd(void *h)
{
    return silent;
}

int xenevtchn_bind_interdomain(void *h, uint32_t domid, uint32_t port)
{
    return 2;
}

int xenevtchn_bind_virq(void *h, unsigned int virq)
{
    return 3;
}

int xenevtchn_notify(void *h, uint32_t port)
{
    return 0;
}

int xenevtchn_unbind(void *h, uint32_t port)
{
    return 0;
}

void *xengnttab_open(void *logger, unsigned int flags)
{
    return &a_handle;
}

void *xc_interface_open(void *logger, void *other, unsigned int flags)
{
    return &a_handle;
}

int xc_domain_getinfo(void *h, uint32_t first, unsigned int max, uint16_t *info)
{
    return 0;
}

int xengnttab_set_max_grants(void *h, uint32_t n)
{
    return 0;
}
