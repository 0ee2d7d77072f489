/* SPDX-License-Identifier: MIT */
/* Stand-ins for what the program does not link: a hypercall that would be continued is recorded
 * for the test. */
#include "hv/calls/hypercall.h"
#include "hv/core/keyhandler.h"
#include "tests/unit/world.h"

#include <stdarg.h>

struct world_restart world_restart;

long hypercall_continue(unsigned int op, unsigned int count, ...)
{
    va_list args;

    world_restart.op = op;
    va_start(args, count);
    for (unsigned int i = 0; i < count; i++) {
        world_restart.args[i] = va_arg(args, unsigned long);
    }
    va_end(args);
    return -ERESTART;
}

void keyhandler_press_later(char key)
{
}
