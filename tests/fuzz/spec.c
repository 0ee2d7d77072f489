/* SPDX-License-Identifier: MIT */
/* The descriptions inside xl.cfg: the first byte chooses which, the rest is its text. What is printed again
 * reads as the same. */
#include "lib/conf/spec.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define CPUS 100

void fuzz_init(void)
{
}

static int try_disk(struct err *e, const char *text)
{
    struct disk_spec d = { 0 };
    int rc = disk_spec_parse(e, text, &d);

    if (rc == 0) {
        EXPECT(d.vdev != NULL && d.devid < 1u << 29);
        EXPECT(d.target == NULL || d.script != NULL || d.target[0] == '/');
    }
    disk_spec_free(&d);
    return rc;
}

static int try_vdev(struct err *e, const char *text)
{
    unsigned int devid, again;
    char name[32];

    if (disk_vdev_parse(text, &devid) < 0) {
        return err_set(e, -1, "no device");
    }
    if (strchr("xhsd", text[0]) != NULL && text[0] != '\0') {
        disk_vdev_format(devid, name, sizeof(name));
        EXPECT_EQ(disk_vdev_parse(name, &again), 0);
        EXPECT_EQ(again, devid);
    }
    return 0;
}

static int try_vif(struct err *e, const char *text)
{
    struct vif_spec v = { 0 };
    int rc = vif_spec_parse(e, text, &v);

    if (rc == 0 && v.rate_bytes != 0) {
        EXPECT(v.rate_interval != 0 && v.rate_bytes <= UINT32_MAX);
    }
    vif_spec_free(&v);
    return rc;
}

static int try_channel(struct err *e, const char *text)
{
    struct channel_spec c = { 0 };
    int rc = channel_spec_parse(e, text, &c);

    channel_spec_free(&c);
    return rc;
}

static int try_cpus(struct err *e, const char *text)
{
    struct cpu_list list, again;
    uint8_t bitmap[(CPUS + 7) / 8], same[(CPUS + 7) / 8];
    char name[512];
    int rc = cpu_list_parse(e, text, &list);

    if (rc == 0) {
        rc = cpu_list_fill(e, &list, NULL, CPUS, bitmap);
    }
    if (rc == 0) {
        cpu_list_format(bitmap, CPUS, name, sizeof(name));
        EXPECT_EQ(cpu_list_parse(e, name, &again), 0);
        EXPECT_EQ(cpu_list_fill(e, &again, NULL, CPUS, same), 0);
        EXPECT_EQ(memcmp(bitmap, same, sizeof(same)), 0);
        cpu_list_free(&again);
    }
    cpu_list_free(&list);
    return rc;
}

static int try_uuid(struct err *e, const char *text)
{
    uint8_t uuid[16], again[16];
    char name[37];
    int rc = uuid_parse(e, text, uuid);

    if (rc == 0) {
        uuid_format(uuid, name);
        EXPECT_EQ(uuid_parse(e, name, again), 0);
        EXPECT_EQ(memcmp(uuid, again, 16), 0);
    }
    return rc;
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static int (*const parsers[])(struct err * e, const char *text) = { try_disk,    try_vdev, try_vif,
                                                                        try_channel, try_cpus, try_uuid };
    struct err e = { 0 };
    char *text;
    int rc;

    if (size == 0) {
        return;
    }
    text = strndup((const char *)data + 1, size - 1);
    EXPECT(text != NULL);
    rc = parsers[data[0] % 6](&e, text);
    EXPECT((rc < 0) == (e.code < 0));
    EXPECT(rc == 0 || e.text[0] != '\0');
    free(text);
}
