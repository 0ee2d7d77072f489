/* SPDX-License-Identifier: MIT */
/* xl.cfg and xl.conf: any text gives a configuration whose parts fit together, or an error that says why. */
#include "lib/conf/conf.h"
#include "lib/conf/domain_config.h"
#include "lib/conf/host_config.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

void fuzz_init(void)
{
}

static void expect_error(int rc, const struct err *e)
{
    EXPECT(rc < 0);
    EXPECT_EQ(rc, e->code);
    EXPECT(e->text[0] != '\0');
}

static void expect_domain(const struct domain_config *d)
{
    EXPECT(d->name != NULL && d->name[0] != '\0');
    EXPECT(d->vcpus >= 1 && d->vcpus <= d->maxvcpus);
    EXPECT(d->memory_kib >= 1024 && d->memory_kib <= d->maxmem_kib);
    for (unsigned int i = 0; i < d->disk_count; i++) {
        EXPECT(d->disks[i].cdrom || d->disks[i].target != NULL);
        EXPECT(!d->disks[i].cdrom || d->disks[i].readonly);
    }
    for (unsigned int i = 0; i < d->vif_count; i++) {
        EXPECT(d->vifs[i].devid >= 0 && (d->vifs[i].mac[0] & 1) == 0);
    }
}

void fuzz_one(const uint8_t *data, size_t size)
{
    static const uint8_t random[DOMAIN_CONFIG_RANDOM_SIZE];
    struct domain_config_options options = { random, sizeof(random), size % 2 == 0 };
    struct conf c = CONF_INIT;
    struct err e = { 0 };
    struct domain_config d;
    struct host_config h;
    int rc = conf_parse(&e, "fuzz", (const char *)data, size, &c);

    if (rc < 0) {
        expect_error(rc, &e);
    } else {
        rc = domain_config_read(&e, &c, &options, &d);
        if (rc == 0) {
            expect_domain(&d);
            domain_config_free(&d);
        } else {
            expect_error(rc, &e);
        }
        err_clear(&e);
        rc = host_config_read(&e, &c, &h);
        if (rc == 0) {
            host_config_free(&h);
        } else {
            expect_error(rc, &e);
        }
    }
    conf_free(&c);
}
