/*
 * ctl_private.h - what the commands share: the table, parsed arguments, calls, printing.
 */
#ifndef CTL_PRIVATE_H
#define CTL_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "ctl/ctl.h"

#define CTL_FINDINGS   2
#define CTL_SOCKET     "/run/trmd/control.sock"
#define CTL_SHARE      "/usr/share/trmd"
#define CTL_VALUES_MAX 1000 /* values of options in one call */

/* --- the table ---------------------------------------------------------------------------- */

enum ctl_kind {
    CTL_TEXT,  /* --name VALUE: a member of the request, or read by the command */
    CTL_FLAG,  /* --name: true */
    CTL_LIST,  /* --name VALUE, may be repeated: an array */
    CTL_FIELD, /* --name FIELD, may be repeated: an object of "fields", with this state */
    CTL_OF_FIELD, /* --name VALUE: a member of the field named last */
};

struct ctl_option {
    const char *name; /* "to" */
    enum ctl_kind kind;
    const char *member; /* in the request; NULL: the name */
    const char *state;  /* of CTL_FIELD: "provided"; NULL: none */
    const char *value;  /* for help: "OFFICE" */
    const char *help;
};

struct ctl_run;
typedef int ctl_handler(struct ctl_run *run);
typedef void ctl_printer(const json_t *answer);

struct ctl_command {
    const char *noun, *verb;   /* verb NULL: the noun alone */
    const char *args;          /* "CASE", "FILE...", "" */
    unsigned least, most;      /* how many arguments */
    const char *method, *path; /* "/v1/cases/{}/take": {} is the first argument */
    bool body;                 /* options are a JSON body, not query parameters */
    const struct ctl_option *options;
    ctl_handler *handler; /* instead of method and path */
    ctl_printer *printer;
    const char *help;    /* a sentence */
    const char *example; /* lines */
};
const struct ctl_command *ctl_command_at(size_t index); /* NULL: past the end */

/* --- one call ----------------------------------------------------------------------------- */

struct ctl_run {
    const struct ctl_command *command;
    const char *socket, *share;
    char *key; /* API key read from --key; NULL */
    bool json;
    struct strlist args;
    json_t *values; /* of options, by member */
    struct http_client *client;
};

const char *ctl_value(const struct ctl_run *run, const char *name); /* NULL: not given */
bool ctl_given(const struct ctl_run *run, const char *name);

struct ctl_answer {
    int exit;   /* what the status means */
    int status; /* 0: the daemon was not reached */
    char *type; /* Content-Type */
    struct buf body;
};
void ctl_answer_free(struct ctl_answer *answer); /* for AUTO; wipes */

struct source;
struct sink;
struct ctl_request {
    const char *method;
    const char *path; /* with query */
    const struct source *body;
    const char *type;
    const char *file_name, *key; /* headers Trm-File-Name, Idempotency-Key; NULL */
    struct sink *to;             /* a 2xx body goes here; NULL */
};
/* Prints what went wrong to standard error, unless --json shows it. */
void ctl_call(struct ctl_run *run, const struct ctl_request *request,
              struct ctl_answer *ret);

/* The answer as --json or through the command's printer; returns its exit status. */
int ctl_show(struct ctl_run *run, const struct ctl_answer *answer);
/* "trmctl: <text> [code]" on standard error, and the exit status of the error. */
int ctl_fail(const struct err *err);
int ctl_exit_of(const struct err *err);

/* Percent-encodes what comes from the command line. */
void ctl_add_query(struct buf *path, const char *name, const char *value);
void ctl_add_segment(struct buf *path, const char *text);

/* --- printing (show.c) -------------------------------------------------------------------- */

ctl_printer show_any, show_messages, show_cases, show_case, show_deliverables,
    show_partners, show_tasks, show_agreements, show_accepted, show_steps, show_why,
    show_losses, show_status, show_changes;
void show_problem(const json_t *problem); /* to standard error */
void show_findings(const json_t *findings);

/* --- commands with a handler -------------------------------------------------------------- */

ctl_handler ctl_submit, ctl_deliverable_get, ctl_agreement_install, ctl_leg;
ctl_handler ctl_map_check, ctl_map_test, ctl_map_preview;
ctl_handler ctl_agreement_check, ctl_agreement_explain, ctl_agreement_bundle,
    ctl_agreement_print;

#endif
