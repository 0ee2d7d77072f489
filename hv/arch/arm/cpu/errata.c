/* SPDX-License-Identifier: MIT */
/*
 * The table: implementer and part of MIDR_EL1, first and last revision (variant and revision as one number), the
 * numbers of Arm's Software Developers Errata Notices. See errata.h.
 *
 * Only what touches code of ours is here. What a guest has to mind it finds by the same MIDR, which is the machine's.
 * Cortex-A53 843419 is seen to by the linker, in arch.mk. docs/support.md has the list with what is done.
 */
#include "hv/arch/arm/cpu/errata.h"

#include "hv/arch/arm/cpu/sysreg.h"
#include "hv/base/printk.h"
#include "hv/lib/printf.h"

#define PART(midr)     ((uint32_t)(midr) & 0xff00fff0U)
#define REVISION(midr) (((uint32_t)(midr) >> 16 & 0xf0U) | ((uint32_t)(midr) & 0xfU))
#define R(major, minor) ((major) << 4 | (minor))
#define CORTEX_A53     0x4100d030U
#define CORTEX_A55     0x4100d050U
#define CORTEX_A57     0x4100d070U
#define CORTEX_A72     0x4100d080U
#define CORTEX_A76     0x4100d0b0U

bool errata_fault_address;
bool errata_speculative_walk;
bool errata_clean;
bool errata_invalidate_twice;

static const struct erratum {
    uint32_t part;
    uint8_t first;
    uint8_t last;
    bool *work_around;
    const char *numbers;
} errata[] = {
    { CORTEX_A53, R(0, 0), R(0, 2), &errata_clean, "819472, 824069, 826319, 827319" },
    { CORTEX_A57, R(0, 0), R(1, 2), &errata_fault_address, "834220" },
    { CORTEX_A57, R(0, 0), 0xff, &errata_speculative_walk, "1319537" },
    { CORTEX_A72, R(0, 0), 0xff, &errata_speculative_walk, "1319367" },
    { CORTEX_A53, R(0, 0), 0xff, &errata_speculative_walk, "1530924" },
    { CORTEX_A55, R(0, 0), 0xff, &errata_speculative_walk, "1530923" },
    { CORTEX_A55, R(0, 0), 0xff, &errata_invalidate_twice, "2441007" },
    { CORTEX_A76, R(0, 0), R(2, 0), &errata_speculative_walk, "1165522" },
    { CORTEX_A76, R(0, 0), R(3, 0), &errata_invalidate_twice, "1286807" },
};

static uint32_t found; /* rows; CPUs start one at a time */

void errata_init_cpu(void)
{
    uint64_t midr = SYSREG_READ("midr_el1");

    for (unsigned int i = 0; i < ARRAY_SIZE(errata); i++) {
        const struct erratum *e = &errata[i];

        if (PART(midr) == e->part && REVISION(midr) >= e->first && REVISION(midr) <= e->last) {
            *e->work_around = true;
            found |= 1U << i;
        }
    }
}

void errata_report(void)
{
    char line[128];
    size_t n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(errata); i++) {
        if (found >> i & 1) {
            n += format_string(line + n, sizeof(line) - n, "%s%s", n == 0 ? "" : ", ", errata[i].numbers);
        }
    }
    if (n != 0) {
        log_info("CPU errata worked around: %s\n", line);
    }
}
