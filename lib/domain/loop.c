/* SPDX-License-Identifier: MIT */
/* Loop devices for disk images: see loop.h. Needs LOOP_CONFIGURE, Linux 5.8. */
#include "lib/domain/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LOOP_TRIES = 64 };

/* devtmpfs makes the node of a new device a moment after the ioctl that asks for it. */
static int open_loop(int number, char device[LOOP_NAME_MAX], int flags)
{
    int fd;

    snprintf(device, LOOP_NAME_MAX, "/dev/loop%d", number);
    for (int i = 0; i < 100; i++) {
        fd = open(device, flags | O_CLOEXEC);
        if (fd >= 0 || errno != ENOENT) {
            break;
        }
        usleep(1000);
    }
    return fd;
}

/* One try at one free device: 1 when somebody else was faster. */
static int bind_free(struct err *e, int control, int file, const char *path, bool read_only,
                     char device[LOOP_NAME_MAX])
{
    struct loop_config config = { .fd = (unsigned int)file };
    int number = ioctl(control, LOOP_CTL_GET_FREE);
    int fd, rc = 0;

    if (number < 0) {
        return err_errno(e, "no free loop device for %s", path);
    }
    fd = open_loop(number, device, read_only ? O_RDONLY : O_RDWR);
    if (fd < 0) {
        return err_errno(e, "cannot open %s", device);
    }
    config.info.lo_flags = read_only ? LO_FLAGS_READ_ONLY : 0;
    snprintf((char *)config.info.lo_file_name, LO_NAME_SIZE, "%s", path);
    if (ioctl(fd, LOOP_CONFIGURE, &config)) {
        rc = errno == EBUSY ? 1 : err_errno(e, "cannot bind %s to %s", path, device);
    }
    close(fd);
    return rc;
}

int loop_attach(struct err *e, const char *path, bool read_only, char device[LOOP_NAME_MAX])
{
    int control, file, rc = 1;

    file = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (file < 0) {
        return err_errno(e, "cannot open the disk image %s", path);
    }
    control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) {
        rc = err_errno(e, "cannot open /dev/loop-control");
        err_hint(e, "load the kernel module `loop`");
    }
    for (int i = 0; rc > 0 && i < LOOP_TRIES; i++) {
        rc = bind_free(e, control, file, path, read_only, device);
    }
    if (rc > 0) {
        rc = err_set(e, -EBUSY, "no loop device stays free for %s", path);
    }
    if (control >= 0) {
        close(control);
    }
    close(file);
    return rc;
}

int loop_detach(struct err *e, const char *device)
{
    int fd = open(device, O_RDONLY | O_CLOEXEC);
    int rc = 0;

    if (fd < 0) {
        return errno == ENOENT ? 0 : err_errno(e, "cannot open %s", device);
    }
    if (ioctl(fd, LOOP_CLR_FD) && errno != ENXIO) {
        rc = err_errno(e, "cannot free %s", device);
    }
    close(fd);
    return rc;
}
