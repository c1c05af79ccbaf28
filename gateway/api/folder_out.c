/*
 * folder_out.c - from the gateway into outgoing/, and what the office has acknowledged.
 *
 * Attachments and loss report are written first, the document last, each to a temporary
 * neighbour that is synced and renamed: when the office sees the document, all of it is there.
 * Only then is it marked as given. A document the office has moved to outgoing/done/ is
 * acknowledged, and when that is on disk its files are removed; so are those of a document that
 * was acknowledged by another face.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/folder_private.h"
#include "base/body.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exchange/handover.h"
#include "format/json.h"
#include "store/deliverables.h"

#define UNKNOWN_MAX   1000 /* deliveries of nobody that are remembered as such */
#define GIVEN_AT_ONCE 64   /* documents written for one office in a round */

static struct audit_actor actor_of(const struct ops_caller *caller)
{
    return (struct audit_actor){ .office = caller->office,
                                 .person = caller->person,
                                 .role = ops_role_name(caller->role),
                                 .channel = caller->channel };
}

/* --- acknowledged ------------------------------------------------------------------------- */

/* "ID.xml" gives ID. */
static bool delivery_id(const char *name, char out[UUID_TEXT])
{
    if (!folder_is_document(name) || strlen(name) < UUID_TEXT)
        return false;
    memcpy(out, name, UUID_TEXT - 1);
    out[UUID_TEXT - 1] = '\0';
    return name[UUID_TEXT - 1] == '.' && uuid_valid(out);
}

/* All of it: what was half written when we died, and a file the sender called "x.tmp". */
static void remove_from(const struct folder_office *o, const char *sub, const char *id)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    (void)folder_all_names(o, sub, &names);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(mem_free) char *path = folder_path(o, sub, names.items[i]);

        if (text_starts(names.items[i], id) && unlink(path) != 0 && errno != ENOENT &&
            errno != EISDIR)
            log_warn("folder.not-removed", log_s("office", o->office),
                     log_s("delivery", id), log_i("errno", errno));
    }
}

/* It was shown, and we died before we could write that down: the office has it all the same. */
static bool acknowledge(struct folder_face *face, const struct folder_office *o,
                        const char *id, struct err *err)
{
    const struct exchange *x = ops_exchange(folder_ops(face));
    struct ops_caller caller = folder_caller(o);
    struct audit_actor actor = actor_of(&caller);
    bool already;

    if (handover_acknowledge(x, o->office, &actor, id, &already, err))
        return true;
    if (!text_eq(err->code, "deliverable.not-handed"))
        return false;
    *err = (struct err){ 0 };
    return handover_given(x, &actor, id, folder_again_ms(face), err) &&
           handover_acknowledge(x, o->office, &actor, id, &already, err);
}

static void take_back(struct folder_face *face, struct folder_office *o)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    (void)folder_names(o, "outgoing/done", &names);
    for (size_t i = 0; i < names.count; i++) {
        char id[UUID_TEXT];
        struct err err = { 0 };

        if (!delivery_id(names.items[i], id))
            continue;
        if (strlist_has(&o->unknown, id))
            continue;
        if (!acknowledge(face, o, id, &err)) {
            if (text_eq(err.code, "deliverable.unknown") &&
                o->unknown.count < UNKNOWN_MAX)
                strlist_add(&o->unknown, id);
            log_warn("folder.not-acknowledged", log_s("office", o->office),
                     log_s("delivery", id), log_fault(&err));
            continue;
        }
        fault_point("folder.acknowledged");
        remove_from(o, "outgoing", id);
        remove_from(o, "outgoing/done", id);
    }
}

/* Acknowledged by another face: nothing of it stays in outgoing/ either. */
struct settled_ctx {
    const struct strlist *names;
    struct strlist settled; /* ids */
};

static bool settled_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct settled_ctx *c = ctx;

    strlist_free(&c->settled);
    for (size_t i = 0; i < c->names->count; i++) {
        struct deliverable d;
        char id[UUID_TEXT];
        bool found;

        if (!delivery_id(c->names->items[i], id))
            continue;
        if (!deliverable_get(tx, id, &d, &found, err))
            return false;
        if (found && d.state == DELIVERABLE_ACKNOWLEDGED)
            strlist_add(&c->settled, id);
    }
    return true;
}

static void clear_settled(struct folder_face *face, const struct folder_office *o)
{
    AUTO(strlist_free) struct strlist names = { 0 };
    struct settled_ctx c = { .names = &names };
    struct err err = { 0 };

    (void)folder_names(o, "outgoing", &names);
    if (names.count > 0 &&
        !store_read(ops_exchange(folder_ops(face))->store, settled_work, &c, &err))
        log_error("folder.store", log_fault(&err));
    for (size_t i = 0; i < c.settled.count; i++)
        remove_from(o, "outgoing", c.settled.items[i]);
    strlist_free(&c.settled);
}

/* --- given -------------------------------------------------------------------------------- */

struct fd_sink {
    struct sink sink;
    int fd;
};

static bool fd_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    const struct fd_sink *s = (struct fd_sink *)sink;
    const char *at = data;

    while (len > 0) {
        ssize_t put = write(s->fd, at, len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return err_set(err, ERR_RETRY, "folder.write", "writing to outgoing/: %s",
                           strerror(errno));
        at += put;
        len -= (size_t)put;
    }
    return true;
}

/* Large content in pieces, under its name only when it is whole and synced. */
static bool write_source(const char *path, const struct source *content, struct err *err)
{
    AUTO(mem_free) char *temp = mem_printf("%s.tmp", path);
    AUTO(fd_close)
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    struct fd_sink sink = { { fd_write }, fd };

    if (fd < 0)
        return err_set(err, ERR_RETRY, "folder.write", "a file in outgoing/: %s",
                       strerror(errno));
    if (!source_copy(content, &sink.sink, err))
        return false;
    if (fsync(fd) != 0)
        return err_set(err, ERR_RETRY, "folder.write", "syncing outgoing/: %s",
                       strerror(errno));
    return file_rename_sync(temp, path, err);
}

static bool write_files(const struct folder_office *o, const struct handover *h,
                        struct err *err)
{
    for (size_t i = 0; i < h->file_count; i++) {
        char safe[128];

        folder_safe_name(h->files[i].name != NULL ? h->files[i].name : h->files[i].id,
                         safe);
        AUTO(mem_free)
        char *name = mem_printf("%s-%zu-%s", h->deliverable.id, i + 1, safe);
        AUTO(mem_free) char *path = folder_path(o, "outgoing", name);
        if (!write_source(path, h->files[i].content, err))
            return false;
    }
    return true;
}

static json_t *parsed(const struct buf *text)
{
    struct err err = { 0 };
    json_t *value =
        text->len > 0 ? json_parse(buf_str(text), text->len, NULL, &err) : NULL;

    return value != NULL ? value : json_array();
}

static bool write_losses(const struct folder_office *o, const struct handover *h,
                         struct err *err)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(HANDOVER_MAX);
    AUTO(mem_free) char *name = mem_printf("%s.losses.json", h->deliverable.id);
    AUTO(mem_free) char *path = folder_path(o, "outgoing", name);
    AUTO(json_drop) json_t *j = json_object();

    if (text_eq(h->message.kind, "opaque"))
        return true;
    json_object_set_new(j, "messageId", json_string(h->message.id));
    json_object_set_new(j, "caseId", json_string(h->message.case_id));
    json_object_set_new(j, "kind", json_string(h->message.kind));
    json_object_set_new(j, "bySender", parsed(&h->travelled));
    json_object_set_new(j, "here", parsed(&h->losses));
    json_print_pretty(j, &text);
    return file_write(path, buf_str(&text), text.len, 0600, err);
}

/* An opaque message has no document: a list of its parts stands in its place. */
static void list_parts(const struct handover *h, struct buf *out)
{
    AUTO(json_drop) json_t *j = json_object();
    json_t *parts = json_array();

    for (size_t i = 0; i < h->file_count; i++) {
        json_t *p = json_object();

        if (h->files[i].name != NULL)
            json_object_set_new(p, "name", json_string(h->files[i].name));
        if (h->files[i].media_type != NULL)
            json_object_set_new(p, "mediaType", json_string(h->files[i].media_type));
        json_object_set_new(p, "octets",
                            json_integer((json_int_t)h->files[i].content->size));
        json_array_append_new(parts, p);
    }
    json_object_set_new(j, "messageId", json_string(h->message.id));
    json_object_set_new(j, "kind", json_string("opaque"));
    json_object_set_new(j, "parts", parts);
    json_print_pretty(j, out);
}

static bool write_document(const struct folder_office *o, const struct handover *h,
                           struct err *err)
{
    AUTO(buf_free) struct buf list = BUF_INIT(1024 * 1024);
    bool opaque = text_eq(h->message.kind, "opaque");
    AUTO(mem_free)
    char *name = mem_printf("%s.%s", h->deliverable.id, opaque ? "json" : h->extension);
    AUTO(mem_free) char *path = folder_path(o, "outgoing", name);

    if (opaque)
        list_parts(h, &list);
    const struct buf *content = opaque ? &list : &h->document;
    return file_write(path, buf_str(content), content->len, 0600, err);
}

static bool lies_there(const struct folder_office *o, const char *id)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    (void)folder_names(o, "outgoing", &names);
    for (size_t i = 0; i < names.count; i++) {
        char there[UUID_TEXT];

        if (delivery_id(names.items[i], there) && text_eq(there, id))
            return true;
    }
    return false;
}

/* *ret_gone: it is not this office's any more, nothing was written. */
static bool give(struct folder_face *face, const struct folder_office *o,
                 const struct deliverable *d, bool *ret_gone, struct err *err)
{
    const struct exchange *x = ops_exchange(folder_ops(face));
    struct ops_caller caller = folder_caller(o);
    struct audit_actor actor = actor_of(&caller);
    AUTO(handover_free) struct handover *h = NULL;

    if (!handover_open(x, o->office, &actor, d->id, &h, err))
        return false;
    *ret_gone = h == NULL;
    if (h == NULL)
        return true;
    if (!write_files(o, h, err) || !write_losses(o, h, err))
        return false;
    fault_point("folder.files");
    return write_document(o, h, err) &&
           handover_given(x, &actor, d->id, folder_again_ms(face), err);
}

struct due_ctx {
    const char *office;
    struct deliverable_list due;
    const char *id; /* to put off */
    int64_t wait_ms;
};

static bool due_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct due_ctx *c = ctx;

    deliverable_list_free(&c->due);
    return deliverable_due(tx, c->office, true, GIVEN_AT_ONCE, &c->due, err);
}

static bool later_work(struct store_tx *tx, void *ctx, struct err *err)
{
    const struct due_ctx *c = ctx;

    return deliverable_postpone(tx, c->id, store_tx_now(tx) + c->wait_ms, err);
}

#define TROUBLE_WAIT_MS (10 * SECOND_MS)

/* One that lies in outgoing/ still needs no second copy. */
static bool give_or_leave(struct folder_face *face, const struct folder_office *o,
                          const struct deliverable *d, struct err *err)
{
    struct store *store = ops_exchange(folder_ops(face))->store;
    struct due_ctx later = { .id = d->id, .wait_ms = folder_again_ms(face) };
    bool gone = false;

    if (d->state == DELIVERABLE_HANDED && lies_there(o, d->id))
        return store_run(store, later_work, &later, err);
    if (give(face, o, d, &gone, err)) {
        if (gone)
            return store_run(store, later_work, &later, err);
        log_info("folder.given", log_s("office", o->office), log_s("delivery", d->id),
                 log_s("message", d->message_id));
        return true;
    }
    later.wait_ms = TROUBLE_WAIT_MS;
    struct err second = { 0 };
    if (!store_run(store, later_work, &later, &second))
        log_error("folder.not-put-off", log_fault(&second));
    return false;
}

void folder_out(struct folder_face *face, struct folder_office *o)
{
    struct store *store = ops_exchange(folder_ops(face))->store;
    struct due_ctx c = { .office = o->office };
    struct err err = { 0 };

    take_back(face, o);
    clear_settled(face, o);
    /* What was given makes the next of its case due: until nothing is left, with a ceiling. */
    for (size_t round = 0; round < GIVEN_AT_ONCE; round++) {
        size_t given = 0;

        if (!store_read(store, due_work, &c, &err)) {
            log_error("folder.store", log_fault(&err));
            break;
        }
        for (size_t i = 0; i < c.due.count; i++) {
            struct err why = { 0 };

            if (give_or_leave(face, o, &c.due.items[i], &why))
                given++;
            else
                log_warn("folder.not-given", log_s("office", o->office),
                         log_s("delivery", c.due.items[i].id), log_fault(&why));
        }
        if (given == 0)
            break;
    }
    deliverable_list_free(&c.due);
}
