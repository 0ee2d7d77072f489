/* SPDX-License-Identifier: MIT */
/*
 * Console input and the output of guests; see console.h.
 *
 * Input comes in interrupt context: bytes for dom0 wait in a ring until dom0 reads them and a
 * tasklet tells dom0; bytes for the hypervisor are debug keys. When the ring is full new bytes
 * are lost.
 *
 * Locks: input_lock for ring and switch, interrupts off; console_line.lock for a guest's
 * unfinished line.
 */
#include "hv/core/console.h"

#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/evtchn.h"
#include "hv/core/keyhandler.h"
#include "hv/lib/string.h"
#include "hv/mm/heap.h"
#include "hv/upcalls.h"

#define RING_SIZE    1024U
#define LINE_MAX     200U
#define SWITCH_TIMES 3U

struct console_line {
    struct spinlock lock; /* LOCK_RIGHTS: it prints inside */
    unsigned int length;
    char text[LINE_MAX];
};

static struct spinlock input_lock = SPINLOCK_INIT(LOCK_LEAF);
static char ring[RING_SIZE];
static unsigned int ring_in;
static unsigned int ring_out;
static char switch_byte = 'a' & 0x1f;
static unsigned int switch_count; /* switch bytes in a row */
static bool to_hypervisor;
static bool started;
static bool say_side; /* the tasklet prints which side has the input now */

/* ---- Input ------------------------------------------------------------------------------- */

static void say_where_input_goes(bool hypervisor)
{
    if (switch_byte == 0) {
        printk("Console input goes to %s\n", hypervisor ? "the hypervisor" : "dom0");
    } else {
        printk("Console input goes to %s (Ctrl-%c three times: to %s)%s\n",
               hypervisor ? "the hypervisor" : "dom0", (char)(switch_byte | 0x40),
               hypervisor ? "dom0" : "the hypervisor",
               hypervisor ? "; 'h' lists the debug keys" : "");
    }
}

static void input_work(void *data)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    bool say = say_side;
    bool hypervisor = to_hypervisor;
    bool waiting = ring_in != ring_out;

    say_side = false;
    spin_unlock_irqrestore(&input_lock, flags);
    if (say) {
        say_where_input_goes(hypervisor);
    }
    if (waiting && domain_hardware != NULL) {
        evtchn_send_global_virq(domain_hardware, VIRQ_CONSOLE);
    }
}

static struct tasklet input_tasklet = { .fn = input_work };

/* Lock held. The switch bytes that lead to no switch are for dom0 as well. */
static void put(char c)
{
    if (ring_in - ring_out < RING_SIZE) {
        ring[ring_in++ % RING_SIZE] = c;
    }
}

/* Lock held: true when c was part of a switch. */
static bool is_switch(char c)
{
    if (switch_byte == 0 || c != switch_byte) {
        for (; switch_count > 0; switch_count--) {
            if (!to_hypervisor) {
                put(switch_byte);
            }
        }
        return false;
    }
    if (++switch_count == SWITCH_TIMES) {
        switch_count = 0;
        to_hypervisor = !to_hypervisor;
        say_side = true;
    }
    return true;
}

void upcall_console_input(char c)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    bool key = false;
    bool work;

    if (!is_switch(c)) {
        key = to_hypervisor;
        if (!key) {
            put(c);
        }
    }
    work = started && (say_side || ring_in != ring_out);
    spin_unlock_irqrestore(&input_lock, flags);
    if (key) {
        keyhandler_press_later(c);
    } else if (work) {
        tasklet_schedule(&input_tasklet);
    }
}

size_t console_read(char *buf, size_t size)
{
    unsigned long flags = spin_lock_irqsave(&input_lock);
    size_t n = 0;

    while (n < size && ring_out != ring_in) {
        buf[n++] = ring[ring_out++ % RING_SIZE];
    }
    spin_unlock_irqrestore(&input_lock, flags);
    return n;
}

/* SOFTIRQ_LOG: whoever keeps the hypervisor's log (xenconsoled --log=hv) may read on. */
static void tell_of_log(void)
{
    evtchn_send_global_virq(NULL, VIRQ_CON_RING);
}

void console_set_switch(char letter)
{
    switch_byte = (char)(letter & 0x1f);
}

void console_init(void)
{
    started = true;
    softirq_register(SOFTIRQ_LOG, tell_of_log);
    say_where_input_goes(to_hypervisor);
}

/* ---- Output of guests -------------------------------------------------------------------- */

static struct console_line *line_of(struct domain *d)
{
    struct console_line *line = __atomic_load_n(&d->console, __ATOMIC_ACQUIRE);
    struct console_line *expected = NULL;

    if (line != NULL) {
        return line;
    }
    line = heap_alloc(sizeof(*line));
    if (line == NULL) {
        return NULL;
    }
    spin_init(&line->lock, LOCK_RIGHTS);
    if (!__atomic_compare_exchange_n(&d->console, &expected, line, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        heap_free(line); /* another vcpu was first */
        line = expected;
    }
    return line;
}

void console_domain_exit(struct domain *d)
{
    heap_free(d->console);
    d->console = NULL;
}

/* No escape sequences: a guest shall not move the operator's cursor. */
static bool printable(char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

void console_write_guest(struct domain *d, const char *text, size_t size)
{
    struct console_line *line = line_of(d);

    if (line == NULL) {
        return;
    }
    spin_lock(&line->lock);
    for (size_t i = 0; i < size; i++) {
        if (printable(text[i])) {
            line->text[line->length++] = text[i];
        }
        if (text[i] == '\n' || line->length == LINE_MAX - 1) {
            line->text[line->length] = '\0';
            line->length = 0;
            glog_debug("(%pd) %s\n", d, line->text);
        }
    }
    spin_unlock(&line->lock);
}
