/* SPDX-License-Identifier: MIT */
/*
 * xl create, config-update: configuration files and KEY=VALUE arguments to domains.
 *
 * Several files make several domains, in their order; the first failure ends it, with those before it
 * running. The text that is kept for restarts is the file's with the arguments as lines at its end.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/xl/progress.h"
#include "cmd/xl/xl.h"
#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/conf/domain_config.h"
#include "lib/console/client.h"
#include "lib/ctrl/ctrl.h"
#include "lib/domain/config_json.h"
#include "lib/domain/create.h"
#include "lib/domain/domain.h"
#include "lib/domain/hardware.h"
#include "lib/domain/monitor.h"
#include "lib/domain/saved.h"
#include "lib/store/xenstore.h"

enum { EXIT_CREATE = 3, RETURN_SECONDS = 5 };

const struct xl_option xl_create_options[] = {
    { 'c', NULL, NULL, "Attach to the console when the domain is created" },
    { 'd', NULL, NULL, "Say more" },
    { 'e', NULL, NULL, "Let nobody act when the domain stops" },
    { 'F', NULL, NULL, "Wait for the end of the domain" },
    { 'f', "defconfig", "FILE", "Read this configuration" },
    { 'n', "dryrun", NULL, "Print what would be created, as JSON" },
    { 'p', NULL, NULL, "Leave the domain paused" },
    { 'q', "quiet", NULL, "Say nothing when all is well" },
    { 'V', "vncviewer", NULL, "Show the domain's screen in a viewer" },
    { 'A', "vncviewer-autopass", NULL, "Give the viewer the password on its input" },
    { XL_OPTION_LONG, "ignore-global-affinity-masks", NULL, "Do not apply the CPU masks of xl.conf" },
    { 0 },
};

const struct xl_option xl_config_update_options[] = {
    { 'f', "defconfig", "FILE", "Read this configuration" },
    { 'd', NULL, NULL, "Say more" },
    { 0 },
};

struct request {
    const char **files, **overrides;
    unsigned int file_count, override_count;
    bool console, debug, unattended, foreground, dry_run, paused, quiet, viewer, autopass;
};

static void take_arguments(struct xl *xl, int argc, char **argv, int from, struct request *q)
{
    q->overrides = calloc((size_t)argc + 1, sizeof(*q->overrides));
    if (!q->files || !q->overrides) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    for (int i = from; i < argc; i++) {
        if (strchr(argv[i], '=')) {
            q->overrides[q->override_count++] = argv[i];
        } else {
            q->files[q->file_count++] = argv[i];
        }
    }
}

/* ---- the text that is kept ---------------------------------------------------------------------- */

/* The first *size bytes are the file's own. */
static char *kept_text(struct xl *xl, const char *file, const struct request *q, size_t *size)
{
    struct buf text = BUF_INIT;
    char *whole;

    if (file_load(&xl->err, file, CONF_SIZE_MAX, &text)) {
        err_clear(&xl->err);
        err_errno(&xl->err, "Failed to read config file: %s", file);
        xl_complain(xl);
        exit(EXIT_CREATE);
    }
    *size = text.length;
    for (unsigned int i = 0; i < q->override_count; i++) {
        buf_printf(&text, "\n%s\n", q->overrides[i]);
    }
    whole = buf_take(&text);
    if (!whole) {
        err_set(&xl->err, -ENOMEM, "out of memory");
        xl_die(xl);
    }
    return whole;
}

static void warn_all(struct xl *xl, const struct domain_config *d)
{
    for (unsigned int i = 0; i < d->warning_count; i++) {
        xl_warn(xl, "xl: warning: %s", d->warnings[i]);
    }
}

/* ---- steps -------------------------------------------------------------------------------------- */

/* XL_CREATE_FAULT=fail:STEP or kill:STEP ends a create there: the tests look for what it leaves behind. */
static int on_step(struct err *e, const char *what, void *context)
{
    const char *fault = context;

    progress_step(what);
    if (fault && !strncmp(fault, "fail:", 5) && !strcmp(fault + 5, what)) {
        return err_set(e, -EINTR, "failed at %s as asked for", what);
    }
    if (fault && !strncmp(fault, "kill:", 5) && !strcmp(fault + 5, what)) {
        raise(SIGKILL);
    }
    return 0;
}

/* ---- after the creation ------------------------------------------------------------------------- */

/* A domain of this name again within a few seconds: it was restarted. */
static bool returned(struct xl *xl, const char *name, uint32_t old, uint32_t *domid)
{
    for (unsigned int i = 0; i < RETURN_SECONDS * 10; i++) {
        if (!domain_find(NULL, xl_store(xl), name, domid) && *domid != old) {
            return true;
        }
        usleep(100000);
    }
    return false;
}

static int follow_console(struct xl *xl, const char *name, uint32_t domid)
{
    struct console_client k = CONSOLE_CLIENT_INIT;

    for (;;) {
        int end;

        k.domid = domid;
        end = console_attach(&xl->err, xl_store(xl), &k);
        if (end < 0) {
            xl_complain(xl);
            return 1;
        }
        if (end == CONSOLE_ESCAPED || !returned(xl, name, domid, &domid)) {
            return 0;
        }
    }
}

static void wait_end(struct xl *xl, const char *name, uint32_t domid)
{
    struct domain_info d;

    if (!xs_watch(xl_store(xl), "@releaseDomain", "end")) {
        err_errno(&xl->err, "cannot watch the store");
        xl_die(xl);
    }
    do {
        while (!domain_get(NULL, xl_ctrl(xl), domid, &d)) {
            xl_wait_release(xl, d.dying);
        }
    } while (returned(xl, name, domid, &domid));
}

/* ---- create ------------------------------------------------------------------------------------- */

static void create_one(struct xl *xl, const char *file, const struct request *q)
{
    struct create_options o = { .paused = q->paused,
                                .interactive = q->console && isatty(STDIN_FILENO),
                                .step = on_step,
                                .context = getenv("XL_CREATE_FAULT") };
    struct domain_config config;
    char *text, *json;
    uint32_t domid;
    size_t size;
    int rc;

    text = kept_text(xl, file, q, &size);
    if (!q->quiet) {
        printf("Parsing config from %s\n", file);
        fflush(stdout);
    }
    if (domain_config_from_text(&xl->err, file, text, size, q->overrides, q->override_count, &config) ||
        hardware_choose_macs(&xl->err, &config)) {
        xl_complain(xl);
        exit(EXIT_CREATE);
    }
    warn_all(xl, &config);
    if (q->dry_run) {
        json = config_json(&config);
        fputs(json ? json : "", stdout);
        free(json);
        domain_config_free(&config);
        free(text);
        return;
    }
    if (!q->unattended) {
        o.text = text;
        if (monitor_start(&xl->err)) {
            xl_complain(xl);
            err_clear(&xl->err);
        }
    }
    if (!o.interactive) {
        progress_begin(xl, config.name);
    }
    rc = domain_create(&xl->err, xl_ctrl(xl), xl_store(xl), &config, &o, &domid);
    progress_end();
    if (rc) {
        err_prefix(&xl->err, "%s", config.name);
        xl_complain(xl);
        exit(EXIT_CREATE);
    }
    if (q->console && follow_console(xl, config.name, domid)) {
        exit(1);
    }
    if (q->foreground) {
        wait_end(xl, config.name, domid);
    }
    domain_config_free(&config);
    free(text);
}

int xl_create(struct xl *xl, int argc, char **argv)
{
    struct request q = { .files = calloc((size_t)argc + 1, sizeof(*q.files)) };
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        q.console |= letter == 'c';
        q.debug |= letter == 'd';
        q.unattended |= letter == 'e';
        q.foreground |= letter == 'F';
        q.dry_run |= letter == 'n';
        q.paused |= letter == 'p';
        q.quiet |= letter == 'q';
        q.viewer |= letter == 'V' || letter == 'A';
        q.autopass |= letter == 'A';
        if (letter == 'f' && q.files) {
            q.files[q.file_count++] = optarg;
        }
    }
    q.dry_run |= xl->dry_run;
    take_arguments(xl, argc, argv, optind, &q);
    if (!q.file_count) {
        fprintf(stderr, "xl: create: no configuration file is named\n");
        return 1;
    }
    for (unsigned int i = 0; i < q.file_count; i++) {
        create_one(xl, q.files[i], &q);
    }
    if (q.viewer) {
        fprintf(stderr, "xl: create: no screen is built for these guests: -V is ignored\n");
    }
    free(q.files);
    free(q.overrides);
    return 0;
}

/* ---- config-update ------------------------------------------------------------------------------ */

int xl_config_update(struct xl *xl, int argc, char **argv)
{
    struct request q = { .files = calloc((size_t)argc + 1, sizeof(*q.files)) };
    struct domain_config config;
    struct domain_info d;
    char *text, *json;
    uint32_t domid;
    size_t size;
    int letter;

    while ((letter = xl_options(xl, argc, argv)) != -1) {
        if (letter == 'f' && q.files) {
            q.files[q.file_count++] = optarg;
        }
    }
    domid = xl_domain(xl, argv[optind]);
    take_arguments(xl, argc, argv, optind + 1, &q);
    if (q.file_count != 1) {
        fprintf(stderr, "xl: config-update: name one configuration file\n");
        return 1;
    }
    if (domain_get(&xl->err, xl_ctrl(xl), domid, &d) ||
        domain_config_load(&xl->err, q.files[0], q.overrides, q.override_count, &config)) {
        xl_die(xl);
    }
    warn_all(xl, &config);
    text = kept_text(xl, q.files[0], &q, &size);
    memcpy(config.uuid, d.uuid, sizeof(config.uuid));
    json = config_json(&config);
    printf("setting dom%u configuration\n", domid);
    if (!json || saved_write(&xl->err, domid, d.uuid, SAVED_TEXT, text) ||
        saved_write(&xl->err, domid, d.uuid, SAVED_JSON, json)) {
        xl_die(xl);
    }
    free(json);
    free(text);
    domain_config_free(&config);
    free(q.files);
    free(q.overrides);
    return 0;
}
