/* SPDX-License-Identifier: MIT */
/*
 * Unpacking: bytes 0 and 1 are the room for the output in units of 16 bytes, byte 2 may force a
 * format, the rest is packed data. Output stays inside its room: the address sanitizer looks at
 * its end.
 */
#include "hv/lib/decompress.h"

#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

void fuzz_init(void)
{
}

void fuzz_one(const uint8_t *data, size_t size)
{
    enum compression kind;
    size_t room;
    size_t written = 0;
    char *out;

    if (size < 3) {
        return;
    }
    room = (data[0] + 256U * data[1]) * 16U;
    kind = data[2] < 128 ? decompress_recognise(data + 3, size - 3)
                         : data[2] % (COMPRESSION_UNKNOWN + 1U);
    out = malloc(room);
    EXPECT(out != NULL);
    EXPECT(decompress_name(kind) != NULL);
    if (decompress(kind, data + 3, size - 3, out, room, &written) == 0) {
        EXPECT(written <= room);
    }
    free(out);
}
