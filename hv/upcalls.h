/* SPDX-License-Identifier: MIT */
/*
 * Contract 2, up: the C functions that floor code (arch/X/cpu, mm) may call though they live higher.
 * Declared here, low; implemented above; bound by the linker.
 */
#ifndef HV_UPCALLS_H
#define HV_UPCALLS_H

#include "hv/lib/types.h"

struct cpu_user_regs;
struct frame;
struct frame_owner;

/* ARCH_IPI_CALL arrived. Interrupts are off. */
void upcall_ipi_call(void);
/* A byte arrived on the console. */
void upcall_console_input(char c);
/* An exception taken in guest context. The exit path checks softirqs and events afterwards. */
void upcall_guest_trap(struct cpu_user_regs *regs);
/* A hypervisor page fault or #GP without fixup: may still be a guest-owned mapping; true = handled. */
bool upcall_fault_fixup(struct cpu_user_regs *regs, unsigned long cr2);
/* Owner record of a domain that still owns frames; NULL for none. */
struct frame_owner *upcall_frame_owner(uint16_t domid);
/* Checks (or undoes) a frame's contents for its role; see mm/frame.h. May return -ERESTART. */
MUST_CHECK int upcall_role_validate(struct frame *f, unsigned int role, bool preemptible);
MUST_CHECK int upcall_role_release(struct frame *f, unsigned int role, bool preemptible);
/* A table whose validation failed half way: one role and one general reference are given to the callee,
 * who drops them when it can be preempted. */
void upcall_role_abandon(struct frame *f);
/* A frame is about to change role: make sure no CPU holds a stale translation of it. Its aux is the stamp of
 * when its last role ended. */
void upcall_frame_flush(struct frame *f);
/* The same for a chain of frames (linked by next) that were referenced until now. */
void upcall_frames_flush(const struct frame *first);
/* A domain's list of frames is no longer empty: it gets a reference on itself (its owner lock is held);
 * the list is empty again: that reference goes. */
void upcall_owner_filled(uint16_t domid);
void upcall_owner_empty(uint16_t domid);

#endif
