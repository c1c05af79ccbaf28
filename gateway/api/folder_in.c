/*
 * folder_in.c - from incoming/ into the gateway.
 *
 * A file is taken up when size and time of change were the same in two rounds, so one that is
 * being copied is left alone. Attachments go first; a document waits while an attachment that
 * was there before it still changes. The order at each file is: store, write the result, move
 * away; after a crash between two of these it is taken up once more and gives the same answer.
 * What fails for a passing reason stays and is tried again at growing intervals.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/folder_private.h"
#include "api/result.h"
#include "base/body.h"
#include "base/clock.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/draft.h"
#include "format/json.h"

#define AGAIN_FIRST_MS (5 * SECOND_MS)
#define AGAIN_LAST_MS  (10 * MINUTE_MS)
#define WAITED_FOR     5 /* failures of an attachment that documents wait for: minutes */
#define FREE_NAMES_MAX 10000 /* tries for a name not yet used in done/ */

/* --- what is there, and does it rest? ----------------------------------------------------- */

static struct folder_seen *seen_of(struct folder_office *o, const char *name)
{
    for (size_t i = 0; i < o->seen_count; i++)
        if (text_eq(o->seen[i].name, name))
            return &o->seen[i];
    o->seen = mem_grow(o->seen, o->seen_count, &o->seen_cap, sizeof *o->seen);
    o->seen[o->seen_count] = (struct folder_seen){ .name = mem_strdup(name), .size = -1 };
    return &o->seen[o->seen_count++];
}

static void look_at(struct folder_office *o, const char *name)
{
    AUTO(mem_free) char *path = folder_path(o, "incoming", name);
    struct stat st;

    if (lstat(path, &st) != 0)
        return;
    struct folder_seen *s = seen_of(o, name);
    /* A link or a folder is not what an office's system writes here. */
    if (!S_ISREG(st.st_mode) || strlen(name) > FOLDER_NAME_MAX) {
        if (!s->strange)
            log_warn("folder.left-alone", log_s("office", o->office),
                     log_s("why", S_ISREG(st.st_mode)
                                      ? "a name in incoming/ has more than 200 octets"
                                      : "something in incoming/ is no file"));
        s->strange = s->present = true;
        s->settled = false;
        return;
    }
    s->strange = false;
    s->settled = s->size == st.st_size && s->changed.tv_sec == st.st_mtim.tv_sec &&
                 s->changed.tv_nsec == st.st_mtim.tv_nsec;
    s->size = st.st_size;
    s->changed = st.st_mtim;
    s->present = true;
}

static void look(struct folder_office *o)
{
    AUTO(strlist_free) struct strlist names = { 0 };
    size_t kept = 0;

    for (size_t i = 0; i < o->seen_count; i++)
        o->seen[i].present = false;
    (void)folder_names(o, "incoming", &names);
    for (size_t i = 0; i < names.count; i++)
        look_at(o, names.items[i]);
    for (size_t i = 0; i < o->seen_count; i++) {
        if (o->seen[i].present)
            o->seen[kept++] = o->seen[i];
        else
            mem_free(&o->seen[i].name);
    }
    o->seen_count = kept;
}

static bool not_later(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec);
}

/* An attachment that was there first and is not stored yet. One that cannot be read for a while
 * holds nobody up: a document that names it is refused in words, the others go. */
static bool attachments_wait(const struct folder_office *o, const struct folder_seen *doc)
{
    for (size_t i = 0; i < o->seen_count; i++)
        if (o->seen[i].present && !o->seen[i].strange &&
            !folder_is_document(o->seen[i].name) && o->seen[i].failures < WAITED_FOR &&
            not_later(o->seen[i].changed, doc->changed))
            return true;
    return false;
}

/* --- leaving incoming/ -------------------------------------------------------------------- */

/* A name that is free in the folder, with its result: "ref.json", "ref~2.json" ... */
static char *free_name(const struct folder_office *o, const char *sub, const char *name)
{
    const char *dot = strrchr(name, '.');
    int stem = dot != NULL && dot != name ? (int)(dot - name) : (int)strlen(name);

    for (unsigned n = 1; n < FREE_NAMES_MAX; n++) {
        AUTO(mem_free)
        char *candidate = n == 1 ? mem_strdup(name)
                                 : mem_printf("%.*s~%u%s", stem, name, n, name + stem);
        AUTO(mem_free) char *path = folder_path(o, sub, candidate);

        if (!file_exists(path))
            return TAKE(candidate);
    }
    return NULL;
}

static bool move_away(const struct folder_office *o, const char *name, const char *sub,
                      const char *as, struct err *err)
{
    AUTO(mem_free) char *from = folder_path(o, "incoming", name);
    AUTO(mem_free) char *to = folder_path(o, sub, as);

    return file_rename_sync(from, to, err);
}

static bool write_result(const struct folder_office *o, const char *sub, const char *as,
                         const struct ops_result *r, struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(16 * 1024 * 1024);
    AUTO(mem_free) char *name = mem_printf("%s.result.json", as);
    AUTO(mem_free) char *path = folder_path(o, sub, name);
    AUTO(json_drop) json_t *value = result_json(r);

    json_print_pretty(value, &text);
    return buf_check(&text, "result", err) &&
           file_write(path, buf_str(&text), text.len, 0600, err);
}

static void put_off(struct folder_office *o, struct folder_seen *s, const struct err *why)
{
    int64_t wait = AGAIN_FIRST_MS;

    for (unsigned i = 0; i < s->failures && wait < AGAIN_LAST_MS; i++)
        wait *= 2;
    s->failures++;
    s->not_before_ms = clock_monotonic() + (wait < AGAIN_LAST_MS ? wait : AGAIN_LAST_MS);
    log_warn("folder.later", log_s("office", o->office), log_i("wait-ms", wait),
             log_fault(why));
}

static bool is_final(enum ops_outcome outcome)
{
    return outcome != OPS_TROUBLE && outcome != OPS_FAILED;
}

/* The result on disk, then the file moved: in this order. */
static void finish(struct folder_office *o, struct folder_seen *s,
                   const struct ops_result *r, bool keep_result)
{
    const char *sub = ops_worked(r->outcome) ? "done" : "rejected";
    AUTO(mem_free) char *as = free_name(o, sub, s->name);
    struct err err = { 0 };

    if (!is_final(r->outcome)) {
        put_off(o, s, &r->why);
        return;
    }
    if (as == NULL)
        err_set(&err, ERR_RETRY, "folder.names", "no free name in %s/", sub);
    if (as == NULL || (keep_result && !write_result(o, sub, as, r, &err))) {
        put_off(o, s, &err);
        return;
    }
    fault_point("folder.result");
    if (!move_away(o, s->name, sub, as, &err)) {
        put_off(o, s, &err);
        return;
    }
    s->present = false;
    log_info("folder.taken", log_s("office", o->office),
             log_s("outcome", ops_outcome_name(r->outcome)),
             log_s("code", ops_worked(r->outcome) ? "" : r->why.code));
}

/* --- taking up ---------------------------------------------------------------------------- */

static struct source *open_file(const struct folder_office *o,
                                const struct folder_seen *s, struct err *err)
{
    AUTO(mem_free) char *path = folder_path(o, "incoming", s->name);
    /* A pipe put in its place since we looked would keep us waiting for a writer. */
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err_set(err, ERR_RETRY, "folder.open", "a file of incoming/ cannot be read: %s",
                strerror(errno));
        fd_close(&fd);
        return NULL;
    }
    return source_of_fd(fd, true, 0, (uint64_t)st.st_size);
}

static void call(struct folder_face *face, const struct folder_office *o,
                 const struct folder_seen *s, const char *operation, const char *id,
                 const char *key, struct ops_result *r)
{
    struct ops_caller caller = folder_caller(o);
    struct err err = { 0 };
    AUTO(source_free) struct source *content = open_file(o, s, &err);
    const struct ops_call c = { .caller = &caller,
                                .id = id,
                                .body = content,
                                .file = s->name,
                                .scope = "folder",
                                .key = key };

    *r = (struct ops_result){ .outcome = OPS_TROUBLE, .why = err };
    if (content != NULL)
        ops_run(folder_ops(face), operation, &c, r);
}

static void take_attachment(struct folder_face *face, struct folder_office *o,
                            struct folder_seen *s)
{
    AUTO(ops_result_free) struct ops_result r = { 0 };

    call(face, o, s, "attachment.put", s->name, NULL, &r);
    fault_point("folder.uploaded");
    finish(o, s, &r, !ops_worked(r.outcome));
}

/* The digest of the content is the key: the same content again is the same message. */
static bool key_of(const struct folder_office *o, const struct folder_seen *s,
                   struct buf *out, struct err *err)
{
    AUTO(source_free) struct source *content = open_file(o, s, err);
    AUTO(buf_free) struct buf octets = BUF_SECRET_INIT(NATIONAL_MAX);
    unsigned char digest[32];

    if (content == NULL)
        return false;
    /* One that is too large is refused by its size; it needs no key. */
    if (content->size <= NATIONAL_MAX && !source_load(content, &octets, err))
        return false;
    EVP_Digest(buf_str(&octets), octets.len, digest, NULL, EVP_sha256(), NULL);
    hex_add(out, digest, sizeof digest);
    return true;
}

static void take_document(struct folder_face *face, struct folder_office *o,
                          struct folder_seen *s)
{
    AUTO(ops_result_free) struct ops_result r = { 0 };
    AUTO(buf_free) struct buf key = BUF_INIT(65);
    struct err err = { 0 };

    if (!key_of(o, s, &key, &err)) {
        put_off(o, s, &err);
        return;
    }
    call(face, o, s, "message.submit", NULL, buf_str(&key), &r);
    fault_point("folder.submitted");
    finish(o, s, &r, true);
}

static bool is_due(const struct folder_seen *s)
{
    return s->present && s->settled && clock_monotonic() >= s->not_before_ms;
}

void folder_in(struct folder_face *face, struct folder_office *o)
{
    look(o);
    for (size_t i = 0; i < o->seen_count; i++)
        if (!folder_is_document(o->seen[i].name) && is_due(&o->seen[i]))
            take_attachment(face, o, &o->seen[i]);
    for (size_t i = 0; i < o->seen_count; i++)
        if (folder_is_document(o->seen[i].name) && is_due(&o->seen[i]) &&
            !attachments_wait(o, &o->seen[i]))
            take_document(face, o, &o->seen[i]);
}
