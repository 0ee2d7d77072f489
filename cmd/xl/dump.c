/* SPDX-License-Identifier: MIT */
/* xl dump-core: a domain's memory in a file. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cmd/xl/progress.h"
#include "cmd/xl/xl.h"
#include "lib/domain/core.h"
#include "lib/domain/domain.h"

int xl_dump_core(struct xl *xl, int argc, char **argv)
{
    uint32_t domid;
    int rc;

    xl_options(xl, argc, argv);
    domid = xl_domain(xl, argv[optind]);
    progress_begin(xl, "writing the domain's memory");
    rc = core_dump(&xl->err, xl_ctrl(xl), domid, argv[optind + 1]);
    progress_end();
    if (rc) {
        xl_die(xl);
    }
    return 0;
}
