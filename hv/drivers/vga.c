/* SPDX-License-Identifier: MIT */
/*
 * VGA text output: one line of characters after the other at the bottom of the screen, scrolling up.
 * Called with the console lock held; it keeps its own copy of the screen, because reads of video memory
 * are slow.
 */
#include "hv/drivers/vga.h"

#include "hv/arch_cpu.h"
#include "hv/lib/string.h"

#define CRTC_INDEX 0x3d4
#define CRTC_DATA  0x3d5
#define CRTC_CURSOR_HIGH 0x0e
#define CRTC_CURSOR_LOW  0x0f
#define ATTRIBUTE  0x0700 /* grey on black */
#define TAB_STOP   8

static volatile uint16_t *video; /* NULL: not in use */
static uint16_t shadow[VGA_ROWS][VGA_COLUMNS] ALIGNED(8);
static unsigned int row;
static unsigned int column;

static void show_row(unsigned int r)
{
    const uint64_t *from = (const uint64_t *)shadow[r];
    volatile uint64_t *to = (volatile uint64_t *)&video[r * VGA_COLUMNS];

    for (unsigned int i = 0; i < VGA_COLUMNS * sizeof(uint16_t) / sizeof(uint64_t); i++) {
        to[i] = from[i];
    }
}

static void clear_row(unsigned int r)
{
    for (unsigned int c = 0; c < VGA_COLUMNS; c++) {
        shadow[r][c] = ATTRIBUTE | ' ';
    }
}

static void new_line(void)
{
    column = 0;
    if (row + 1 < VGA_ROWS) {
        row++;
        return;
    }
    memmove(shadow[0], shadow[1], sizeof(shadow) - sizeof(shadow[0]));
    clear_row(VGA_ROWS - 1);
    for (unsigned int r = 0; r < VGA_ROWS; r++) {
        show_row(r);
    }
}

static void put_glyph(char ch)
{
    shadow[row][column] = (uint16_t)(ATTRIBUTE | (uint8_t)ch);
    video[row * VGA_COLUMNS + column] = shadow[row][column];
    if (++column == VGA_COLUMNS) {
        new_line();
    }
}

static void put_char(char ch)
{
    if (ch == '\n') {
        new_line();
    } else if (ch == '\r') {
        column = 0;
    } else if (ch == '\t') {
        do {
            put_glyph(' ');
        } while (column % TAB_STOP != 0);
    } else {
        put_glyph(ch);
    }
}

static void cursor_show(void)
{
    unsigned int at = row * VGA_COLUMNS + column;

    arch_port_out(CRTC_INDEX, CRTC_CURSOR_HIGH, 1);
    arch_port_out(CRTC_DATA, at >> 8, 1);
    arch_port_out(CRTC_INDEX, CRTC_CURSOR_LOW, 1);
    arch_port_out(CRTC_DATA, at & 0xff, 1);
}

static void vga_write(const char *text, size_t len)
{
    if (video == NULL) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        put_char(text[i]);
    }
    cursor_show();
}

static const struct console_device console = { .name = "vga", .write = vga_write };

const struct console_device *vga_console(void)
{
    return &console;
}

void vga_init(void *text_buffer)
{
    video = text_buffer;
    row = 0;
    column = 0;
    for (unsigned int r = 0; r < VGA_ROWS; r++) {
        clear_row(r);
        show_row(r);
    }
    cursor_show();
}

void vga_stop(void)
{
    video = NULL;
}

void vga_cursor(unsigned int *r, unsigned int *c)
{
    *r = row;
    *c = column;
}
