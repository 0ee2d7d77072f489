/* SPDX-License-Identifier: MIT */
/* The header of an Image: see arm_image.h. Its numbers are little endian, 64 bits each from byte 8 on. */
#include "lib/build/arm_image.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define HEADER_SIZE    64
#define OFFSET_AT      8
#define SIZE_AT        16
#define FLAGS_AT       24
#define MAGIC_AT       56
#define FLAG_BIG_ENDIAN 1u
#define OLD_OFFSET     0x80000u       /* of kernels whose header does not tell their size */
#define OLD_SPACE      (16ull << 20)  /* and what they may need beyond the file */
#define SIZE_MAX_IMAGE (1ull << 30)

static uint64_t number_at(const unsigned char *bytes)
{
    uint64_t n = 0;

    for (int i = 7; i >= 0; i--) {
        n = n << 8 | bytes[i];
    }
    return n;
}

static bool starts_with(const void *data, size_t size, const char *magic, size_t length)
{
    return size >= length && memcmp(data, magic, length) == 0;
}

static const char *what_else(const void *data, size_t size)
{
    if (starts_with(data, size, "\x1f\x8b", 2)) {
        return "it is compressed by gzip: unpack it first (gunzip)";
    }
    if (size >= 8 && memcmp((const char *)data + 4, "zimg", 4) == 0) {
        return "it is a compressed EFI program: extract the Image inside";
    }
    if (starts_with(data, size, "\x7f" "ELF", 4)) {
        return "it is an ELF file: an Image is wanted (objcopy -O binary)";
    }
    return "it is not a 64-bit Arm kernel (an Image)";
}

int arm_image_parse(const void *data, size_t size, struct arm_image *image, const char **why)
{
    const unsigned char *h = data;

    if (size < HEADER_SIZE || memcmp(h + MAGIC_AT, "ARM\x64", 4) != 0) {
        *why = what_else(data, size);
        return -EINVAL;
    }
    if (number_at(h + FLAGS_AT) & FLAG_BIG_ENDIAN) {
        *why = "it is a big-endian kernel";
        return -EINVAL;
    }
    image->offset = number_at(h + OFFSET_AT);
    image->size = number_at(h + SIZE_AT);
    if (image->size == 0) {
        image->offset = OLD_OFFSET;
        image->size = size + OLD_SPACE;
    }
    if (image->size < size) {
        image->size = size;
    }
    if (image->offset >= ARM_IMAGE_ALIGN || image->offset % 4096 != 0 || image->size > SIZE_MAX_IMAGE) {
        *why = "damaged: its header makes no sense";
        return -EINVAL;
    }
    return 0;
}
