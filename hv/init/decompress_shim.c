/* SPDX-License-Identifier: MIT */
/*
 * The C library that the unpacking libraries see, which is very little: memory from the page allocator, a
 * stack guard, and names that the linker wants and nothing calls. Those are parts of the libraries
 * that kernel images never need (old Zstandard formats, compressing, files), left out so that they do not
 * take space in our image.
 *
 * Boot CPU only.
 */
#include "hv/lib/decompress_shim.h"

#include <lzma.h>

#include "hv/arch/x86/cpu/instr.h"
#include "hv/arch_cpu.h"
#include "hv/base/printk.h"
#include "hv/lib/string.h"
#include "hv/mm/page_alloc.h"

#define BLOCKS_MAX  64

/* Memory in use by a library: blocks of pages, large enough that their waste does not matter. */
static struct {
    void *start;
    unsigned int order;
} blocks[BLOCKS_MAX];
static unsigned long thread_area[16]; /* what %fs points at; word 5 is the stack guard */
static uint64_t fs_base;
static bool was_switched;

/* As on a machine whose loader has used the memory: what a library must not count on is not left zero by chance. */
static void spoil(uint8_t *page)
{
#ifdef DEBUG
    for (uint32_t i = 0; i < PAGE_SIZE; i++) {
        page[i] = (uint8_t)(i * 0x9e3779b1U >> 24);
    }
#else
    (void)page;
#endif
}

void *decompress_alloc(size_t bytes)
{
    unsigned int order = 0;
    mfn_t mfn;

    while (PAGE_SIZE << order < bytes && order < PAGE_MAX_ORDER) {
        order++;
    }
    if (PAGE_SIZE << order < bytes) {
        return NULL;
    }
    for (unsigned int i = 0; i < BLOCKS_MAX; i++) {
        if (blocks[i].start == NULL) {
            mfn = page_alloc(order, PAGE_NO_SCRUB);
            if (mfn_eq(mfn, INVALID_MFN)) {
                return NULL;
            }
            blocks[i].start = arch_direct_map(mfn);
            blocks[i].order = order;
            spoil(blocks[i].start);
            return blocks[i].start;
        }
    }
    return NULL;
}

static void block_free(unsigned int i)
{
    page_free(arch_direct_mfn(blocks[i].start), blocks[i].order, false);
    blocks[i].start = NULL;
}

void decompress_enter(void)
{
    fs_base = read_msr(MSR_FS_BASE);
    write_msr(MSR_FS_BASE, (unsigned long)thread_area);
    was_switched = (read_cr0() & CR0_TS) != 0;
    clear_ts();
}

void decompress_leave(void)
{
    for (unsigned int i = 0; i < BLOCKS_MAX; i++) {
        if (blocks[i].start != NULL) {
            block_free(i);
        }
    }
    if (was_switched) {
        set_ts();
    }
    write_msr(MSR_FS_BASE, fs_base);
}

/* ---- what is called ------------------------------------------------------------------------ */

void *malloc(size_t bytes);
void *calloc(size_t count, size_t bytes);
void free(void *p);
NORETURN void __stack_chk_fail(void);
unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned int size);
uint64_t lzma_crc64(const uint8_t *data, size_t size, uint64_t crc);

void *malloc(size_t bytes)
{
    return decompress_alloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    size_t total;
    void *p;

    if (mul_overflows(count, bytes, &total)) {
        return NULL;
    }
    p = decompress_alloc(total);
    if (p != NULL) {
        memset(p, 0, total);
    }
    return p;
}

void free(void *p)
{
    for (unsigned int i = 0; p != NULL && i < BLOCKS_MAX; i++) {
        if (blocks[i].start == p) {
            block_free(i);
            return;
        }
    }
}

void __stack_chk_fail(void)
{
    panic("stack overrun while unpacking a kernel");
}

/* zlib's own has large tables; liblzma's computes the same. */
unsigned long crc32(unsigned long crc, const unsigned char *data, unsigned int size)
{
    return data == NULL ? 0 : lzma_crc32(data, size, (uint32_t)crc);
}

/* liblzma's has large tables too, and kernels use CRC32: a slow one will do. */
uint64_t lzma_crc64(const uint8_t *data, size_t size, uint64_t crc)
{
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (unsigned int bit = 0; bit < 8; bit++) {
            crc = crc & 1 ? crc >> 1 ^ 0xc96c5795d7870f42ULL : crc >> 1;
        }
    }
    return ~crc;
}

/* liblzma compares its list of blocks with the file's by SHA-256 when it has that. Here any two are the same, as the
 * contents have a check of their own; a file that has SHA-256 for that fails. */
#define SHA256_BYTES 32
void lzma_sha256_init(void *check);
void lzma_sha256_update(const uint8_t *data, size_t size, void *check);
void lzma_sha256_finish(void *check);

void lzma_sha256_init(void *check)
{
    (void)check;
}

void lzma_sha256_update(const uint8_t *data, size_t size, void *check)
{
    (void)data;
    (void)size;
    (void)check;
}

void lzma_sha256_finish(void *check)
{
    memset(check, 0, SHA256_BYTES); /* the result comes first in it */
}

/* ---- what is only linked ------------------------------------------------------------------- */

/* Fails in whatever way the caller takes for failure: NULL, zero, or a count of nothing. */
#define NEVER_CALLED(name)                                                                       \
    long name(void);                                                                             \
    long name(void)                                                                              \
    {                                                                                            \
        return 0;                                                                                \
    }

/* Zstandard before version 0.8 */
NEVER_CALLED(ZSTDv05_createDCtx)
NEVER_CALLED(ZSTDv05_decompress_usingDict)
NEVER_CALLED(ZSTDv05_findFrameSizeInfoLegacy)
NEVER_CALLED(ZSTDv05_freeDCtx)
NEVER_CALLED(ZSTDv05_getFrameParams)
NEVER_CALLED(ZBUFFv05_createDCtx)
NEVER_CALLED(ZBUFFv05_decompressContinue)
NEVER_CALLED(ZBUFFv05_decompressInitDictionary)
NEVER_CALLED(ZBUFFv05_freeDCtx)
NEVER_CALLED(ZSTDv06_createDCtx)
NEVER_CALLED(ZSTDv06_decompress_usingDict)
NEVER_CALLED(ZSTDv06_findFrameSizeInfoLegacy)
NEVER_CALLED(ZSTDv06_freeDCtx)
NEVER_CALLED(ZSTDv06_getFrameParams)
NEVER_CALLED(ZBUFFv06_createDCtx)
NEVER_CALLED(ZBUFFv06_decompressContinue)
NEVER_CALLED(ZBUFFv06_decompressInitDictionary)
NEVER_CALLED(ZBUFFv06_freeDCtx)
NEVER_CALLED(ZSTDv07_createDCtx)
NEVER_CALLED(ZSTDv07_decompress_usingDict)
NEVER_CALLED(ZSTDv07_findFrameSizeInfoLegacy)
NEVER_CALLED(ZSTDv07_freeDCtx)
NEVER_CALLED(ZSTDv07_getFrameParams)
NEVER_CALLED(ZBUFFv07_createDCtx)
NEVER_CALLED(ZBUFFv07_decompressContinue)
NEVER_CALLED(ZBUFFv07_decompressInitDictionary)
NEVER_CALLED(ZBUFFv07_freeDCtx)

/* zlib's other checksum */
NEVER_CALLED(adler32)

/* bzip2: compressing, and its file interface */
NEVER_CALLED(BZ2_compressBlock)
NEVER_CALLED(__fprintf_chk)
NEVER_CALLED(__ctype_b_loc)
NEVER_CALLED(exit)
NEVER_CALLED(fclose)
NEVER_CALLED(fdopen)
NEVER_CALLED(ferror)
NEVER_CALLED(fflush)
NEVER_CALLED(fgetc)
NEVER_CALLED(fopen64)
NEVER_CALLED(fputc)
NEVER_CALLED(fread)
NEVER_CALLED(fwrite)
NEVER_CALLED(ungetc)
NEVER_CALLED(stderr)
NEVER_CALLED(stdin)
NEVER_CALLED(stdout)

/* zstd calls these when it finds them at run time; weak there, and out of a relative call's reach when absent. */
unsigned long long ZSTD_trace_decompress_begin(const void *context);
void ZSTD_trace_decompress_end(unsigned long long trace, const void *details);

unsigned long long ZSTD_trace_decompress_begin(const void *context)
{
    (void)context;
    return 0;
}

void ZSTD_trace_decompress_end(unsigned long long trace, const void *details)
{
    (void)trace;
    (void)details;
}
