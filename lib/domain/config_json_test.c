/* SPDX-License-Identifier: MIT */
/* A configuration as JSON: keys and order as Debian's xl 4.17 gave them for the same file. */
#include "lib/domain/config_json.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf/domain_config.h"
#include "tests/unit/unit.h"

static const char text[] =
    "name = 'guest'\nkernel = '/boot/vmlinuz'\nramdisk = '/boot/guest.cpio.gz'\n"
    "extra = 'console=hvc0 quiet'\nmemory = 192\nmaxmem = 256\nvcpus = 1\nmaxvcpus = 2\n"
    "uuid = '57fea995-5224-498e-9953-9f23c1e93e46'\n"
    "disk = [ 'file:/tmp/d.img,xvda,w' ]\n"
    "vif = [ 'bridge=xenbr0,mac=00:16:3e:38:c1:d8' ]\n";

static const char wanted[] =
    "{\n    \"c_info\": {\n        \"type\": \"pv\",\n        \"name\": \"guest\",\n"
    "        \"uuid\": \"57fea995-5224-498e-9953-9f23c1e93e46\",\n        \"run_hotplug_scripts\": \"True\"\n    },\n"
    "    \"b_info\": {\n        \"max_vcpus\": 2,\n        \"avail_vcpus\": [\n            0\n        ],\n"
    "        \"max_memkb\": 262144,\n        \"target_memkb\": 196608,\n        \"sched_params\": {},\n"
    "        \"claim_mode\": \"True\",\n        \"kernel\": \"/boot/vmlinuz\",\n"
    "        \"cmdline\": \"console=hvc0 quiet\",\n        \"ramdisk\": \"/boot/guest.cpio.gz\",\n"
    "        \"type.pv\": {},\n        \"arch_arm\": {},\n        \"arch_x86\": {}\n    },\n"
    "    \"disks\": [\n        {\n            \"pdev_path\": \"/tmp/d.img\",\n            \"vdev\": \"xvda\",\n"
    "            \"format\": \"raw\",\n            \"readwrite\": 1\n        }\n    ],\n"
    "    \"nics\": [\n        {\n            \"devid\": 0,\n            \"mac\": \"00:16:3e:38:c1:d8\",\n"
    "            \"bridge\": \"xenbr0\",\n            \"nictype\": \"vif\"\n        }\n    ],\n"
    "    \"on_reboot\": \"restart\",\n    \"on_soft_reset\": \"soft_reset\"\n}\n";

TEST(config_json_is_debians)
{
    struct domain_config d;
    char *json;

    EXPECT_EQ(domain_config_from_text(NULL, "test", text, strlen(text), NULL, 0, &d), 0);
    json = config_json(&d);
    EXPECT(json);
    EXPECT_STR(json, wanted);
    free(json);
    domain_config_free(&d);
}
