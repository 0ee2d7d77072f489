/* SPDX-License-Identifier: MIT */
/*
 * The switch between dom0, guests of the device tree and the hypervisor; see serial_input.h. core/console.c knows two
 * sides, dom0 and the hypervisor, and is told to change sides as a person would tell it: by the switch bytes.
 *
 * No lock: one CPU calls; `owner` is read by others as a hint of how to show their output.
 */
#include "hv/arch/arm/guest/serial_input.h"

#include "hv/arch/arm/guest/guest.h"
#include "hv/arch/arm/guest/vpl011.h"
#include "hv/base/printk.h"
#include "hv/upcalls.h"

#define GUESTS_MAX   32U
#define SWITCH_TIMES 3U
#define TO_DOM0      0U
#define TO_HYPERVISOR (guest_count + 1) /* places between are guests */

static domid_t guests[GUESTS_MAX];
static unsigned int guest_count;
static unsigned int place;          /* where the input goes */
static bool core_is_at_hypervisor;
static domid_t owner = DOMID_INVALID;
static char switch_byte = 'a' & 0x1f;
static unsigned int switch_count;

void serial_input_set_switch(char letter)
{
    switch_byte = (char)(letter & 0x1f);
}

void serial_input_add(struct domain *d)
{
    if (guest_count < GUESTS_MAX) {
        guests[guest_count++] = d->id;
    }
    if (guest_count == 1 && domain_hardware == NULL) {
        place = 1;
        owner = d->id;
    }
}

bool serial_input_has(const struct domain *d)
{
    return READ_ONCE(owner) == d->id;
}

static void say(void)
{
    if (switch_byte != 0) {
        printk("Console input goes to guest d%u (Ctrl-%c three times: to the next)\n", owner, switch_byte | 0x40);
    }
}

void serial_input_start(void)
{
    if (owner != DOMID_INVALID) {
        say();
    }
}

static bool is_there(unsigned int where)
{
    struct domain *d;
    bool there;

    if (where == TO_DOM0) {
        return domain_hardware != NULL;
    }
    if (where == TO_HYPERVISOR) {
        return true;
    }
    d = domain_get(guests[where - 1]);
    there = d != NULL && d->arch->vpl011 != NULL;
    if (d != NULL) {
        domain_put(d);
    }
    return there;
}

/* It says itself who has the input now. */
static void core_switch(void)
{
    core_is_at_hypervisor = !core_is_at_hypervisor;
    for (unsigned int i = 0; i < SWITCH_TIMES; i++) {
        upcall_console_input(switch_byte);
    }
}

static void next(void)
{
    do {
        place = (place + 1) % (guest_count + 2);
    } while (!is_there(place));
    if (place == TO_DOM0 || place == TO_HYPERVISOR) {
        WRITE_ONCE(owner, DOMID_INVALID);
        if (core_is_at_hypervisor != (place == TO_HYPERVISOR)) {
            core_switch();
        } else {
            printk("Console input goes to dom0 again\n");
        }
    } else {
        WRITE_ONCE(owner, guests[place - 1]);
        say();
    }
}

static void give(char c)
{
    struct domain *d;

    if (place == TO_DOM0 || place == TO_HYPERVISOR) {
        upcall_console_input(c);
        return;
    }
    d = domain_get(guests[place - 1]);
    if (d != NULL) {
        vpl011_input(d, c);
        domain_put(d);
    }
}

void serial_input(char c)
{
    if (guest_count == 0 || switch_byte == 0) {
        upcall_console_input(c);
        return;
    }
    if (c == switch_byte) {
        if (++switch_count == SWITCH_TIMES) {
            switch_count = 0;
            next();
        }
        return;
    }
    for (; switch_count > 0; switch_count--) { /* they lead to no switch: they were typed for somebody */
        give(switch_byte);
    }
    give(c);
}
