/* SPDX-License-Identifier: MIT */
/*
 * The version hypercall: what the hypervisor says about itself. Answers are numbers, or records
 * written whole to the guest. The command line is for control domains only; others see
 * "<denied>".
 */
#include "abi/version.h"

#include "hv/calls/hypercall.h"
#include "hv/core/arch_guest.h"
#include "hv/core/rights.h"
#include "hv/core/version.h"
#include "hv/lib/string.h"

const char *version_command_line = "";

static long answer_text(guest_ptr_t arg, const char *text, size_t size)
{
    char buf[1024];

    BUILD_ASSERT(sizeof(xen_capabilities_info_t) <= sizeof(buf));
    BUILD_ASSERT(sizeof(xen_commandline_t) <= sizeof(buf));
    memset(buf, 0, size);
    (void)string_copy(buf, text, size);
    return copy_to_guest(arg, buf, size);
}

static long answer_compile_info(guest_ptr_t arg)
{
    struct xen_compile_info info;

    memset(&info, 0, sizeof(info));
    (void)string_copy(info.compiler, VERSION_COMPILER, sizeof(info.compiler));
    (void)string_copy(info.compile_by, VERSION_COMPILE_BY, sizeof(info.compile_by));
    (void)string_copy(info.compile_domain, VERSION_COMPILE_DOMAIN, sizeof(info.compile_domain));
    (void)string_copy(info.compile_date, VERSION_COMPILE_DATE, sizeof(info.compile_date));
    return copy_to_guest(arg, &info, sizeof(info));
}

static long answer_capabilities(guest_ptr_t arg)
{
    xen_capabilities_info_t caps;

    memset(caps, 0, sizeof(caps));
    arch_capabilities(caps, sizeof(caps));
    return copy_to_guest(arg, caps, sizeof(caps));
}

static long answer_features(guest_ptr_t arg)
{
    struct xen_feature_info info;

    if (copy_from_guest(&info, arg, sizeof(info)) != 0) {
        return -EFAULT;
    }
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS) {
        return -EINVAL;
    }
    info.submap = arch_features(current_domain());
    return copy_to_guest(arg, &info, sizeof(info));
}

/* A record of the buffer's size and the buffer. Without one, how much is wanted. */
static long build_id(guest_ptr_t arg)
{
    const void *id;
    size_t size = arch_build_id(&id);
    uint32_t room;

    if (size == 0) {
        return -ENODATA;
    }
    if (guest_ptr_is_null(arg)) {
        return (long)size;
    }
    if (copy_from_guest(&room, arg, sizeof(room)) != 0) {
        return -EFAULT;
    }
    if (room < size) {
        return room == 0 ? -EINVAL : -ENOBUFS;
    }
    if (copy_to_guest(guest_ptr_at(arg, offsetof(struct xen_build_id, buf), 1), id, size) != 0) {
        return -EFAULT;
    }
    return (long)size;
}

static NOINLINE long answer(unsigned int cmd, guest_ptr_t arg)
{
    struct xen_platform_parameters params;
    struct domain *d = current_domain();

    switch (cmd) {
    case XENVER_extraversion:
        return answer_text(arg, VERSION_EXTRA, sizeof(xen_extraversion_t));
    case XENVER_compile_info:
        return answer_compile_info(arg);
    case XENVER_capabilities:
        return answer_capabilities(arg);
    case XENVER_changeset:
        return answer_text(arg, VERSION_CHANGESET, sizeof(xen_changeset_info_t));
    case XENVER_platform_parameters:
        params.virt_start = arch_virt_start();
        return copy_to_guest(arg, &params, sizeof(params));
    case XENVER_get_features:
        return answer_features(arg);
    case XENVER_pagesize:
        return guest_ptr_is_null(arg) ? (long)PAGE_SIZE : -EINVAL;
    case XENVER_guest_handle:
        return copy_to_guest(arg, d->handle, sizeof(d->handle));
    case XENVER_commandline:
        return answer_text(arg, rights_is_control(d) ? version_command_line : "<denied>",
                           sizeof(xen_commandline_t));
    case XENVER_build_id:
        return rights_is_control(d) ? build_id(arg) : -EPERM;
    default:
        return -ENOSYS;
    }
}

long do_xen_version(unsigned int cmd, guest_ptr_t arg)
{
    if (likely(cmd == XENVER_version)) {
        return VERSION_ABI_MAJOR << 16 | VERSION_ABI_MINOR;
    }
    return answer(cmd, arg);
}
