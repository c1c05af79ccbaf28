/*
 * online.c - commands of more than one call: documents with files, deliverables, bundles, legs.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/body.h"
#include "base/codec.h"
#include "base/file.h"
#include "base/id.h"
#include "base/mem.h"
#include "ctl/ctl_private.h"
#include "format/json.h"

#define DOCUMENT_MAX \
    (64 * 1024 * 1024) /* octets read of a document; the daemon's limit is its own */
#define INLINE_MAX \
    (512 * 1024) /* octets of an opaque part that goes inside the request */
#define INLINE_ALL (4 * 1024 * 1024)

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static struct source *open_file(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return source_of_fd(fd, true, 0, (uint64_t)st.st_size);
    err_set(err, ERR_CONFIG, "file.absent", "%s: %s", path,
            fd < 0 ? strerror(errno) : "is not a file");
    fd_close(&fd);
    return NULL;
}

static const char *type_of(const char *path)
{
    static const struct {
        const char *end, *type;
    } types[] = { { ".xml", "application/xml" }, { ".json", "application/json" },
                  { ".pdf", "application/pdf" }, { ".jpg", "image/jpeg" },
                  { ".jpeg", "image/jpeg" },     { ".png", "image/png" },
                  { ".txt", "text/plain" } };

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (text_ends(path, types[i].end))
            return types[i].type;
    return "application/octet-stream";
}

/* --- uploads ------------------------------------------------------------------------------ */

static int put_file(struct ctl_run *run, const char *file, const char *as)
{
    AUTO(buf_free) struct buf path = BUF_INIT(8 * 1024);
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    struct err err = { 0 };
    AUTO(source_free) struct source *content = open_file(file, &err);

    if (content == NULL)
        return ctl_fail(&err);
    buf_adds(&path, "/v1/attachments/");
    ctl_add_segment(&path, as);
    const struct ctl_request request = {
        .method = "PUT", .path = buf_str(&path), .body = content, .type = type_of(file)
    };
    ctl_call(run, &request, &answer);
    return answer.exit == 0 ? 0 : ctl_show(run, &answer);
}

/* --- documents ---------------------------------------------------------------------------- */

static void digest_key(const struct buf *document, char out[65])
{
    AUTO(buf_free) struct buf hex = BUF_INIT(65);
    unsigned char digest[32];

    EVP_Digest(buf_str(document), document->len, digest, NULL, EVP_sha256(), NULL);
    hex_add(&hex, digest, sizeof digest);
    memcpy(out, buf_str(&hex), 65);
}

static void submit_path(const struct ctl_run *run, struct buf *path)
{
    static const char *const names[] = { "to", "agreement", "linkedCase" };

    buf_adds(path, "/v1/messages");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (ctl_value(run, names[i]) != NULL)
            ctl_add_query(path, names[i], ctl_value(run, names[i]));
    if (ctl_given(run, "check"))
        ctl_add_query(path, "check", "1");
}

static int submit_document(struct ctl_run *run)
{
    AUTO(buf_free) struct buf document = BUF_SECRET_INIT(DOCUMENT_MAX);
    AUTO(buf_free) struct buf path = BUF_INIT(8 * 1024);
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    const char *file = run->args.items[0];
    char digest[65];
    struct err err = { 0 };

    if (!file_read(file, &document, &err))
        return ctl_fail(&err);
    digest_key(&document, digest);
    submit_path(run, &path);
    AUTO(source_free)
    struct source *body = source_of_memory(buf_str(&document), document.len);
    const char *key = ctl_value(run, "idempotency-key");
    const struct ctl_request request = { .method = "POST",
                                         .path = buf_str(&path),
                                         .body = body,
                                         .type = type_of(file),
                                         .file_name = base_name(file),
                                         .key = key != NULL ? key : digest };
    ctl_call(run, &request, &answer);
    return ctl_show(run, &answer);
}

static int submit_attachments(struct ctl_run *run)
{
    size_t i;
    json_t *file;

    json_array_foreach (json_object_get(run->values, "attach"), i, file) {
        int rc =
            put_file(run, json_string_value(file), base_name(json_string_value(file)));

        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- opaque ------------------------------------------------------------------------------- */

static int add_part(struct ctl_run *run, json_t *parts, const char *file,
                    uint64_t *inlined)
{
    AUTO(buf_free) struct buf octets = BUF_SECRET_INIT(INLINE_MAX);
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(INLINE_MAX * 2);
    json_t *part = json_object();
    struct err err = { 0 };
    AUTO(source_free) struct source *content = open_file(file, &err);
    char name[UUID_TEXT];

    json_array_append_new(parts, part);
    if (content == NULL)
        return ctl_fail(&err);
    json_object_set_new(part, "name", json_string(base_name(file)));
    json_object_set_new(part, "mediaType", json_string(type_of(file)));
    if (content->size <= INLINE_MAX && *inlined + content->size <= INLINE_ALL) {
        *inlined += content->size;
        if (!source_load(content, &octets, &err))
            return ctl_fail(&err);
        base64_add(&text, buf_str(&octets), octets.len);
        json_object_set_new(part, "base64", json_string(buf_str(&text)));
        return 0;
    }
    uuid_make(name);
    json_object_set_new(part, "upload", json_string(name));
    return put_file(run, file, name);
}

static int submit_opaque(struct ctl_run *run)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(16 * 1024 * 1024);
    AUTO(json_drop) json_t *j = json_object();
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    json_t *parts = json_array();
    uint64_t inlined = 0;

    json_object_set_new(j, "parts", parts);
    for (size_t i = 0; i < run->args.count; i++) {
        int rc = add_part(run, parts, run->args.items[i], &inlined);

        if (rc != 0)
            return rc;
    }
    if (ctl_value(run, "partner") == NULL || ctl_value(run, "pmode") == NULL) {
        fputs("trmctl: --opaque needs --partner and --pmode\n", stderr);
        return EX_USAGE;
    }
    json_object_set_new(j, "partner", json_string(ctl_value(run, "partner")));
    json_object_set_new(j, "pmode", json_string(ctl_value(run, "pmode")));
    json_print(j, &text);
    AUTO(source_free) struct source *body = source_of_buf(&text);
    const struct ctl_request request = {
        .method = "POST", .path = "/v1/opaque", .body = body, .type = "application/json"
    };
    ctl_call(run, &request, &answer);
    return ctl_show(run, &answer);
}

int ctl_submit(struct ctl_run *run)
{
    if (ctl_given(run, "opaque"))
        return submit_opaque(run);
    if (run->args.count != 1) {
        fputs("usage: trmctl submit FILE [--attach FILE]...; one document at a time\n",
              stderr);
        return EX_USAGE;
    }
    int rc = submit_attachments(run);
    return rc != 0 ? rc : submit_document(run);
}

/* --- deliverables ------------------------------------------------------------------------- */

struct file_sink {
    struct sink sink;
    FILE *file;
};

static bool sink_write(struct sink *sink, const void *data, size_t len, struct err *err)
{
    const struct file_sink *s = (struct file_sink *)sink;

    return fwrite(data, 1, len, s->file) == len ||
           err_set(err, ERR_RETRY, "ctl.write", "the output cannot be written: %s",
                   strerror(errno));
}

/* To a file of mode 0600, or standard output. */
static int fetch(struct ctl_run *run, const char *path, const char *output)
{
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    AUTO(fd_close) int fd = -1;
    struct file_sink to = { { sink_write }, stdout };
    const struct ctl_request request = { .method = "GET", .path = path, .to = &to.sink };

    if (output != NULL) {
        fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        to.file = fd >= 0 ? fdopen(fd, "wb") : NULL;
        if (to.file == NULL) {
            fprintf(stderr, "trmctl: %s: %s\n", output, strerror(errno));
            return EX_CANTCREAT;
        }
        fd = -1; /* the stream has it */
    }
    ctl_call(run, &request, &answer);
    bool good = fflush(to.file) == 0;
    if (output != NULL)
        good = fclose(to.file) == 0 && good;
    if (answer.exit != 0)
        return ctl_show(run, &answer);
    return good ? 0 : EX_IOERR;
}

static int fetch_attachment(struct ctl_run *run, const char *folder, const json_t *item)
{
    AUTO(buf_free) struct buf path = BUF_INIT(4096);
    long long n = (long long)json_integer_value(json_object_get(item, "n"));
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *id = json_string_value(json_object_get(item, "id"));
    AUTO(mem_free)
    char *file = mem_printf("%lld-%s", n,
                            base_name(name != NULL ? name
                                      : id != NULL ? id
                                                   : "file"));
    AUTO(mem_free) char *output = path_join(folder, file);

    buf_adds(&path, "/v1/deliverables/");
    ctl_add_segment(&path, run->args.items[0]);
    buf_addf(&path, "/attachments/%lld", n);
    return fetch(run, buf_str(&path), output);
}

static int fetch_attachments(struct ctl_run *run, const char *folder)
{
    AUTO(buf_free) struct buf path = BUF_INIT(4096);
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    AUTO(json_drop) json_t *list = NULL;
    struct err err = { 0 };
    size_t i;
    json_t *item;
    int rc = 0;

    buf_adds(&path, "/v1/deliverables/");
    ctl_add_segment(&path, run->args.items[0]);
    buf_adds(&path, "/attachments");
    const struct ctl_request request = { .method = "GET", .path = buf_str(&path) };
    ctl_call(run, &request, &answer);
    if (answer.exit != 0)
        return ctl_show(run, &answer);
    list = json_parse(buf_str(&answer.body), answer.body.len, NULL, &err);
    if (list == NULL || !dir_make(folder, 0700, &err))
        return ctl_fail(&err);
    json_array_foreach (json_object_get(list, "items"), i, item) {
        if (rc == 0)
            rc = fetch_attachment(run, folder, item);
    }
    return rc;
}

int ctl_deliverable_get(struct ctl_run *run)
{
    AUTO(buf_free) struct buf path = BUF_INIT(4096);
    const char *folder = ctl_value(run, "attachments");

    buf_adds(&path, "/v1/deliverables/");
    ctl_add_segment(&path, run->args.items[0]);
    int rc = fetch(run, buf_str(&path), ctl_value(run, "output"));
    return rc != 0 || folder == NULL ? rc : fetch_attachments(run, folder);
}

/* --- agreements --------------------------------------------------------------------------- */

int ctl_agreement_install(struct ctl_run *run)
{
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    struct err err = { 0 };
    AUTO(source_free) struct source *body = open_file(run->args.items[0], &err);

    if (body == NULL)
        return ctl_fail(&err);
    const struct ctl_request request = { .method = "POST",
                                         .path = ctl_given(run, "keep")
                                                     ? "/v1/agreements?keep=1"
                                                     : "/v1/agreements",
                                         .body = body,
                                         .type = "application/octet-stream" };
    ctl_call(run, &request, &answer);
    return ctl_show(run, &answer);
}

int ctl_leg(struct ctl_run *run)
{
    AUTO(buf_free) struct buf path = BUF_INIT(4096), text = BUF_INIT(64 * 1024);
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    bool suspend = text_eq(run->command->verb, "suspend");

    buf_adds(&path, "/v1/agreements/");
    ctl_add_segment(&path, run->args.items[0]);
    buf_adds(&path, "/legs");
    json_object_set_new(run->values, "state",
                        json_string(suspend ? "SUSPENDED" : "ACTIVE"));
    json_print(run->values, &text);
    AUTO(source_free) struct source *body = source_of_buf(&text);
    const struct ctl_request request = {
        .method = "POST", .path = buf_str(&path), .body = body, .type = "application/json"
    };
    ctl_call(run, &request, &answer);
    return ctl_show(run, &answer);
}
