/* SPDX-License-Identifier: MIT */
/*
 * grub.cfg: the part of GRUB 2's shell that generated configurations use. Words with quotes, backslashes and
 * $variables; set; if, elif, else with [ ] tests of strings; menuentry and submenu; linux, initrd, multiboot
 * and module inside them. Functions and loops are passed over. A test of a file is false, any other command
 * fails.
 *
 * run() calls itself for a block in a block, at most DEPTH_MAX deep; commands and bytes are counted, so that
 * any text comes to an end.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/pygrub/menu.h"
#include "lib/base/buf.h"

#define DEPTH_MAX     16
#define WORDS_MAX     128
#define VARIABLES_MAX 256
#define COMMANDS_MAX  20000
#define WORD_SIZE_MAX 65536
#define SUBMENUS_MAX  4

struct variable {
    char *name, *value;
};

struct script {
    struct err *e;
    struct menu *m;
    const char *at, *end;
    unsigned int line;
    unsigned int depth, commands;
    struct variable variables[VARIABLES_MAX];
    unsigned int variable_count;
    struct menu_entry *entry;    /* inside a menuentry */
    struct menu_entry *implicit; /* of a configuration that boots without a menu */
    bool is_multiboot;           /* the entry starts a hypervisor: its kernel is the first module */
    unsigned int modules;
    char prefix[SUBMENUS_MAX][128]; /* titles of the submenus around, and their numbers */
    unsigned int number[SUBMENUS_MAX + 1];
    unsigned int level;
};

/* A command: its words, and what ended it. */
struct command {
    char *words[WORDS_MAX];
    unsigned int count;
    char stop; /* '\n', '{', '}' or 0 for the end */
};

static int wrong(struct script *s, const char *what)
{
    return err_set(s->e, -EINVAL, "line %u: %s", s->line, what);
}

static void command_free(struct command *c)
{
    for (unsigned int i = 0; i < c->count; i++) {
        free(c->words[i]);
    }
    c->count = 0;
}

/* ---- variables ---- */

static const char *get_variable(const struct script *s, const char *name, size_t size)
{
    for (unsigned int i = 0; i < s->variable_count; i++) {
        if (strlen(s->variables[i].name) == size && memcmp(s->variables[i].name, name, size) == 0) {
            return s->variables[i].value;
        }
    }
    return "";
}

static void set_variable(struct script *s, const char *name, size_t size, const char *value)
{
    struct variable *v = NULL;
    char *copy = strdup(value);

    for (unsigned int i = 0; i < s->variable_count; i++) {
        if (strlen(s->variables[i].name) == size && memcmp(s->variables[i].name, name, size) == 0) {
            v = &s->variables[i];
        }
    }
    if (v == NULL && s->variable_count < VARIABLES_MAX && copy != NULL) {
        v = &s->variables[s->variable_count];
        *v = (struct variable){ .name = strndup(name, size) };
        s->variable_count += v->name != NULL;
        v = v->name != NULL ? v : NULL;
    }
    if (v == NULL || copy == NULL) {
        free(copy);
        return;
    }
    free(v->value);
    v->value = copy;
}

/* ---- words ---- */

static int peek(const struct script *s)
{
    return s->at < s->end ? (unsigned char)*s->at : -1;
}

static int step(struct script *s)
{
    int c = (unsigned char)*s->at++;

    s->line += c == '\n';
    return c;
}

static void skip_blanks(struct script *s)
{
    for (;;) {
        int c = peek(s);

        if (c == ' ' || c == '\t' || c == '\r') {
            step(s);
        } else if (c == '\\' && s->end - s->at >= 2 && s->at[1] == '\n') {
            step(s);
            step(s);
        } else if (c == '#') {
            while (peek(s) != -1 && peek(s) != '\n') {
                step(s);
            }
        } else {
            return;
        }
    }
}

/* After a $: the value of name, ${name} or one digit or sign. */
static void expand(struct script *s, struct buf *word)
{
    bool braces = peek(s) == '{';
    const char *start;

    if (braces) {
        step(s);
    }
    start = s->at;
    if (isalpha(peek(s)) || peek(s) == '_') {
        while (isalnum(peek(s)) || peek(s) == '_') {
            step(s);
        }
    } else if (peek(s) != -1 && strchr("0123456789@#?*", peek(s)) != NULL) {
        step(s);
    } else if (!braces) {
        buf_putc(word, '$');
        return;
    }
    buf_puts(word, get_variable(s, start, (size_t)(s->at - start)));
    while (braces && peek(s) != -1 && peek(s) != '}' && peek(s) != '\n') {
        step(s);
    }
    if (braces && peek(s) == '}') {
        step(s);
    }
}

/* Inside a quote of that kind, up to its end. */
static int quoted(struct script *s, int quote, struct buf *word)
{
    while (peek(s) != -1 && word->length < WORD_SIZE_MAX) {
        int c = step(s);

        if (c == quote) {
            return 0;
        }
        if (quote == '"' && c == '$') {
            expand(s, word);
        } else if (quote == '"' && c == '\\' && peek(s) != -1 && strchr("\"\\$\n", peek(s)) != NULL) {
            c = step(s);
            if (c != '\n') {
                buf_putc(word, (char)c);
            }
        } else {
            buf_putc(word, (char)c);
        }
    }
    return wrong(s, "a quote has no end");
}

static bool ends_word(int c)
{
    return c == -1 || c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{' || c == '}' ||
           c == '|' || c == '&';
}

static int read_word(struct script *s, char **out)
{
    struct buf word = BUF_INIT;
    int rc = 0;

    buf_puts(&word, "");
    while (rc == 0 && !ends_word(peek(s)) && word.length < WORD_SIZE_MAX) {
        int c = step(s);

        if (c == '\'' || c == '"') {
            rc = quoted(s, c, &word);
        } else if (c == '$') {
            expand(s, &word);
        } else if (c == '\\' && peek(s) != -1) {
            c = step(s);
            if (c != '\n') {
                buf_putc(&word, (char)c);
            }
        } else {
            buf_putc(&word, (char)c);
        }
    }
    if (rc == 0 && word.length >= WORD_SIZE_MAX) {
        rc = wrong(s, "a word is too long");
    }
    *out = rc < 0 ? NULL : word.text == NULL ? strdup("") : buf_take(&word);
    buf_free(&word);
    return rc == 0 && *out == NULL ? err_set(s->e, -ENOMEM, "out of memory") : rc;
}

/* Words after which a new command begins on the same line. */
static bool is_opener(const char *word)
{
    return strcmp(word, "then") == 0 || strcmp(word, "else") == 0 || strcmp(word, "do") == 0;
}

static int read_command(struct script *s, struct command *c)
{
    *c = (struct command){ 0 };
    if (++s->commands > COMMANDS_MAX) {
        return wrong(s, "more commands than a menu has");
    }
    for (;;) {
        int next;
        int rc;

        skip_blanks(s);
        next = peek(s);
        if (next == -1) {
            c->stop = 0;
            return 0;
        }
        if (next == '\n' || next == ';' || next == '|' || next == '&') {
            step(s);
            if (c->count == 0) {
                continue;
            }
            c->stop = '\n';
            return 0;
        }
        if (next == '{' || next == '}') {
            if (next == '}' && c->count != 0) {
                c->stop = '\n'; /* the brace is a command of its own */
                return 0;
            }
            step(s);
            c->stop = (char)next;
            return 0;
        }
        if (c->count == WORDS_MAX) {
            return wrong(s, "too many words in a command");
        }
        rc = read_word(s, &c->words[c->count]);
        if (rc < 0) {
            return rc;
        }
        if (c->count++ == 0 && is_opener(c->words[0])) {
            c->stop = '\n';
            return 0;
        }
    }
}

/* ---- tests ---- */

static bool test_words(char *const *words, unsigned int count)
{
    bool negate = count != 0 && strcmp(words[0], "!") == 0;
    bool result = false;

    if (negate) {
        words++;
        count--;
    }
    if (count == 1) {
        result = words[0][0] != '\0';
    } else if (count == 2) {
        result = (strcmp(words[0], "-n") == 0 && words[1][0] != '\0') ||
                 (strcmp(words[0], "-z") == 0 && words[1][0] == '\0');
    } else if (count == 3) {
        bool same = strcmp(words[0], words[2]) == 0;

        result = strcmp(words[1], "=") == 0 || strcmp(words[1], "==") == 0 ? same
                 : strcmp(words[1], "!=") == 0                             ? !same
                                                                           : false;
    }
    return result != negate;
}

/* The command after if or elif. */
static bool is_true(const struct command *c)
{
    unsigned int count = c->count;

    if (count >= 2 && strcmp(c->words[1], "true") == 0) {
        return true;
    }
    if (count < 3 || (strcmp(c->words[1], "[") != 0 && strcmp(c->words[1], "test") != 0)) {
        return false;
    }
    if (strcmp(c->words[count - 1], "]") == 0) {
        count--;
    }
    return test_words(c->words + 2, count - 2);
}

/* ---- commands ---- */

static void set_word(struct script *s, const char *word)
{
    const char *equals = strchr(word, '=');

    if (equals != NULL && equals != word) {
        set_variable(s, word, (size_t)(equals - word), equals + 1);
    }
}

static char *join(const struct command *c, unsigned int from)
{
    struct buf text = BUF_INIT;

    buf_puts(&text, "");
    for (unsigned int i = from; i < c->count; i++) {
        buf_printf(&text, "%s%s", i == from ? "" : " ", c->words[i]);
    }
    return text.text == NULL ? strdup("") : buf_take(&text);
}

static void set_kernel(struct script *s, const struct command *c, unsigned int args_from)
{
    struct menu_entry *entry = s->entry;

    char *path = menu_path(c->words[1]);

    if (path == NULL) {
        return;
    }
    free(entry->kernel);
    free(entry->args);
    entry->kernel = path;
    entry->args = join(c, args_from);
}

static void add_ramdisks(struct script *s, const struct command *c)
{
    for (unsigned int i = 1; i < c->count && s->entry->ramdisk_count < MENU_RAMDISKS_MAX; i++) {
        char *path = menu_path(c->words[i]);

        if (path != NULL) {
            s->entry->ramdisks[s->entry->ramdisk_count++] = path;
        }
    }
}

static bool begins(const char *word, const char *with)
{
    return strncmp(word, with, strlen(with)) == 0;
}

/* Drops words such as --nounzip in front of the path. */
static void drop_options(struct command *c)
{
    while (c->count > 2 && begins(c->words[1], "--")) {
        free(c->words[1]);
        memmove(&c->words[1], &c->words[2], (c->count - 2) * sizeof(c->words[0]));
        c->count--;
    }
}

static void entry_command(struct script *s, struct command *c)
{
    const char *name = c->words[0];

    drop_options(c);
    if (c->count < 2) {
        return;
    }
    if (begins(name, "linux")) {
        set_kernel(s, c, 2);
    } else if (begins(name, "initrd")) {
        add_ramdisks(s, c);
    } else if (begins(name, "multiboot") || begins(name, "xen_hypervisor")) {
        s->is_multiboot = true;
    } else if (s->is_multiboot && (begins(name, "module") || begins(name, "xen_module"))) {
        if (s->modules++ == 0) {
            /* GRUB's generator repeats the path's place as a word that is no argument. */
            set_kernel(s, c, c->count > 2 && strcmp(c->words[2], "placeholder") == 0 ? 3 : 2);
        } else {
            c->count = 2;
            add_ramdisks(s, c);
        }
    }
}

/* linux and initrd outside every menuentry: the configuration boots by itself. */
static void top_command(struct script *s, struct command *c)
{
    bool is_kernel = begins(c->words[0], "linux") && c->count >= 2 && strchr(c->words[1], '/') != NULL;

    if (is_kernel && s->implicit == NULL) {
        s->implicit = menu_add(s->e, s->m);
        if (s->implicit != NULL) {
            s->implicit->title = strdup("the configuration's own commands");
            s->implicit->kernel = strdup("/"); /* until set_kernel() has a path */
        }
    }
    if (s->implicit != NULL && (is_kernel || begins(c->words[0], "initrd"))) {
        s->entry = s->implicit;
        entry_command(s, c);
        s->entry = NULL;
    }
}

static void simple_command(struct script *s, struct command *c)
{
    if (strcmp(c->words[0], "set") == 0 && c->count >= 2) {
        set_word(s, c->words[1]);
    } else if (c->count == 1 && strchr(c->words[0], '=') != NULL) {
        set_word(s, c->words[0]);
    } else if (strcmp(c->words[0], "unset") == 0 && c->count >= 2) {
        set_variable(s, c->words[1], strlen(c->words[1]), "");
    } else if (s->entry != NULL) {
        entry_command(s, c);
    } else {
        top_command(s, c);
    }
}

/* ---- blocks ---- */

enum block_end {
    END_OF_TEXT,
    END_BRACE,
    END_ELSE,
    END_ELIF,
    END_FI,
    END_DONE,
};

/* Runs commands up to the end of the block; `last` keeps an elif's words, which the caller frees. */
static int run(struct script *s, bool active, enum block_end *end, struct command *last);

static int run_block(struct script *s, bool active, enum block_end wanted)
{
    struct command last = { 0 };
    enum block_end end;
    int rc = run(s, active, &end, &last);

    command_free(&last);
    if (rc == 0 && end != wanted && end != END_OF_TEXT) {
        rc = wrong(s, wanted == END_BRACE ? "expected }" : "expected done");
    }
    return rc;
}

static int run_if(struct script *s, bool active, const struct command *first)
{
    bool taken = active && is_true(first);
    bool done = taken;
    enum block_end end = END_ELIF;

    while (end == END_ELIF || end == END_ELSE) {
        struct command last = { 0 };
        int rc = run(s, taken, &end, &last);

        if (rc == 0 && end == END_ELIF) {
            taken = active && !done && is_true(&last);
            done = done || taken;
        } else if (rc == 0 && end == END_ELSE) {
            taken = active && !done;
            done = true;
        } else if (rc == 0 && end != END_FI && end != END_OF_TEXT) {
            rc = wrong(s, "expected fi");
        }
        command_free(&last);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

static void name_entry(struct script *s, const struct command *c)
{
    struct buf title = BUF_INIT;
    struct buf index = BUF_INIT;

    for (unsigned int i = 0; i < s->level; i++) {
        buf_printf(&title, "%s>", s->prefix[i]);
        buf_printf(&index, "%u>", s->number[i]);
    }
    buf_puts(&title, c->count > 1 ? c->words[1] : "");
    buf_printf(&index, "%u", s->number[s->level]);
    s->entry->title = buf_take(&title);
    s->entry->index = buf_take(&index);
    for (unsigned int i = 2; i + 1 < c->count; i++) {
        if ((strcmp(c->words[i], "--id") == 0 || strcmp(c->words[i], "menuentry_id_option") == 0) &&
            s->entry->id == NULL) {
            s->entry->id = strdup(c->words[i + 1]);
        }
    }
}

static int run_entry(struct script *s, bool active, const struct command *c)
{
    int rc;

    if (s->entry != NULL) {
        return wrong(s, "a menuentry in a menuentry");
    }
    if (active) {
        s->entry = menu_add(s->e, s->m);
        if (s->entry == NULL) {
            return -E2BIG;
        }
        name_entry(s, c);
        s->is_multiboot = false;
        s->modules = 0;
    }
    rc = run_block(s, active, END_BRACE);
    if (active) {
        s->entry = NULL;
        s->number[s->level]++; /* GRUB counts those without a kernel too */
        menu_settle(s->m);
    }
    return rc;
}

static int run_submenu(struct script *s, bool active, const struct command *c)
{
    int rc;

    if (s->entry != NULL || s->level == SUBMENUS_MAX) {
        return wrong(s, "a submenu where none can be");
    }
    snprintf(s->prefix[s->level], sizeof(s->prefix[0]), "%s", c->count > 1 ? c->words[1] : "");
    s->number[++s->level] = 0;
    rc = run_block(s, active, END_BRACE);
    s->level--;
    s->number[s->level] += active;
    return rc;
}

static int run_braced(struct script *s, bool active, const struct command *c)
{
    const char *name = c->count != 0 ? c->words[0] : "";

    if (strcmp(name, "menuentry") == 0) {
        return run_entry(s, active, c);
    }
    if (strcmp(name, "submenu") == 0) {
        return run_submenu(s, active, c);
    }
    return run_block(s, active && c->count == 0, END_BRACE);
}

static bool ends_block(const struct command *c, enum block_end *end)
{
    static const struct {
        const char *word;
        enum block_end end;
    } ends[] = { { "fi", END_FI }, { "else", END_ELSE }, { "elif", END_ELIF }, { "done", END_DONE } };

    if (c->stop == '}') {
        *end = END_BRACE;
        return true;
    }
    for (unsigned int i = 0; c->count != 0 && i < 4; i++) {
        if (strcmp(c->words[0], ends[i].word) == 0) {
            *end = ends[i].end;
            return true;
        }
    }
    *end = END_OF_TEXT;
    return c->count == 0 && c->stop == 0;
}

static int run_one(struct script *s, bool active, struct command *c)
{
    if (c->stop == '{') {
        return run_braced(s, active, c);
    }
    if (strcmp(c->words[0], "if") == 0) {
        return run_if(s, active, c);
    }
    if (strcmp(c->words[0], "for") == 0 || strcmp(c->words[0], "while") == 0 ||
        strcmp(c->words[0], "until") == 0) {
        return run_block(s, false, END_DONE);
    }
    if (active) {
        simple_command(s, c);
    }
    return 0;
}

static int run(struct script *s, bool active, enum block_end *end, struct command *last)
{
    int rc = 0;

    if (++s->depth > DEPTH_MAX) {
        return wrong(s, "blocks are nested too deep");
    }
    while (rc == 0) {
        struct command c;

        rc = read_command(s, &c);
        if (rc == 0 && ends_block(&c, end)) {
            *last = c;
            s->depth--;
            return 0;
        }
        if (rc == 0) {
            rc = run_one(s, active, &c);
        }
        command_free(&c);
    }
    return rc;
}

static void take_defaults(struct script *s)
{
    const char *wanted = get_variable(s, "default", strlen("default"));
    const char *timeout = get_variable(s, "timeout", strlen("timeout"));

    if (wanted[0] != '\0') {
        free(s->m->wanted);
        s->m->wanted = strdup(wanted);
    }
    if (timeout[0] != '\0') {
        s->m->timeout = atoi(timeout);
    }
}

int menu_parse_grub(struct err *e, const char *text, size_t size, struct menu *m)
{
    struct script *s = calloc(1, sizeof(*s));
    struct command last = { 0 };
    enum block_end end;
    int rc;

    if (s == NULL) {
        return err_set(e, -ENOMEM, "out of memory");
    }
    s->e = e;
    s->m = m;
    s->at = text;
    s->end = text + size;
    s->line = 1;
    rc = size > MENU_TEXT_MAX ? wrong(s, "larger than 1 MiB") : run(s, true, &end, &last);
    command_free(&last);
    menu_settle(m);
    take_defaults(s);
    for (unsigned int i = 0; i < s->variable_count; i++) {
        free(s->variables[i].name);
        free(s->variables[i].value);
    }
    free(s);
    return rc;
}
