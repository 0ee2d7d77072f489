/* SPDX-License-Identifier: MIT */
/*
 * Device model operations: see xendevicemodel.h. Each is one structure, some with an array behind it; the
 * kernel pins both, so ordinary memory will do.
 */
#include "lib/devicemodel/xendevicemodel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/linux/devices.h"

struct xendevicemodel_handle {
    int fd;
};

struct xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned int open_flags)
{
    (void)logger;
    (void)open_flags;
    struct xendevicemodel_handle *h = malloc(sizeof(*h));
    if (!h) {
        return NULL;
    }
    h->fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
    if (h->fd < 0) {
        free(h);
        return NULL;
    }
    return h;
}

int xendevicemodel_close(struct xendevicemodel_handle *dmod)
{
    if (!dmod) {
        return 0;
    }
    int rc = close(dmod->fd);
    free(dmod);
    return rc;
}

int xendevicemodel_restrict(struct xendevicemodel_handle *dmod, domid_t domid)
{
    return ioctl(dmod->fd, IOCTL_PRIVCMD_RESTRICT, &domid);
}

static int dm_op_with(struct xendevicemodel_handle *h, domid_t domid, struct xen_dm_op *op, void *extra,
                      size_t size)
{
    struct privcmd_dm_op_buf bufs[2] = { { op, sizeof(*op) }, { extra, size } };
    struct privcmd_dm_op arg = { .dom = domid, .num = extra ? 2 : 1, .ubufs = bufs };
    return ioctl(h->fd, IOCTL_PRIVCMD_DM_OP, &arg);
}

static int dm_op(struct xendevicemodel_handle *h, domid_t domid, struct xen_dm_op *op)
{
    return dm_op_with(h, domid, op, NULL, 0);
}

int xendevicemodel_create_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid, int handle_bufioreq,
                                       ioservid_t *id)
{
    struct xen_dm_op op = { .op = XEN_DMOP_create_ioreq_server };
    op.u.create_ioreq_server.handle_bufioreq = (uint8_t)handle_bufioreq;
    int rc = dm_op(dmod, domid, &op);
    if (rc == 0) {
        *id = op.u.create_ioreq_server.id;
    }
    return rc;
}

int xendevicemodel_get_ioreq_server_info(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id,
                                         xen_pfn_t *ioreq_gfn, xen_pfn_t *bufioreq_gfn,
                                         evtchn_port_t *bufioreq_port)
{
    struct xen_dm_op op = { .op = XEN_DMOP_get_ioreq_server_info };
    op.u.get_ioreq_server_info.id = id;
    op.u.get_ioreq_server_info.flags = ioreq_gfn || bufioreq_gfn ? 0 : XEN_DMOP_no_gfns;
    int rc = dm_op(dmod, domid, &op);
    if (rc != 0) {
        return rc;
    }
    if (ioreq_gfn) {
        *ioreq_gfn = op.u.get_ioreq_server_info.ioreq_gfn;
    }
    if (bufioreq_gfn) {
        *bufioreq_gfn = op.u.get_ioreq_server_info.bufioreq_gfn;
    }
    if (bufioreq_port) {
        *bufioreq_port = op.u.get_ioreq_server_info.bufioreq_port;
    }
    return 0;
}

int xendevicemodel_map_io_range_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                ioservid_t id, int is_mmio, uint64_t start, uint64_t end)
{
    struct xen_dm_op op = { .op = XEN_DMOP_map_io_range_to_ioreq_server };
    op.u.map_io_range_to_ioreq_server.id = id;
    op.u.map_io_range_to_ioreq_server.type = is_mmio ? XEN_DMOP_IO_RANGE_MEMORY : XEN_DMOP_IO_RANGE_PORT;
    op.u.map_io_range_to_ioreq_server.start = start;
    op.u.map_io_range_to_ioreq_server.end = end;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_unmap_io_range_from_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                    ioservid_t id, int is_mmio, uint64_t start, uint64_t end)
{
    struct xen_dm_op op = { .op = XEN_DMOP_unmap_io_range_from_ioreq_server };
    op.u.unmap_io_range_from_ioreq_server.id = id;
    op.u.unmap_io_range_from_ioreq_server.type = is_mmio ? XEN_DMOP_IO_RANGE_MEMORY : XEN_DMOP_IO_RANGE_PORT;
    op.u.unmap_io_range_from_ioreq_server.start = start;
    op.u.unmap_io_range_from_ioreq_server.end = end;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_map_mem_type_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                ioservid_t id, uint16_t type, uint32_t flags)
{
    struct xen_dm_op op = { .op = XEN_DMOP_map_mem_type_to_ioreq_server };
    op.u.map_mem_type_to_ioreq_server.id = id;
    op.u.map_mem_type_to_ioreq_server.type = type;
    op.u.map_mem_type_to_ioreq_server.flags = flags;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_map_pcidev_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                              ioservid_t id, uint16_t segment, uint8_t bus, uint8_t device,
                                              uint8_t function)
{
    struct xen_dm_op op = { .op = XEN_DMOP_map_io_range_to_ioreq_server };
    op.u.map_io_range_to_ioreq_server.id = id;
    op.u.map_io_range_to_ioreq_server.type = XEN_DMOP_IO_RANGE_PCI;
    op.u.map_io_range_to_ioreq_server.start = XEN_DMOP_PCI_SBDF((uint64_t)segment, bus, device, function);
    op.u.map_io_range_to_ioreq_server.end = XEN_DMOP_PCI_SBDF((uint64_t)segment, bus, device, function);
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_unmap_pcidev_from_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                  ioservid_t id, uint16_t segment, uint8_t bus,
                                                  uint8_t device, uint8_t function)
{
    struct xen_dm_op op = { .op = XEN_DMOP_unmap_io_range_from_ioreq_server };
    op.u.unmap_io_range_from_ioreq_server.id = id;
    op.u.unmap_io_range_from_ioreq_server.type = XEN_DMOP_IO_RANGE_PCI;
    op.u.unmap_io_range_from_ioreq_server.start = XEN_DMOP_PCI_SBDF((uint64_t)segment, bus, device, function);
    op.u.unmap_io_range_from_ioreq_server.end = XEN_DMOP_PCI_SBDF((uint64_t)segment, bus, device, function);
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_destroy_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id)
{
    struct xen_dm_op op = { .op = XEN_DMOP_destroy_ioreq_server };
    op.u.destroy_ioreq_server.id = id;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_set_ioreq_server_state(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id,
                                          int enabled)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_ioreq_server_state };
    op.u.set_ioreq_server_state.id = id;
    op.u.set_ioreq_server_state.enabled = enabled != 0;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_set_pci_intx_level(struct xendevicemodel_handle *dmod, domid_t domid, uint16_t segment,
                                      uint8_t bus, uint8_t device, uint8_t intx, unsigned int level)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_pci_intx_level };
    op.u.set_pci_intx_level.domain = segment;
    op.u.set_pci_intx_level.bus = bus;
    op.u.set_pci_intx_level.device = device;
    op.u.set_pci_intx_level.intx = intx;
    op.u.set_pci_intx_level.level = level != 0;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_set_isa_irq_level(struct xendevicemodel_handle *dmod, domid_t domid, uint8_t irq,
                                     unsigned int level)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_isa_irq_level };
    op.u.set_isa_irq_level.isa_irq = irq;
    op.u.set_isa_irq_level.level = level != 0;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_set_irq_level(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int irq,
                                 unsigned int level)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_irq_level };
    op.u.set_irq_level.irq = irq;
    op.u.set_irq_level.level = level != 0;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_set_pci_link_route(struct xendevicemodel_handle *dmod, domid_t domid, uint8_t link,
                                      uint8_t irq)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_pci_link_route };
    op.u.set_pci_link_route.link = link;
    op.u.set_pci_link_route.isa_irq = irq;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_inject_msi(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t msi_addr,
                              uint32_t msi_data)
{
    struct xen_dm_op op = { .op = XEN_DMOP_inject_msi };
    op.u.inject_msi.addr = msi_addr;
    op.u.inject_msi.data = msi_data;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_track_dirty_vram(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t first_pfn,
                                    uint32_t nr, unsigned long *dirty_bitmap)
{
    struct xen_dm_op op = { .op = XEN_DMOP_track_dirty_vram };
    op.u.track_dirty_vram.first_pfn = first_pfn;
    op.u.track_dirty_vram.nr = nr;
    return dm_op_with(dmod, domid, &op, dirty_bitmap, ((size_t)nr + 7) / 8);
}

int xendevicemodel_modified_memory(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t first_pfn,
                                   uint32_t nr)
{
    struct xen_dm_op_modified_memory_extent extent = { .first_pfn = first_pfn, .nr = nr };
    return xendevicemodel_modified_memory_bulk(dmod, domid, &extent, 1);
}

int xendevicemodel_modified_memory_bulk(struct xendevicemodel_handle *dmod, domid_t domid,
                                        struct xen_dm_op_modified_memory_extent extents[], uint32_t nr)
{
    struct xen_dm_op op = { .op = XEN_DMOP_modified_memory };
    op.u.modified_memory.nr_extents = nr;
    return dm_op_with(dmod, domid, &op, extents, nr * sizeof(*extents));
}

int xendevicemodel_set_mem_type(struct xendevicemodel_handle *dmod, domid_t domid, hvmmem_type_t mem_type,
                                uint64_t first_pfn, uint32_t nr)
{
    struct xen_dm_op op = { .op = XEN_DMOP_set_mem_type };
    op.u.set_mem_type.mem_type = (uint16_t)mem_type;
    op.u.set_mem_type.first_pfn = first_pfn;
    op.u.set_mem_type.nr = nr;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_inject_event(struct xendevicemodel_handle *dmod, domid_t domid, int vcpu, uint8_t vector,
                                uint8_t type, uint32_t error_code, uint8_t insn_len, uint64_t extra)
{
    struct xen_dm_op op = { .op = XEN_DMOP_inject_event };
    op.u.inject_event.vcpuid = vcpu;
    op.u.inject_event.vector = vector;
    op.u.inject_event.type = type;
    op.u.inject_event.error_code = error_code;
    op.u.inject_event.insn_len = insn_len;
    op.u.inject_event.cr2 = extra;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_shutdown(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int reason)
{
    struct xen_dm_op op = { .op = XEN_DMOP_remote_shutdown };
    op.u.remote_shutdown.reason = reason;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_relocate_memory(struct xendevicemodel_handle *dmod, domid_t domid, uint32_t size,
                                   uint64_t src_gfn, uint64_t dst_gfn)
{
    struct xen_dm_op op = { .op = XEN_DMOP_relocate_memory };
    op.u.relocate_memory.size = size;
    op.u.relocate_memory.src_gfn = src_gfn;
    op.u.relocate_memory.dst_gfn = dst_gfn;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_pin_memory_cacheattr(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t start,
                                        uint64_t end, uint32_t type)
{
    struct xen_dm_op op = { .op = XEN_DMOP_pin_memory_cacheattr };
    op.u.pin_memory_cacheattr.start = start;
    op.u.pin_memory_cacheattr.end = end;
    op.u.pin_memory_cacheattr.type = type;
    return dm_op(dmod, domid, &op);
}

int xendevicemodel_nr_vcpus(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int *vcpus)
{
    struct xen_dm_op op = { .op = XEN_DMOP_nr_vcpus };
    int rc = dm_op(dmod, domid, &op);
    if (rc == 0) {
        *vcpus = op.u.nr_vcpus.vcpus;
    }
    return rc;
}
