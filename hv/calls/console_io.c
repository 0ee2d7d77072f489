/* SPDX-License-Identifier: MIT */
/*
 * The console hypercall. Dom0 writes to the machine's console as it is and reads what was
 * typed; any other domain may write lines, which guest_loglvl= shows or not.
 */
#include "hv/base/printk.h"
#include "hv/calls/hypercall.h"
#include "hv/core/console.h"

#define CHUNK 128U

static long console_output(struct domain *d, guest_ptr_t buffer, unsigned int count)
{
    char text[CHUNK];

    while (count > 0) {
        unsigned int n = MIN(count, CHUNK);

        if (copy_from_guest(text, buffer, n) != 0) {
            return -EFAULT;
        }
        if (d->is_hardware) {
            printk_write(text, n);
        } else {
            console_write_guest(d, text, n);
        }
        buffer = guest_ptr_at(buffer, n, 1);
        count -= n;
        if (count > 0 && hypercall_preempt_check()) {
            return hypercall_continue(__HYPERVISOR_console_io, 3,
                                      (unsigned long)CONSOLEIO_write, (unsigned long)count,
                                      (unsigned long)buffer.va);
        }
    }
    return 0;
}

static long console_input(guest_ptr_t buffer, unsigned int count)
{
    char text[CHUNK];
    unsigned int done = 0;

    while (done < count) {
        size_t n = console_read(text, MIN(count - done, CHUNK));

        if (n == 0) {
            break;
        }
        if (copy_to_guest(guest_ptr_at(buffer, done, 1), text, n) != 0) {
            return -EFAULT;
        }
        done += (unsigned int)n;
    }
    return done;
}

long do_console_io(unsigned int cmd, unsigned int count, guest_ptr_t buffer)
{
    struct domain *d = current_domain();

    switch (cmd) {
    case CONSOLEIO_write:
        return console_output(d, buffer, count);
    case CONSOLEIO_read:
        return d->is_hardware ? console_input(buffer, count) : -EPERM;
    default:
        return -ENOSYS;
    }
}
