/* SPDX-License-Identifier: MIT */
/*
 * What a device model asks of the hypervisor (dm_op) through privcmd, under the names and with the meaning of
 * the public <xendevicemodel.h>: ioreq servers, interrupts, memory types, dirty video memory.
 *
 * All return 0 or -1 with errno. After xendevicemodel_restrict() a handle works on that one domain only, for
 * good.
 */
#ifndef LIB_DEVICEMODEL_XENDEVICEMODEL_H
#define LIB_DEVICEMODEL_XENDEVICEMODEL_H

#include <stddef.h>
#include <stdint.h>

#include "abi/event_channel.h"
#include "abi/hvm_op.h"

struct xentoollog_logger;
struct xendevicemodel_handle;

struct xendevicemodel_handle *xendevicemodel_open(struct xentoollog_logger *logger, unsigned int open_flags);
int xendevicemodel_close(struct xendevicemodel_handle *dmod);
int xendevicemodel_restrict(struct xendevicemodel_handle *dmod, domid_t domid);

int xendevicemodel_create_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid, int handle_bufioreq,
                                       ioservid_t *id);
/* Frames are asked for only where the pointers are not NULL. */
int xendevicemodel_get_ioreq_server_info(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id,
                                         xen_pfn_t *ioreq_gfn, xen_pfn_t *bufioreq_gfn,
                                         evtchn_port_t *bufioreq_port);
/* The end is inclusive. */
int xendevicemodel_map_io_range_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                ioservid_t id, int is_mmio, uint64_t start, uint64_t end);
int xendevicemodel_unmap_io_range_from_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                    ioservid_t id, int is_mmio, uint64_t start, uint64_t end);
int xendevicemodel_map_mem_type_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                ioservid_t id, uint16_t type, uint32_t flags);
int xendevicemodel_map_pcidev_to_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                              ioservid_t id, uint16_t segment, uint8_t bus, uint8_t device,
                                              uint8_t function);
int xendevicemodel_unmap_pcidev_from_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid,
                                                  ioservid_t id, uint16_t segment, uint8_t bus,
                                                  uint8_t device, uint8_t function);
int xendevicemodel_destroy_ioreq_server(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id);
int xendevicemodel_set_ioreq_server_state(struct xendevicemodel_handle *dmod, domid_t domid, ioservid_t id,
                                          int enabled);
int xendevicemodel_set_pci_intx_level(struct xendevicemodel_handle *dmod, domid_t domid, uint16_t segment,
                                      uint8_t bus, uint8_t device, uint8_t intx, unsigned int level);
int xendevicemodel_set_isa_irq_level(struct xendevicemodel_handle *dmod, domid_t domid, uint8_t irq,
                                     unsigned int level);
int xendevicemodel_set_irq_level(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int irq,
                                 unsigned int level);
int xendevicemodel_set_pci_link_route(struct xendevicemodel_handle *dmod, domid_t domid, uint8_t link,
                                      uint8_t irq);
int xendevicemodel_inject_msi(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t msi_addr,
                              uint32_t msi_data);
/* A bit for each page written since the last call. */
int xendevicemodel_track_dirty_vram(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t first_pfn,
                                    uint32_t nr, unsigned long *dirty_bitmap);
int xendevicemodel_modified_memory(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t first_pfn,
                                   uint32_t nr);
int xendevicemodel_modified_memory_bulk(struct xendevicemodel_handle *dmod, domid_t domid,
                                        struct xen_dm_op_modified_memory_extent extents[], uint32_t nr);
int xendevicemodel_set_mem_type(struct xendevicemodel_handle *dmod, domid_t domid, hvmmem_type_t mem_type,
                                uint64_t first_pfn, uint32_t nr);
int xendevicemodel_inject_event(struct xendevicemodel_handle *dmod, domid_t domid, int vcpu, uint8_t vector,
                                uint8_t type, uint32_t error_code, uint8_t insn_len, uint64_t extra);
/* SHUTDOWN_... */
int xendevicemodel_shutdown(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int reason);
int xendevicemodel_relocate_memory(struct xendevicemodel_handle *dmod, domid_t domid, uint32_t size,
                                   uint64_t src_gfn, uint64_t dst_gfn);
/* XEN_DMOP_MEM_CACHEATTR_... */
int xendevicemodel_pin_memory_cacheattr(struct xendevicemodel_handle *dmod, domid_t domid, uint64_t start,
                                        uint64_t end, uint32_t type);
int xendevicemodel_nr_vcpus(struct xendevicemodel_handle *dmod, domid_t domid, unsigned int *vcpus);

#endif
