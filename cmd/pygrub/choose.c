/* SPDX-License-Identifier: MIT */
/*
 * One line an entry, the chosen one marked; arrow keys, digits and Enter. Titles come from the guest: only
 * printable characters reach the terminal.
 */
#include "cmd/pygrub/choose.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define LINES_MAX  20
#define TITLE_MAX  74
#define KEY_UP     256
#define KEY_DOWN   257
#define KEY_NONE   -1
#define KEY_CLOSED -2

static void show_title(const char *title)
{
    for (unsigned int i = 0; title != NULL && title[i] != '\0' && i < TITLE_MAX; i++) {
        putchar(isprint((unsigned char)title[i]) ? title[i] : '?');
    }
}

/* The part of the menu around the chosen entry. */
static void show(const struct menu *m, int chosen, int seconds)
{
    int first = chosen < LINES_MAX ? 0 : chosen - LINES_MAX + 1;

    printf("\033[2J\033[H  Boot from the guest's disk\r\n\r\n");
    for (int i = first; i < (int)m->count && i < first + LINES_MAX; i++) {
        printf(" %s %2d  ", i == chosen ? ">" : " ", i);
        show_title(m->entries[i].title);
        printf("\r\n");
    }
    printf("\r\n  Up, down or a number choose, Enter boots, q gives up.\r\n");
    if (seconds >= 0) {
        printf("  The marked entry boots in %d s.\r\n", seconds);
    }
    fflush(stdout);
}

static int read_byte(int ms)
{
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    unsigned char c;

    if (poll(&p, 1, ms) <= 0) {
        return KEY_NONE;
    }
    return read(STDIN_FILENO, &c, 1) == 1 ? c : KEY_CLOSED;
}

static int read_key(int ms)
{
    int c = read_byte(ms);

    if (c != '\033') {
        return c;
    }
    c = read_byte(100);
    c = c == '[' || c == 'O' ? read_byte(100) : KEY_NONE;
    return c == 'A' ? KEY_UP : c == 'B' ? KEY_DOWN : ' ';
}

static int menu_loop(const struct menu *m, int chosen)
{
    int seconds = m->timeout;

    for (;;) {
        int key;

        show(m, chosen, seconds);
        if (seconds == 0) {
            return chosen;
        }
        key = read_key(seconds > 0 ? 1000 : -1);
        if (key == KEY_NONE) {
            seconds -= seconds > 0;
            continue;
        }
        seconds = -1; /* somebody is there */
        if (key == '\r' || key == '\n' || key == KEY_CLOSED) {
            return chosen;
        }
        if (key == 'q' || key == 3) {
            return -1;
        }
        if (key == KEY_UP || key == 'k') {
            chosen -= chosen > 0;
        } else if (key == KEY_DOWN || key == 'j') {
            chosen += chosen + 1 < (int)m->count;
        } else if (isdigit(key) && key - '0' < (int)m->count) {
            chosen = key - '0';
        }
    }
}

int choose_entry(const struct menu *m, int first)
{
    struct termios old, raw;
    bool is_terminal = tcgetattr(STDIN_FILENO, &old) == 0;
    int chosen;

    if (is_terminal) {
        raw = old;
        cfmakeraw(&raw);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    chosen = menu_loop(m, first);
    if (is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
    }
    printf("\r\n");
    return chosen;
}
