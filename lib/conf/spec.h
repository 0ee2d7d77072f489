/* SPDX-License-Identifier: MIT */
/*
 * The small languages inside the strings of xl.cfg(5) and on xl's command lines: disk, vif and channel
 * descriptions, CPU lists, UUIDs, MAC addresses, virtual disk names. xl block-attach, network-attach and
 * vcpu-pin use the same functions.
 *
 * Each takes the text of one description and fills a structure, whose strings the matching _free() gives back
 * (also after an error). Errors say what is wrong and what would be right; the caller adds the place. Pure.
 */
#ifndef LIB_CONF_SPEC_H
#define LIB_CONF_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/conf/conf.h"

/* ---- disks: xl-disk-configuration(5) ---- */
enum disk_format {
    DISK_FORMAT_RAW,
    DISK_FORMAT_QCOW,
    DISK_FORMAT_QCOW2,
    DISK_FORMAT_VHD,
    DISK_FORMAT_QED,
};

enum disk_backend {
    DISK_BACKEND_AUTO, /* block device or file: blkback; another format: qdisk */
    DISK_BACKEND_PHY,
    DISK_BACKEND_QDISK,
    DISK_BACKEND_TAP,
    DISK_BACKEND_STANDALONE,
};

struct disk_spec {
    struct conf_place place;
    char *target; /* path, argument of the script, or NULL: a drive without medium */
    enum disk_format format;
    enum disk_backend backend_type;
    char *vdev;         /* as written: "xvda", "hdc" */
    unsigned int devid; /* the number of the device in xenstore */
    bool readonly;
    bool cdrom;
    char *backend; /* name or id of the backend domain; NULL: our own */
    char *script;
    bool direct_io_safe;
    bool no_discard;
    bool untrusted;
    bool virtio;
};

int disk_spec_parse(struct err *e, const char *text, struct disk_spec *d);
void disk_spec_free(struct disk_spec *d);
const char *disk_format_name(enum disk_format format);

/* "xvda1", "hdc", "sdb", "d5p2" or a number -> the number in xenstore. -EINVAL for anything else. */
int disk_vdev_parse(const char *vdev, unsigned int *devid);
/* The other way round, always as "xvd..", "hd.." or "sd..". */
void disk_vdev_format(unsigned int devid, char *text, size_t size);

/* ---- networks: xl-network-configuration(5) ---- */
struct vif_spec {
    struct conf_place place;
    int devid; /* -1: next free */
    uint8_t mac[6];
    bool has_mac; /* else choose one: mac_random() */
    bool ioemu;   /* type=ioemu: HVM guests only */
    char *bridge, *gatewaydev, *ip, *script, *backend, *vifname, *model;
    uint64_t rate_bytes;    /* credit of one interval; 0: no limit */
    uint32_t rate_interval; /* microseconds */
    unsigned int mtu;       /* 0: the bridge's */
    unsigned int vlan;      /* 0: none */
    bool untrusted;
};

/* v->mac holds random bytes before the call, for a MAC address that is left open in part. */
int vif_spec_parse(struct err *e, const char *text, struct vif_spec *v);
void vif_spec_free(struct vif_spec *v);
/* "10MB/s", "250KB/s@20ms", "1000000b/s@100us" */
int vif_rate_parse(struct err *e, const char *text, uint64_t *bytes, uint32_t *interval);

/*
 * Six pairs of hexadecimal digits. A pair "XX" (as examples write it) is filled from `random`.
 */
int mac_parse(struct err *e, const char *text, const uint8_t random[6], uint8_t mac[6]);
/* In 00:16:3e, from three random bytes. */
void mac_random(const uint8_t random[3], uint8_t mac[6]);
void mac_format(const uint8_t mac[6], char text[18]);

/* ---- channels: xen-pv-channel(7) ---- */
struct channel_spec {
    struct conf_place place;
    char *name;
    char *backend;
    bool socket; /* else a pty */
    char *path;  /* of the socket */
};

int channel_spec_parse(struct err *e, const char *text, struct channel_spec *c);
void channel_spec_free(struct channel_spec *c);

/* ---- lists of CPUs: "all", "0-3,^1", "node:0,^4", "nodes:0-1" ---- */
struct cpu_range {
    bool exclude;
    bool node; /* numbers are of nodes, not of CPUs */
    unsigned int first, last;
};

struct cpu_list {
    struct cpu_range *ranges; /* applied in order */
    unsigned int count;
};

#define CPU_LAST 0xffffffffu /* "all" reaches to here */

int cpu_list_parse(struct err *e, const char *text, struct cpu_list *list);
void cpu_list_free(struct cpu_list *list);
/*
 * The CPUs meant, as a bitmap of `cpus` bits (bit 0 first, whole bytes are written); node_of[cpu] may be NULL
 * on a machine of one node. -EINVAL names a number the machine does not have, or an empty result.
 */
int cpu_list_fill(struct err *e, const struct cpu_list *list, const unsigned int *node_of, unsigned int cpus,
                  uint8_t *bitmap);
/* A bitmap as xl prints it: "0-3,5", "all" when every bit is set, "none". */
void cpu_list_format(const uint8_t *bitmap, unsigned int cpus, char *text, size_t size);

/* ---- UUIDs ---- */
int uuid_parse(struct err *e, const char *text, uint8_t uuid[16]);
void uuid_format(const uint8_t uuid[16], char text[37]);
/* Version 4, from 16 random bytes, in place. */
void uuid_random(uint8_t uuid[16]);

#endif
