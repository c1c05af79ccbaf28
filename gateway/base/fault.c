/*
 * fault.c - the list of crash points, and in test builds what happens at them.
 *
 * Each step between two durable points calls fault_point() with a name of its own; a test then
 * starts the program once per name with TRM_FAULT set and sees that nothing is lost. A release
 * build has the list only.
 */
#include "base/fault.h"

/* One row per point: the name, and what has and has not happened when it is passed. */
static const char *const names[] = {
    "test.point", /* the unit test's own: between two increments of a counter */
    "store.begin",        /* the writer began a group, nothing is written */
    "store.work-done",    /* its works have run, nothing is on disk */
    "store.commit-fails", /* :fail - the disk refuses the commit */
    "store.committed",    /* on disk, the callers do not know yet */
    "store.erased",       /* keys deleted on disk, the log still holds them */
    "store.staged",       /* a row of a body is on disk, its message is not */
    "intake.before-commit",    /* sealed, nothing on disk, the office knows nothing */
    "intake.committed",        /* accepted on disk, the office does not know yet */
    "out.before-package",      /* claimed, no octet of a package made */
    "out.packaged",            /* package on disk, nothing sent */
    "out.sent",                /* the answer is here, the verdict is not on disk */
    "out.before-settle",       /* the verdict is known, not written */
    "out.settled",             /* the verdict is on disk, nothing logged */
    "in.before-commit",        /* verified, decided, translated; nothing on disk */
    "in.no-commit",            /* :fail - the receipt leaves without a commit (must be found) */
    "in.committed",            /* on disk, the partner has no receipt yet */
    "in.before-answer",        /* the same, at the door */
    "handover.before-given",   /* shown to the office, not marked as given */
    "folder.uploaded",         /* an attachment is stored, its file still in incoming/ */
    "folder.submitted",        /* a document is accepted or refused, no result written */
    "folder.result",           /* the result is written, the document still in incoming/ */
    "folder.files",            /* attachments are in outgoing/, their document is not */
    "folder.acknowledged",     /* acknowledged on disk, the files still there */
    NULL,
};

const char *const *fault_names(void)
{
    return names;
}

#ifdef TRM_FAULTS

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define FAULT_EXIT     70  /* exit status of ":exit" */
#define FAULT_SPEC_MAX 128 /* octets of TRM_FAULT that are read */

enum action {
    ACTION_KILL,
    ACTION_EXIT,
    ACTION_FAIL,
};

struct spec {
    char name[FAULT_SPEC_MAX];
    uint64_t nth;
    enum action action;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char counted[FAULT_SPEC_MAX]; /* the TRM_FAULT that passages belongs to */
static uint64_t passages;

static NORETURN void give_up(const char *what, const char *which)
{
    fprintf(stderr, "level=error event=fault.%s name=\"%s\"\n", what, which);
    abort();
}

static void must_be_listed(const char *name)
{
    for (const char *const *at = names; *at != NULL; at++)
        if (text_eq(*at, name))
            return;
    give_up("unlisted", name);
}

/* name[:nth][:kill|:exit|:fail]; anything else is a mistake in a test and ends it. */
static struct spec spec_of(const char *text)
{
    struct str rest = str_of(text), item;
    struct spec spec = { .nth = 1, .action = ACTION_KILL };

    if (!str_next(&rest, ':', &item) || item.len >= sizeof spec.name)
        give_up("spec", text);
    memcpy(spec.name, item.ptr, item.len);
    while (str_next(&rest, ':', &item)) {
        if (str_is(item, "kill"))
            spec.action = ACTION_KILL;
        else if (str_is(item, "exit"))
            spec.action = ACTION_EXIT;
        else if (str_is(item, "fail"))
            spec.action = ACTION_FAIL;
        else if (!str_u64(item, &spec.nth))
            give_up("spec", text);
    }
    must_be_listed(spec.name);
    return spec;
}

static bool is_nth(const char *text, uint64_t nth)
{
    bool hit;

    pthread_mutex_lock(&lock);
    if (strncmp(counted, text, sizeof counted - 1) != 0) {
        snprintf(counted, sizeof counted, "%s", text);
        passages = 0;
    }
    hit = ++passages == nth;
    pthread_mutex_unlock(&lock);
    return hit;
}

/* True when this passage shall fail; does not return when it shall end. */
static bool pass(const char *name)
{
    const char *text = getenv("TRM_FAULT");
    struct spec spec;

    must_be_listed(name);
    if (text_empty(text))
        return false;
    spec = spec_of(text);
    if (!text_eq(spec.name, name) || !is_nth(text, spec.nth))
        return false;
    if (spec.action == ACTION_KILL)
        kill(getpid(), SIGKILL);
    if (spec.action == ACTION_EXIT)
        _exit(FAULT_EXIT);
    return true;
}

void fault_point(const char *name)
{
    pass(name);
}

bool fault_fails(const char *name)
{
    return pass(name);
}

#endif
