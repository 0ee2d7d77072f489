/* SPDX-License-Identifier: MIT */
/*
 * The public feature list once more, for a table: the includer defines XEN_CPUFEATURE(name, value) and gets
 * one call of it for each feature that has a name. No guard, since each includer wants the list.
 */
#include <xen/arch-x86/cpufeatureset.h>
