/* SPDX-License-Identifier: MIT */
/* What a configuration means on this host: see hardware.h. */
#include "lib/domain/hardware.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/conf/domain_config.h"
#include "lib/conf/host_config.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/domain.h"
#include "lib/domain/layout.h"
#include "lib/domain/qemu.h"

#define SCRIPTS "/etc/xen/scripts/"

enum { CPUS_MAX = 4096 };

/* ---- CPUs --------------------------------------------------------------------------------------- */

struct host_cpus {
    unsigned int count;
    unsigned int *node_of;
};

static void read_cpus(struct ctrl *c, struct host_cpus *h)
{
    int ids = ctrl_cpu_ids(c);
    struct xen_sysctl_cputopo *topology;

    h->count = ids > 0 && ids <= CPUS_MAX ? (unsigned int)ids : 1;
    h->node_of = calloc(h->count, sizeof(*h->node_of));
    topology = calloc(h->count, sizeof(*topology));
    if (h->node_of && topology) {
        unsigned int count = h->count;
        int rc = ctrl_cpu_topology(c, topology, &count);

        for (unsigned int i = 0; !rc && i < count && i < h->count; i++) {
            h->node_of[i] = topology[i].node;
        }
    }
    free(topology);
}

static int pin_vcpu(struct err *e, struct ctrl *c, uint32_t domid, unsigned int vcpu,
                    const struct host_cpus *h, const struct cpu_list *hard, const struct cpu_list *soft)
{
    uint8_t hard_bits[CPUS_MAX / 8] = { 0 }, soft_bits[CPUS_MAX / 8] = { 0 };
    int rc = hard ? cpu_list_fill(e, hard, h->node_of, h->count, hard_bits) : 0;

    rc = rc ? rc : soft ? cpu_list_fill(e, soft, h->node_of, h->count, soft_bits) : 0;
    if (rc || (!hard && !soft)) {
        return rc;
    }
    rc = ctrl_vcpu_affinity_set(c, (domid_t)domid, vcpu, hard ? hard_bits : NULL, soft ? soft_bits : NULL,
                                h->count, false);
    if (rc) {
        err_set(e, rc, "vcpu %u cannot be pinned as cpus= says: %s", vcpu, strerror(-rc));
        err_hint(e, "at least one of the CPUs must be in the domain's CPU pool");
    }
    return rc;
}

/* The list for a vcpu: one for all, or one each for the first ones. */
static const struct cpu_list *list_for(const struct cpu_list *lists, unsigned int count, bool each,
                                       unsigned int vcpu)
{
    if (!lists || !count) {
        return NULL;
    }
    return !each ? lists : vcpu < count ? &lists[vcpu] : NULL;
}

int hardware_pin(struct err *e, struct ctrl *c, uint32_t domid, const struct domain_config *d)
{
    struct host_cpus h;
    int rc = 0;

    if (!d->cpus_count && !d->cpus_soft_count) {
        return 0;
    }
    read_cpus(c, &h);
    for (unsigned int i = 0; i < d->maxvcpus && !rc; i++) {
        rc = pin_vcpu(e, c, domid, i, &h, list_for(d->cpus, d->cpus_count, d->cpus_each, i),
                      list_for(d->cpus_soft, d->cpus_soft_count, d->cpus_soft_each, i));
    }
    free(h.node_of);
    return rc;
}

/* ---- devices ------------------------------------------------------------------------------------ */

static void script_path(struct hardware_text *t, const char *script, const char *otherwise)
{
    const char *name = script && *script ? script : otherwise;

    snprintf(t->script, sizeof(t->script), "%s%.200s", name[0] == '/' ? "" : SCRIPTS, name);
}

static int find_backend(struct err *e, struct xs_handle *s, const char *name, uint32_t *domid)
{
    *domid = 0;
    return name && *name ? domain_find(e, s, name, domid) : 0;
}

int hardware_disk(struct err *e, struct xs_handle *s, const struct disk_spec *spec, uint32_t domid,
                  struct layout_disk *d, struct hardware_text *t)
{
    bool qemu = spec->format != DISK_FORMAT_RAW || spec->backend_type == DISK_BACKEND_QDISK;
    int rc;

    if (spec->backend_type == DISK_BACKEND_TAP || spec->backend_type == DISK_BACKEND_STANDALONE ||
        (qemu && ((spec->backend && *spec->backend) || !spec->target || !*spec->target))) {
        return conf_error(e, -EOPNOTSUPP, spec->place,
                          "disk %s: not built: backendtype=tap or standalone, QEMU in another domain or for an "
                          "empty drive", spec->vdev);
    }
    if (qemu && !qemu_available()) {
        conf_error(e, -EOPNOTSUPP, spec->place, "disk %s: %s disks need QEMU as their backend, and there is none",
                   spec->vdev, disk_format_name(spec->format));
        err_hint(e, "install qemu-system-xen, or convert the image: qemu-img convert -O raw %s ...", spec->target);
        return -EOPNOTSUPP;
    }
    script_path(t, spec->script, "block");
    *d = (struct layout_disk){
        .domid = domid,
        .devid = spec->devid,
        .vdev = spec->vdev,
        .path = spec->target ? spec->target : "",
        .script = t->script,
        .writable = !spec->readonly && !spec->cdrom,
        .cdrom = spec->cdrom,
        .no_discard = spec->no_discard,
        .untrusted = spec->untrusted,
        .direct_io_safe = spec->direct_io_safe,
        .qemu_format = qemu ? qemu_format(spec->format) : NULL,
    };
    rc = find_backend(e, s, spec->backend, &d->backend_id);
    if (rc) {
        err_prefix(e, "backend of disk %s", spec->vdev);
    }
    return rc;
}

/* The guest's interface carries what its bridge does. */
static unsigned int bridge_mtu(const char *bridge)
{
    char path[96];
    unsigned int mtu = 1500;
    FILE *f;

    snprintf(path, sizeof(path), "/sys/class/net/%.32s/mtu", bridge);
    f = fopen(path, "re");
    if (f) {
        if (fscanf(f, "%u", &mtu) != 1) {
            mtu = 1500;
        }
        fclose(f);
    }
    return mtu;
}

static int random_bytes(struct err *e, uint8_t bytes[3])
{
    return getrandom(bytes, 3, 0) == 3 ? 0 : err_errno(e, "no random bytes for a MAC address");
}

int hardware_choose_macs(struct err *e, struct domain_config *d)
{
    for (unsigned int i = 0; i < d->vif_count; i++) {
        uint8_t random[3];
        int rc = d->vifs[i].has_mac ? 0 : random_bytes(e, random);

        if (rc) {
            return rc;
        }
        if (!d->vifs[i].has_mac) {
            mac_random(random, d->vifs[i].mac);
            d->vifs[i].has_mac = true;
        }
    }
    return 0;
}

int hardware_nic(struct err *e, struct xs_handle *s, const struct vif_spec *spec, unsigned int index,
                 const struct host_config *host, uint32_t domid, struct layout_nic *c,
                 struct hardware_text *t)
{
    const char *bridge = spec->bridge ? spec->bridge : host->vif_bridge ? host->vif_bridge : "xenbr0";
    uint8_t random[3], mac[6];
    int rc;

    memcpy(mac, spec->mac, sizeof(mac));
    if (!spec->has_mac) {
        rc = random_bytes(e, random);
        if (rc) {
            return rc;
        }
        mac_random(random, mac);
    }
    mac_format(mac, t->mac);
    script_path(t, spec->script, host->vif_script ? host->vif_script : "vif-bridge");
    if (spec->rate_bytes) {
        snprintf(t->rate, sizeof(t->rate), "%llu,%u", (unsigned long long)spec->rate_bytes,
                 spec->rate_interval);
    }
    *c = (struct layout_nic){
        .domid = domid,
        .devid = spec->devid >= 0 ? (unsigned int)spec->devid : index,
        .mac = t->mac,
        .script = t->script,
        .type = "vif",
        .bridge = bridge,
        .ip = spec->ip,
        .model = spec->model,
        .vifname = spec->vifname,
        .gateway_device = spec->gatewaydev ? spec->gatewaydev : host->vif_gatewaydev,
        .rate = t->rate[0] ? t->rate : NULL,
        .mtu = spec->mtu ? spec->mtu : bridge_mtu(bridge),
        .untrusted = spec->untrusted,
    };
    rc = find_backend(e, s, spec->backend ? spec->backend : host->vif_backend, &c->backend_id);
    if (rc) {
        err_prefix(e, "backend of the network interface %u", c->devid);
    }
    return rc;
}
