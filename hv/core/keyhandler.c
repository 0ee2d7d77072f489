/* SPDX-License-Identifier: MIT */
/*
 * Debug keys; see keyhandler.h. A table by letter; each function prints "'x' pressed -> what follows".
 *
 * Dumps read other CPUs' and domains' state as it stands: they show a moment, not a consistent picture.
 * Keys typed in interrupt context wait in a small ring for a tasklet.
 */
#include "hv/core/keyhandler.h"

#include "hv/arch_cpu.h"
#include "hv/base/lock.h"
#include "hv/base/printk.h"
#include "hv/base/softirq.h"
#include "hv/core/arch_guest.h"
#include "hv/core/domain.h"
#include "hv/core/evtchn.h"
#include "hv/core/grant.h"
#include "hv/core/sched.h"
#include "hv/core/vcpu.h"
#include "hv/mm/heap.h"
#include "hv/mm/page_alloc.h"

struct key {
    char letter;
    bool diagnostic; /* one of those that '*' presses */
    const char *what;
    void (*fn)(void);
};

static unsigned long long ms(uint64_t ns)
{
    return ns / 1000000;
}

static void for_each_domain(void (*fn)(struct domain *d))
{
    domid_t next = 0;
    struct domain *d;

    while ((d = domain_get_from(next)) != NULL) {
        next = (domid_t)(d->id + 1);
        fn(d);
        domain_put(d);
    }
}

/* ---- The functions -------------------------------------------------------------------------- */

static void show_help(void);

static void dump_vcpu_registers(struct domain *d)
{
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        printk("*** %pv on CPU%u ***\n", v, v->processor);
        arch_vcpu_dump(v);
    }
}

static void dump_dom0_registers(void)
{
    if (domain_hardware != NULL) {
        dump_vcpu_registers(domain_hardware);
    }
}

static void dump_all_registers(void)
{
    printk("*** CPU%u (this one) ***\n", arch_cpu_id());
    arch_dump_stack();
    for_each_domain(dump_vcpu_registers);
}

static void dump_vcpu_state(const struct vcpu *v)
{
    static const char *const states[] = { "running", "runnable", "blocked", "offline" };
    struct cpumask hard;
    struct cpumask soft;

    sched_get_affinity(v, &hard, &soft);
    printk("    VCPU%u: CPU%u [has=%c] %s flags=%lx pause=%u poll=%d upcall_pend=%02x "
           "upcall_mask=%02x\n",
           v->id, v->processor, v->is_running ? 'T' : 'F', states[v->runstate.state & 3],
           v->pause_flags, v->pause_count, v->polling ? (int)v->poll_port : 0,
           v->info->evtchn_upcall_pending, arch_upcall_masked(v->info));
    printk("      affinity hard=%u CPUs from CPU%u, soft=%u CPUs\n",
           bitmap_weight(hard.bits, arch_cpus_possible), cpumask_first(&hard),
           bitmap_weight(soft.bits, arch_cpus_possible));
}

static void dump_domain(struct domain *d)
{
    const uint8_t *h = d->handle;
    struct vcpu *v;

    printk("General information for domain %u:\n", d->id);
    printk("    refcnt=%u dying=%u pause_count=%u\n", d->refs, d->dying, d->pause_count);
    printk("    nr_pages=%llu xenheap_pages=%llu max_pages=%llu claimed=%llu\n",
           (unsigned long long)d->memory.total, (unsigned long long)d->memory.heap_total,
           (unsigned long long)d->memory.max, (unsigned long long)d->memory.claimed);
    printk("    handle=%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x "
           "vm_assist=%08x\n",
           h[0], h[1], h[2], h[3], h[4], h[5], h[6], h[7], h[8], h[9], h[10], h[11], h[12], h[13],
           h[14], h[15], d->vm_assist);
    printk("VCPU information and callbacks for domain %u:\n", d->id);
    domain_for_each_vcpu(d, v) {
        dump_vcpu_state(v);
    }
}

static void dump_domains(void)
{
    for_each_domain(dump_domain);
}

static void dump_events(void)
{
    for_each_domain(evtchn_dump);
}

static void dump_grants(void)
{
    for_each_domain(grant_dump);
}

static void dump_memory(void)
{
    unsigned long long total = page_alloc_total_count();
    unsigned long long free = page_alloc_free_count();

    printk("Physical memory information:\n");
    printk("    total: %lluKiB\n", total * 4);
    printk("    free:  %lluKiB\n", free * 4);
    printk("    dirty: %lluKiB\n", (unsigned long long)page_alloc_dirty_count() * 4);
    printk("    claimed: %lluKiB\n", (unsigned long long)page_alloc_claimed() * 4);
}

static void dump_heap(void)
{
    heap_dump();
    for (unsigned int bits = PAGE_SHIFT + 1; bits <= 52; bits++) {
        uint64_t pages = page_alloc_free_in_zone(bits, bits);

        if (pages != 0) {
            printk("heap[zone=%u]: %llu free pages\n", bits, (unsigned long long)pages);
        }
    }
}

static void dump_time(void)
{
    printk("TSC: %u kHz\n", arch_clock_cpu_khz());
    printk("system time: %llu ms, wall clock at boot: %llu ms\n", ms(arch_clock_now()),
           ms(arch_clock_wall_at_boot()));
}

static void dump_cpu_states(void)
{
    unsigned int cpu;

    cpumask_for_each(cpu, &arch_cpus_online) {
        struct vcpu_runstate_info info;

        vcpu_runstate_get(sched_idle_vcpu[cpu], &info);
        printk("CPU%u: idle %llu ms\n", cpu, ms(info.time[RUNSTATE_running]));
    }
}

static void dump_nodes(void)
{
    unsigned int cpu;

    for (unsigned int node = 0; node < arch_node_count(); node++) {
        printk("NODE%u: %llu pages from first to last, %llu free\n", node,
               (unsigned long long)arch_node_span(node),
               (unsigned long long)page_alloc_free_on_node(node));
    }
    cpumask_for_each(cpu, &arch_cpus_online) {
        uint32_t core;
        uint32_t socket;
        uint32_t node;

        arch_cpu_topology(cpu, &core, &socket, &node);
        printk("CPU%u: socket %u, core %u, node %u\n", cpu, socket, core, node);
    }
}

/* Which of the two levels '+' and '-' move. */
static bool levels_of_guests;

static void toggle_levels(void)
{
    levels_of_guests = !levels_of_guests;
    printk("'+' and '-' change what is logged about %s\n", levels_of_guests ? "guests" : "the host");
}

static void change_level(int by)
{
    int level = (int)printk_level(levels_of_guests) + by;

    if (level >= LOG_ERR && level <= LOG_DEBUG) {
        printk_set_level(levels_of_guests, (enum log_level)level);
    }
    printk("%s log level: %s\n", levels_of_guests ? "guest" : "host",
           printk_level_name(printk_level(levels_of_guests)));
}

static void raise_level(void)
{
    change_level(1);
}

static void lower_level(void)
{
    change_level(-1);
}

static void press_diagnostics(void);

static void reboot_machine(void)
{
    arch_reset(ARCH_RESET_REBOOT);
}

static void crash_machine(void)
{
    panic("crashdump requested from the console");
}

static void send_virq_debug(struct domain *d)
{
    struct vcpu *v;

    domain_for_each_vcpu(d, v) {
        evtchn_send_virq(v, VIRQ_DEBUG);
    }
}

static void dump_domains_and_tell(void)
{
    for_each_domain(dump_domain);
    for_each_domain(send_virq_debug);
}

/* ---- The table ------------------------------------------------------------------------------ */

static const struct key keys[] = {
    { '*', false, "press all keys that dump", press_diagnostics },
    { '+', false, "log more", raise_level },
    { '-', false, "log less", lower_level },
    { '0', true, "dump Dom0 registers", dump_dom0_registers },
    { 'C', false, "trigger a crashdump", crash_machine },
    { 'G', false, "choose between host and guest log level", toggle_levels },
    { 'H', true, "dump heap info", dump_heap },
    { 'M', true, "dump MSI state", arch_irq_dump },
    { 'R', false, "reboot machine", reboot_machine },
    { 'a', true, "dump timer queues", timer_dump },
    { 'c', true, "dump ACPI Cx structures", dump_cpu_states },
    { 'd', true, "dump registers", dump_all_registers },
    { 'e', true, "dump evtchn info", dump_events },
    { 'g', true, "print grant table usage", dump_grants },
    { 'h', false, "show this message", show_help },
    { 'i', true, "dump interrupt bindings", arch_irq_dump },
    { 'm', true, "memory info", dump_memory },
    { 'q', true, "dump domain (and guest debug) info", dump_domains_and_tell },
    { 'r', true, "dump run queues", sched_dump },
    { 's', true, "dump softtsc stats", dump_time },
    { 't', true, "display multi-cpu clock info", dump_time },
    { 'u', true, "dump NUMA info", dump_nodes },
    { 'v', true, "dump domains", dump_domains },
    { 'w', false, "show the log again on the console", printk_show_ring },
    { 'z', true, "dump I/O APIC registers", arch_irq_chip_dump },
};

static void show_help(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
        printk(" key '%c' (ascii '%02x') => %s\n", keys[i].letter, (unsigned int)keys[i].letter,
               keys[i].what);
    }
}

static void press(const struct key *key)
{
    printk("'%c' pressed -> %s (now = %llu ms)\n", key->letter, key->what, ms(arch_clock_now()));
    key->fn();
}

static void press_diagnostics(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].diagnostic) {
            press(&keys[i]);
        }
    }
}

void keyhandler_press(char letter)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].letter == letter) {
            press(&keys[i]);
            return;
        }
    }
}

/* ---- From interrupt context ----------------------------------------------------------------- */

#define LATER_SIZE 16U

static struct spinlock later_lock = SPINLOCK_INIT(LOCK_LEAF);
static char later[LATER_SIZE];
static unsigned int later_in;
static unsigned int later_out;

static void press_waiting(void *data)
{
    for (;;) {
        unsigned long flags = spin_lock_irqsave(&later_lock);
        bool any = later_out != later_in;
        char letter = any ? later[later_out++ % LATER_SIZE] : 0;

        spin_unlock_irqrestore(&later_lock, flags);
        if (!any) {
            return;
        }
        keyhandler_press(letter);
    }
}

void keyhandler_press_later(char letter)
{
    static struct tasklet tasklet = { .fn = press_waiting };
    unsigned long flags = spin_lock_irqsave(&later_lock);

    if (later_in - later_out < LATER_SIZE) {
        later[later_in++ % LATER_SIZE] = letter;
    }
    spin_unlock_irqrestore(&later_lock, flags);
    tasklet_schedule(&tasklet);
}
