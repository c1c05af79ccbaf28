/* The exchange folder: what is taken up and when, what is written and in which order. */
#include "unit/exchange/support_exchange.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/folder_private.h"
#include "base/file.h"
#include "base/id.h"
#include "format/json.h"
#include "http/server.h"
#include "store/bodies.h"
#include "store/deliverables.h"
#include "store/messages.h"

#define MD_MINIMAL "mappings/national/MD/samples/m01-adult-minimal.json"

struct post {
    struct desk md;
    struct ops *ops;
    struct folder_face *face;
    char folder[160];
};

static int post_setup(void **state)
{
    struct post *p = mem_alloc(sizeof *p);
    const struct folder_face_settings settings = { .poll_ms = 10, .again_ms = HOUR_MS };

    desk_open(&p->md, &desk_md);
    desk_partner(&p->md, &desk_ua, 1, "");
    snprintf(p->folder, sizeof p->folder, "%s/exchange", p->md.folder);
    p->md.offices[0].folder = p->folder;
    desk_install(&p->md, "MDUA-1");
    desk_snapshot(&p->md);
    const struct ops_env env = { .x = &p->md.x };
    p->ops = ops_new(&env);
    p->face = folder_new(p->ops, &settings);
    folder_round(p->face);
    *state = p;
    return 0;
}

static int post_teardown(void **state)
{
    struct post *p = *state;

    folder_stop(&p->face);
    ops_free(&p->ops);
    desk_close(&p->md);
    mem_free(&p);
    return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

static char *place(struct post *p, const char *name)
{
    return path_join(p->folder, name);
}

static void drop(struct post *p, const char *name, const void *data, size_t len)
{
    AUTO(mem_free) char *path = place(p, name);

    OK(file_write(path, data, len, 0600, &err));
}

static bool there(struct post *p, const char *name)
{
    AUTO(mem_free) char *path = place(p, name);

    return file_exists(path);
}

static size_t files_in(struct post *p, const char *sub)
{
    AUTO(mem_free) char *path = place(p, sub);
    DIR *dir = opendir(path);
    size_t count = 0;

    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        count += e->d_type == DT_REG;
    closedir(dir);
    return count;
}

static json_t *json_file(struct post *p, const char *name)
{
    AUTO(mem_free) char *path = place(p, name);
    AUTO(buf_free) struct buf octets = BUF_INIT(1 << 20);
    json_t *value;

    OK(file_read(path, &octets, &err));
    OK((value = json_parse(buf_str(&octets), octets.len, NULL, &err)) != NULL);
    return value;
}

/* The sample names the agreement with AL: made one of MDUA-1. */
static struct buf document(void)
{
    struct buf text = tree_file(MD_MINIMAL), out = BUF_INIT(1 << 20);
    const char *at = buf_str(&text), *hit;
    static const struct {
        const char *from, *to;
    } swaps[] = { { "ALMD-1", "MDUA-1" }, { "AL-ONAC", "UA-COORD" } };

    while (*at != '\0') {
        size_t k = 0;

        while (k < COUNT_OF(swaps) && !text_starts(at, swaps[k].from))
            k++;
        hit = k < COUNT_OF(swaps) ? swaps[k].to : NULL;
        if (hit != NULL) {
            buf_adds(&out, hit);
            at += strlen(swaps[k].from);
        } else {
            buf_addc(&out, *at++);
        }
    }
    buf_free(&text);
    return out;
}

static void rounds(struct post *p, unsigned count)
{
    while (count-- > 0)
        folder_round(p->face);
}

/* --- incoming -------------------------------------------------------------------------------- */

static void test_taken(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();

    drop(p, "incoming/case.json", buf_str(&d), d.len);
    rounds(p, 1);
    assert_true(there(p, "incoming/case.json")); /* seen once: it may still grow */
    rounds(p, 1);
    assert_false(there(p, "incoming/case.json"));
    assert_true(there(p, "done/case.json"));
    AUTO(json_drop) json_t *result = json_file(p, "done/case.json.result.json");
    assert_string_equal(json_string_value(json_object_get(result, "state")), "waiting");
    assert_true(json_is_false(json_object_get(result, "repeated")));
}

/* The same content again, under any name, is the same message; no file is written over. */
static void test_again(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();

    drop(p, "incoming/case.json", buf_str(&d), d.len);
    rounds(p, 2);
    drop(p, "incoming/case.json", buf_str(&d), d.len);
    rounds(p, 2);
    AUTO(json_drop) json_t *first = json_file(p, "done/case.json.result.json");
    AUTO(json_drop) json_t *second = json_file(p, "done/case~2.json.result.json");
    assert_string_equal(json_string_value(json_object_get(first, "messageId")),
                        json_string_value(json_object_get(second, "messageId")));
    assert_true(json_is_true(json_object_get(second, "repeated")));
}

static void test_rejected(void **state)
{
    struct post *p = *state;

    drop(p, "incoming/broken.json", "{\"type\": ", 9);
    drop(p, "incoming/empty.xml", "", 0);
    rounds(p, 2);
    assert_true(there(p, "rejected/broken.json"));
    AUTO(json_drop) json_t *result = json_file(p, "rejected/broken.json.result.json");
    assert_int_equal(json_integer_value(json_object_get(result, "status")), 422);
    assert_true(json_array_size(json_object_get(result, "findings")) > 0);
    assert_true(there(p, "rejected/empty.xml"));
}

static void test_too_large(void **state)
{
    struct post *p = *state;
    AUTO(mem_free) char *path = place(p, "incoming/large.xml");
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    assert_int_equal(ftruncate(fd, 300 << 20), 0); /* a hole: 300 MiB without a disk */
    close(fd);
    rounds(p, 2);
    AUTO(json_drop) json_t *result = json_file(p, "rejected/large.xml.result.json");
    assert_string_equal(json_string_value(json_object_get(result, "code")),
                        "buf.too-large");
}

static void test_still_growing(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();
    AUTO(mem_free) char *path = place(p, "incoming/slow.json");
    FILE *file = fopen(path, "wb");

    for (size_t at = 0; at < d.len; at += d.len / 4 + 1) {
        size_t piece = d.len - at < d.len / 4 + 1 ? d.len - at : d.len / 4 + 1;

        fwrite(buf_str(&d) + at, 1, piece, file);
        fflush(file);
        rounds(p, 1);
        assert_true(file_exists(path));
    }
    fclose(file);
    rounds(p, 2);
    assert_true(there(p, "done/slow.json"));
}

static void test_passed_over(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();
    AUTO(mem_free) char *link = place(p, "incoming/link.json");
    AUTO(mem_free) char *folder = place(p, "incoming/sub.xml");

    drop(p, "incoming/case.json.tmp", buf_str(&d), d.len);
    drop(p, "incoming/.case.json", buf_str(&d), d.len);
    assert_int_equal(symlink("/etc/hostname", link), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    rounds(p, 3);
    assert_int_equal(files_in(p, "done"), 0);
    assert_int_equal(files_in(p, "rejected"), 0);
    assert_true(there(p, "incoming/case.json.tmp"));
    assert_int_equal(unlink(link), 0);
}

/* An attachment that was there first is stored before its document is read. */
static void test_attachment(void **state)
{
    struct post *p = *state;

    drop(p, "incoming/scan.pdf", "%PDF-1.4 one", 12);
    rounds(p, 2);
    assert_true(there(p, "done/scan.pdf"));
    assert_false(there(p, "done/scan.pdf.result.json"));
    assert_int_equal(audited(&p->md, "attachment.uploaded"), 1);
    /* Another content under the same name. */
    drop(p, "incoming/scan.pdf", "%PDF-1.4 two", 12);
    rounds(p, 2);
    assert_true(there(p, "rejected/scan.pdf"));
    AUTO(json_drop) json_t *result = json_file(p, "rejected/scan.pdf.result.json");
    assert_string_equal(json_string_value(json_object_get(result, "code")),
                        "upload.other-content");
}

static void test_attachment_first(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();
    AUTO(mem_free) char *path = place(p, "incoming/scan.pdf");
    FILE *file = fopen(path, "wb");

    fputs("%PDF-1.4", file);
    fflush(file);
    drop(p, "incoming/case.json", buf_str(&d), d.len);
    rounds(p, 1);
    fputs(" more", file); /* it still grows, and was touched after the document */
    fflush(file);
    struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0); /* now it was before it */
    rounds(p, 1);
    assert_true(there(p, "incoming/case.json"));
    rounds(p, 2);
    assert_true(there(p, "done/scan.pdf"));
    assert_true(there(p, "done/case.json"));
    fclose(file);
}

/* --- outgoing -------------------------------------------------------------------------------- */

struct in_ctx {
    struct message m;
    char delivery[STORE_ROW_TEXT];
};

static bool in_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct in_ctx *c = ctx;
    static const char parts[] =
        "[{\"body\":\"part/1\",\"type\":\"text/plain\",\"compress\":\"no\"}]";
    bool taken;

    return message_add(tx, &c->m, &taken, err) &&
           body_put(tx, c->m.row, "parts", parts, strlen(parts), err) &&
           body_put(tx, c->m.row, "part/1", "hello", 5, err) &&
           message_set_state(tx, c->m.row, MESSAGE_READY, NULL, NULL, err) &&
           deliverable_add(tx, c->m.row, "MD-COORD", c->delivery, err);
}

/* An opaque message that came in: the smallest deliverable there is. */
static void deliver(struct post *p, struct in_ctx *c)
{
    *c = (struct in_ctx){ .m = { .direction = MESSAGE_IN,
                                 .state = MESSAGE_RECEIVED,
                                 .kind = "opaque",
                                 .partner = "UA-GW1",
                                 .own_office = "MD-COORD" } };
    uuid_make(c->m.id);
    desk_run(&p->md, in_work, c);
}

static void move_document(struct post *p, const char *delivery)
{
    AUTO(mem_free) char *from = mem_printf("%s/outgoing/%s.json", p->folder, delivery);
    AUTO(mem_free) char *to = mem_printf("%s/outgoing/done/%s.json", p->folder, delivery);

    assert_int_equal(rename(from, to), 0);
}

static void test_given(void **state)
{
    struct post *p = *state;
    struct in_ctx c;
    struct stat st;

    deliver(p, &c);
    rounds(p, 1);
    AUTO(mem_free) char *doc = mem_printf("outgoing/%s.json", c.delivery);
    AUTO(mem_free) char *part = mem_printf("outgoing/%s-1-1", c.delivery);
    AUTO(mem_free) char *path = place(p, doc);
    assert_true(there(p, doc));
    assert_true(there(p, part));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(audited(&p->md, "deliverable.given"), 1);
    /* It lies there: it is not written again. */
    rounds(p, 3);
    assert_int_equal(audited(&p->md, "deliverable.given"), 1);

    move_document(p, c.delivery);
    rounds(p, 1);
    assert_int_equal(audited(&p->md, "deliverable.acknowledged"), 1);
    assert_int_equal(files_in(p, "outgoing"), 0);
    assert_int_equal(files_in(p, "outgoing/done"), 0);
}

/* We wrote it and died before we could say so; the office had taken it meanwhile. */
static void test_taken_before_given(void **state)
{
    struct post *p = *state;
    struct in_ctx c;

    deliver(p, &c);
    AUTO(mem_free) char *moved = mem_printf("outgoing/done/%s.json", c.delivery);
    drop(p, moved, "{}", 2);
    rounds(p, 1);
    assert_int_equal(audited(&p->md, "deliverable.acknowledged"), 1);
    assert_int_equal(files_in(p, "outgoing"), 0);
    assert_false(there(p, moved));
}

/* The document went away without an acknowledgement: it comes again under the same id. */
static void test_given_again(void **state)
{
    struct post *p = *state;
    struct in_ctx c;

    deliver(p, &c);
    rounds(p, 1);
    AUTO(mem_free) char *doc = mem_printf("outgoing/%s.json", c.delivery);
    AUTO(mem_free) char *path = place(p, doc);
    assert_int_equal(unlink(path), 0);
    rounds(p, 1);
    assert_false(there(p, doc)); /* not yet due */
    p->md.clock.fixed_ms += 2 * HOUR_MS;
    rounds(p, 1);
    assert_true(there(p, doc));
    assert_int_equal(audited(&p->md, "deliverable.given"), 2);
}

static void test_foreign_file(void **state)
{
    struct post *p = *state;

    drop(p, "outgoing/done/note.xml", "<a/>", 4);
    drop(p, "outgoing/done/00000000-0000-4000-8000-000000000000.xml", "<a/>", 4);
    rounds(p, 2);
    assert_int_equal(files_in(p, "outgoing/done"), 2);
}

/* Nothing of an acknowledged delivery stays, not even what was half written when we died. */
static void test_half_written(void **state)
{
    struct post *p = *state;
    struct in_ctx c;

    deliver(p, &c);
    rounds(p, 1);
    AUTO(mem_free) char *half = mem_printf("outgoing/%s-2-scan.pdf.tmp", c.delivery);
    drop(p, half, "half", 4);
    move_document(p, c.delivery);
    rounds(p, 1);
    assert_int_equal(files_in(p, "outgoing"), 0);
}

/* A link in the place of a folder: nothing is moved through it, all goes on when it is gone. */
static void test_link_for_folder(void **state)
{
    struct post *p = *state;
    AUTO(buf_free) struct buf d = document();
    AUTO(mem_free) char *done = place(p, "done");
    AUTO(mem_free) char *aside = place(p, "aside");

    rounds(p, 1);
    assert_int_equal(rename(done, aside), 0);
    assert_int_equal(symlink(aside, done), 0);
    drop(p, "incoming/case.json", buf_str(&d), d.len);
    rounds(p, 3);
    assert_true(there(p, "incoming/case.json"));
    assert_int_equal(files_in(p, "aside"), 0);
    assert_int_equal(unlink(done), 0);
    rounds(p, 3);
    assert_true(there(p, "done/case.json"));
}

/* --- names ----------------------------------------------------------------------------------- */

static void test_names(void **state)
{
    static const struct {
        const char *name, *safe;
    } rows[] = {
        { "scan.pdf", "scan.pdf" },
        { "../../etc/passwd", "passwd" },
        { "a/b\\c.pdf", "b_c.pdf" },
        { ".hidden", "_hidden" },
        { "", "file" },
        { NULL, "file" },
        { "a\nb.pdf", "a_b.pdf" },
        { "скан.pdf", "скан.pdf" },
        { "\xff\xfe", "file" },
        { "two words.pdf", "two_words.pdf" },
        { "x.tmp", "x_tmp" },
        { ".tmp", "_tmp" },
        { "photo\u202Egpj.exe", "photo_gpj.exe" },
        { "\u2066a\u2069", "_a_" },
        { "a\u2029\u202F\u2065", "a\u2029\u202F\u2065" },
    };
    char out[128], longest[400];

    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        folder_safe_name(rows[i].name, out);
        assert_string_equal(out, rows[i].safe);
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    folder_safe_name(longest, out);
    assert_int_equal(strlen(out), 100);
    assert_true(folder_is_document("a.xml"));
    assert_true(folder_is_document("a.json"));
    assert_false(folder_is_document("a.result.json"));
    assert_false(folder_is_document("a.losses.json"));
    assert_false(folder_is_document("a.pdf"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_half_written),
        T(test_link_for_folder),
        T(test_taken),
        T(test_again),
        T(test_rejected),
        T(test_too_large),
        T(test_still_growing),
        T(test_passed_over),
        T(test_attachment),
        T(test_attachment_first),
        T(test_given),
        T(test_taken_before_given),
        T(test_given_again),
        T(test_foreign_file),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
