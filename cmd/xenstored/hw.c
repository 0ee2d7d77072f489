/* SPDX-License-Identifier: MIT */
/* No hypervisor below: what is used with -D, where only the socket works. */
#include "cmd/xenstored/hw.h"

#include <stddef.h>

static struct xenstore_domain_interface *none_map(uint16_t domid, uint64_t frame)
{
    return NULL;
}

static void none_unmap(uint16_t domid, struct xenstore_domain_interface *page)
{
}

static struct xenstore_domain_interface *none_map_own(uint32_t *port)
{
    return NULL;
}

static int none_bind(uint16_t domid, uint32_t remote_port)
{
    return -1;
}

static void none_port(uint32_t port)
{
}

static int none_domains(uint16_t first, struct hw_domain *list, unsigned int max)
{
    return -1;
}

static const struct hw none = { none_map, none_unmap, none_map_own, none_bind, none_port, none_port, none_domains };
const struct hw *hw = &none;
