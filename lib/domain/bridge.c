/* SPDX-License-Identifier: MIT */
/* Bridge membership of guests' interfaces, by ioctl: see bridge.h. */
#include "lib/domain/bridge.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void fill_name(struct ifreq *r, const char *name)
{
    memset(r, 0, sizeof(*r));
    snprintf(r->ifr_name, sizeof(r->ifr_name), "%s", name);
}

bool bridge_exists(const char *bridge)
{
    char path[64 + IFNAMSIZ];

    snprintf(path, sizeof(path), "/sys/class/net/%.*s/bridge", IFNAMSIZ, bridge);
    return access(path, F_OK) == 0;
}

bool bridge_has_interface(const char *interface)
{
    return if_nametoindex(interface) != 0;
}

static int set_up(struct err *e, int fd, const char *interface, bool up)
{
    struct ifreq r;

    fill_name(&r, interface);
    if (ioctl(fd, SIOCGIFFLAGS, &r)) {
        return err_errno(e, "cannot read the flags of %s", interface);
    }
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &r)) {
        return err_errno(e, "cannot set %s %s", interface, up ? "up" : "down");
    }
    return 0;
}

/* The highest address there is: the bridge takes the lowest of its ports for its own, and guests come and go.
 */
static int set_high_address(struct err *e, int fd, const char *interface)
{
    static const unsigned char address[6] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
    struct ifreq r;

    fill_name(&r, interface);
    r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    memcpy(r.ifr_hwaddr.sa_data, address, sizeof(address));
    return ioctl(fd, SIOCSIFHWADDR, &r) ? err_errno(e, "cannot set the address of %s", interface) : 0;
}

static int change_port(int fd, const char *bridge, const char *interface, unsigned long request)
{
    struct ifreq r;

    fill_name(&r, bridge);
    r.ifr_ifindex = (int)if_nametoindex(interface);
    return r.ifr_ifindex ? ioctl(fd, request, &r) : (errno = ENODEV, -1);
}

int bridge_enter(struct err *e, const char *bridge, const char *interface)
{
    int fd, rc;

    if (!bridge_exists(bridge)) {
        err_set(e, -ENODEV, "there is no bridge %s in this domain", bridge);
        err_hint(e, "make it: ip link add %s type bridge && ip link set %s up", bridge, bridge);
        return -ENODEV;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_errno(e, "socket");
    }
    rc = set_up(e, fd, interface, false);
    if (!rc) {
        rc = set_high_address(e, fd, interface);
    }
    if (!rc && change_port(fd, bridge, interface, SIOCBRADDIF) && errno != EBUSY) {
        rc = err_errno(e, "cannot put %s into the bridge %s", interface, bridge);
    }
    if (!rc) {
        rc = set_up(e, fd, interface, true);
        if (rc) {
            change_port(fd, bridge, interface, SIOCBRDELIF);
        }
    }
    close(fd);
    return rc;
}

int bridge_leave(struct err *e, const char *bridge, const char *interface)
{
    int fd, rc = 0;

    if (!bridge_has_interface(interface)) {
        return 0;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_errno(e, "socket");
    }
    if (change_port(fd, bridge, interface, SIOCBRDELIF) && errno != ENODEV && errno != EINVAL) {
        rc = err_errno(e, "cannot take %s out of the bridge %s", interface, bridge);
    }
    close(fd);
    return rc;
}

int bridge_rename_interface(struct err *e, const char *from, const char *to)
{
    struct ifreq r;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int rc;

    if (fd < 0) {
        return err_errno(e, "socket");
    }
    fill_name(&r, from);
    snprintf(r.ifr_newname, sizeof(r.ifr_newname), "%s", to);
    rc = set_up(e, fd, from, false);
    if (!rc && ioctl(fd, SIOCSIFNAME, &r)) {
        rc = err_errno(e, "cannot rename %s to %s", from, to);
    }
    close(fd);
    return rc;
}
