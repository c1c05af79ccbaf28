/*
 * bundle.c - collecting, checking and packing what an agreement needs.
 *
 * On the way a bundle is a tar archive (POSIX ustar, plain files, time 0, names in order), so that
 * `tar -tf` and `sha256sum` show what two states have put into force without any program of ours.
 * Reading is stricter than tar: plain files only, names of a fileset, checksums right, nothing behind
 * the end.
 */
#include "agreement/bundle.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/evp.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/mem.h"
#include "format/json.h"
#include "model/findings.h"
#include "model/path.h"

#define CANONICAL_XSD  "mappings/canonical/referral-1.xsd"
#define CANONICAL_DIR  "mappings/canonical/"
#define LISTS_DIR      "mappings/lists/"
#define AGREEMENT_MAPS "mappings/agreements/"
#define NAME_MAX_TEXT  512

/* --- small helpers -------------------------------------------------------------------------- */

static void sha256_text(const void *data, size_t len, char out[65])
{
    AUTO(buf_free) struct buf hex = BUF_INIT(65);
    unsigned char digest[32] = { 0 };

    EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);
    hex_add(&hex, digest, sizeof digest);
    memcpy(out, buf_str(&hex), 65);
}

static bool name_fits(const char *name); /* a header of the archive */

static bool add_item(struct fileset *to, const struct file_item *item, struct err *err)
{
    if (!name_fits(item->name))
        return err_set(
            err, ERR_CONFIG, "bundle.name",
            "the name %s is too long for a bundle: at most 100 octets behind a "
            "slash and 155 before it",
            item->name);
    return fileset_get(to, item->name) != NULL ||
           fileset_add(to, item->name, item->data, item->len, err);
}

static bool add_named(struct fileset *to, const struct fileset *from, const char *name,
                      struct err *err)
{
    const struct file_item *item = fileset_get(from, name);

    if (item == NULL)
        return err_set(err, ERR_CONFIG, "bundle.missing",
                       "the bundle needs %s, which is not there", name);
    return add_item(to, item, err);
}

/* Sample documents show a form; nothing depends on them. */
static bool is_sample(const char *name)
{
    return strstr(name, "/samples/") != NULL;
}

static bool add_below(struct fileset *to, const struct fileset *from, const char *folder,
                      struct err *err)
{
    bool any = false;

    for (size_t i = 0; i < fileset_count(from); i++) {
        const struct file_item *item = fileset_at(from, i);

        if (!text_starts(item->name, folder) || is_sample(item->name))
            continue;
        any = true;
        if (!add_item(to, item, err))
            return false;
    }
    return any ||
           err_set(err, ERR_CONFIG, "bundle.missing",
                   "the bundle needs the files below %s, and there are none", folder);
}

/* --- collecting ----------------------------------------------------------------------------- */

/* The text of a key of a JSON file, two levels deep; "" when there is none. */
static bool extends_of(const struct file_item *item, char *out, size_t size,
                       struct err *err)
{
    AUTO(json_drop)
    json_t *root = json_parse(item->data, item->len, &json_limits_config, err);
    const char *base;

    if (root == NULL)
        return err_context(err, "%s", item->name);
    base =
        json_string_value(json_object_get(json_object_get(root, "extends"), "mapping"));
    snprintf(out, size, "%s", base == NULL ? "" : base);
    return true;
}

static bool add_mapping(struct fileset *to, const struct fileset *tree,
                        const char *mapping, struct err *err)
{
    char name[NAME_MAX_TEXT], base[NAME_MAX_TEXT];

    if (text_starts(mapping, "national/")) {
        snprintf(name, sizeof name, "mappings/%s/", mapping);
        return add_below(to, tree, name, err);
    }
    snprintf(name, sizeof name, AGREEMENT_MAPS "%s.json", mapping);
    if (!add_named(to, tree, name, err) ||
        !extends_of(fileset_get(tree, name), base, sizeof base, err))
        return false;
    return base[0] == '\0' || add_mapping(to, tree, base, err);
}

static bool add_cases(struct fileset *to, const struct fileset *tree,
                      const char *agreement, struct err *err)
{
    char folder[NAME_MAX_TEXT];

    snprintf(folder, sizeof folder, AGREEMENT_MAPS "%s/", agreement);
    for (size_t i = 0; i < fileset_count(tree); i++)
        if (text_starts(fileset_at(tree, i)->name, folder) &&
            !add_item(to, fileset_at(tree, i), err))
            return false;
    return true;
}

static struct path_table *paths_of(const struct fileset *set, struct err *err)
{
    const struct file_item *xsd = fileset_get(set, CANONICAL_XSD);

    if (xsd == NULL) {
        err_set(err, ERR_CONFIG, "bundle.missing", "the bundle needs " CANONICAL_XSD);
        return NULL;
    }
    return path_compile(xsd->data, xsd->len, err);
}

static bool collect_files(struct fileset *to, const struct fileset *tree,
                          const struct agreement *a, struct err *err)
{
    const struct strlist *files = agreement_files(a);

    for (size_t i = 0; i < files->count; i++)
        if (!add_named(to, tree, files->items[i], err))
            return false;
    for (size_t i = 0; i < agreement_party_count(a); i++) {
        const char *mapping = agreement_party_at(a, i)->mapping;

        if (mapping != NULL && !add_mapping(to, tree, mapping, err))
            return false;
    }
    return add_below(to, tree, CANONICAL_DIR, err) &&
           add_below(to, tree, LISTS_DIR, err) &&
           add_cases(to, tree, agreement_id(a), err);
}

/* --- manifest ------------------------------------------------------------------------------- */

static bool add_manifest(struct fileset *bundle, const struct agreement *a,
                         struct err *err)
{
    AUTO(json_drop) json_t *manifest = json_object();
    AUTO(buf_free) struct buf text = BUF_INIT(FILESET_FILE_MAX);
    json_t *files = json_object();
    char digest[FILESET_DIGEST];

    for (size_t i = 0; i < fileset_count(bundle); i++) {
        const struct file_item *item = fileset_at(bundle, i);

        sha256_text(item->data, item->len, digest);
        json_object_set_new(files, item->name, json_string(digest));
    }
    fileset_digest(bundle, digest);
    json_object_set_new(manifest, "bundle", json_string(agreement_id(a)));
    json_object_set_new(manifest, "version", json_string(agreement_version(a)));
    json_object_set_new(manifest, "digest", json_string(digest));
    json_object_set_new(manifest, "files", files);
    json_print_pretty(manifest, &text);
    return buf_check(&text, BUNDLE_MANIFEST, err) &&
           fileset_add(bundle, BUNDLE_MANIFEST, buf_str(&text), text.len, err);
}

struct fileset *bundle_collect(const struct fileset *tree, const char *agreement,
                               struct err *err)
{
    AUTO(path_free) struct path_table *paths = paths_of(tree, err);
    AUTO(agreement_free) struct agreement *a = NULL;
    AUTO(fileset_free) struct fileset *to = fileset_new();

    if (paths == NULL)
        return NULL;
    a = agreement_load(tree, agreement, paths, err);
    if (a == NULL || !collect_files(to, tree, a, err) || !add_manifest(to, a, err))
        return NULL;
    return TAKE(to);
}

void bundle_digest(const struct fileset *bundle, char out[FILESET_DIGEST])
{
    AUTO(fileset_free) struct fileset *rest = fileset_new();
    struct err drop = { 0 };

    for (size_t i = 0; i < fileset_count(bundle); i++) {
        const struct file_item *item = fileset_at(bundle, i);

        if (!text_eq(item->name, BUNDLE_MANIFEST) && !add_item(rest, item, &drop))
            break; /* it was in a set, so it fits in one */
    }
    fileset_digest(rest, out);
}

static json_t *manifest_of(const struct fileset *bundle, struct err *err)
{
    const struct file_item *item = fileset_get(bundle, BUNDLE_MANIFEST);

    if (item == NULL) {
        err_set(err, ERR_CONFIG, "bundle.missing", "the bundle has no " BUNDLE_MANIFEST);
        return NULL;
    }
    return json_parse(item->data, item->len, &json_limits_config, err);
}

char *bundle_agreement_id(const struct fileset *bundle)
{
    struct err drop = { 0 };
    AUTO(json_drop) json_t *manifest = manifest_of(bundle, &drop);

    return mem_strdup(json_string_value(json_object_get(manifest, "bundle")));
}

/* --- checking ------------------------------------------------------------------------------- */

static void complain(struct report *ret, const char *file, const char *remedy,
                     const char *text)
{
    report_add(ret,
               &(struct report_entry){
                   .code = "E-BUNDLE", .file = file, .text = text, .remedy = remedy });
}

static void check_files(const struct fileset *bundle, const json_t *files,
                        struct report *ret)
{
    const char *again = "take the bundle as its maker sealed it, or make it anew";
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)files, name, value) {
        const struct file_item *item = fileset_get(bundle, name);
        char digest[FILESET_DIGEST];

        if (item == NULL) {
            complain(ret, name, again, "the manifest names it, and it is not there");
            continue;
        }
        sha256_text(item->data, item->len, digest);
        if (!text_eq(json_string_value(value), digest))
            complain(ret, name, again, "it is not what the manifest says it is");
    }
    for (size_t i = 0; i < fileset_count(bundle); i++) {
        name = fileset_at(bundle, i)->name;
        if (!text_eq(name, BUNDLE_MANIFEST) && json_object_get(files, name) == NULL)
            complain(ret, name, again, "the manifest does not name it");
    }
}

static bool same_file(const struct fileset *a, const struct fileset *b, const char *name)
{
    const struct file_item *one = fileset_get(a, name), *two = fileset_get(b, name);

    return one != NULL && two != NULL && one->len == two->len &&
           memcmp(one->data, two->data, one->len) == 0;
}

/* What the agreement in it needs is what is in it, and the manifest is the one we would write. */
static void check_whole(const struct fileset *bundle, const char *id, struct report *ret)
{
    struct err err = { 0 };
    AUTO(fileset_free) struct fileset *needed = bundle_collect(bundle, id, &err);

    if (needed == NULL) {
        complain(ret, BUNDLE_MANIFEST, "make the bundle anew", err.text);
        return;
    }
    for (size_t i = 0; i < fileset_count(bundle); i++)
        if (fileset_get(needed, fileset_at(bundle, i)->name) == NULL)
            complain(ret, fileset_at(bundle, i)->name, "make the bundle anew",
                     "the agreement has no use for it");
    if (!same_file(bundle, needed, BUNDLE_MANIFEST))
        complain(ret, BUNDLE_MANIFEST, "make the bundle anew",
                 "it is not the manifest of these files");
}

bool bundle_validate(const struct fileset *bundle, struct report *ret)
{
    struct err err = { 0 };
    AUTO(json_drop) json_t *manifest = manifest_of(bundle, &err);
    size_t before = report_errors(ret);
    const char *id = json_string_value(json_object_get(manifest, "bundle"));
    char digest[FILESET_DIGEST];

    if (manifest == NULL || id == NULL ||
        !json_is_object(json_object_get(manifest, "files"))) {
        complain(ret, BUNDLE_MANIFEST, "make the bundle anew",
                 manifest == NULL ? err.text
                                  : "it does not name the agreement and its files");
        return false;
    }
    check_files(bundle, json_object_get(manifest, "files"), ret);
    bundle_digest(bundle, digest);
    if (!text_eq(json_string_value(json_object_get(manifest, "digest")), digest))
        complain(ret, BUNDLE_MANIFEST, "take the bundle as its maker sealed it",
                 "the digest of the whole is another");
    if (report_errors(ret) == before)
        check_whole(bundle, id, ret);
    return report_errors(ret) == before;
}

/* --- tar ------------------------------------------------------------------------------------ */

#define BLOCK      512
#define NAME_FIELD 100 /* octets of a name without prefix */
#define SIZE_AT    124
#define SUM_AT     148
#define TYPE_AT    156
#define MAGIC_AT   257
#define PREFIX_AT  345
#define PREFIX_MAX 155

static unsigned sum_of(const unsigned char *block)
{
    unsigned sum = 0;

    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : block[i];
    return sum;
}

/* A long name is cut at a slash: what stands before it is the prefix. */
static void put_name(unsigned char *block, const char *name)
{
    size_t len = strlen(name), cut = 0;

    if (len > NAME_FIELD) {
        for (cut = len - NAME_FIELD - 1; name[cut] != '\0' && name[cut] != '/'; cut++)
            ;
        memcpy(block + PREFIX_AT, name, cut < PREFIX_MAX ? cut : PREFIX_MAX);
        cut++;
    }
    memcpy(block, name + cut, len - cut);
}

/* Does a name fit a header, whole or cut at a slash? */
static bool name_fits(const char *name)
{
    size_t len = strlen(name);
    const char *slash;

    if (len <= NAME_FIELD)
        return true;
    slash = strchr(name + len - NAME_FIELD - 1, '/');
    return slash != NULL && slash[1] != '\0' && slash - name <= PREFIX_MAX;
}

static void put_header(const struct file_item *item, struct buf *out)
{
    unsigned char block[BLOCK] = { 0 };
    char number[16];

    put_name(block, item->name);
    memcpy(block + 100, "0000644", 7);
    memcpy(block + 108, "0000000", 7);
    memcpy(block + 116, "0000000", 7);
    snprintf(number, sizeof number, "%011zo", item->len);
    memcpy(block + SIZE_AT, number, 11);
    memcpy(block + 136, "00000000000", 11);
    block[TYPE_AT] = '0';
    memcpy(block + MAGIC_AT, "ustar\00000", 8);
    snprintf(number, sizeof number, "%06o", sum_of(block));
    memcpy(block + SUM_AT, number, 6);
    block[SUM_AT + 7] = ' ';
    buf_add(out, block, sizeof block);
}

static void put_file(const struct file_item *item, struct buf *out)
{
    static const char zero[BLOCK];

    put_header(item, out);
    buf_add(out, item->data, item->len);
    buf_add(out, zero, (BLOCK - item->len % BLOCK) % BLOCK);
}

void bundle_pack(const struct fileset *bundle, struct buf *out)
{
    static const char end[2 * BLOCK];
    const struct file_item *manifest = fileset_get(bundle, BUNDLE_MANIFEST);

    if (manifest != NULL)
        put_file(manifest, out);
    for (size_t i = 0; i < fileset_count(bundle); i++)
        if (!text_eq(fileset_at(bundle, i)->name, BUNDLE_MANIFEST))
            put_file(fileset_at(bundle, i), out);
    buf_add(out, end, sizeof end);
}

static bool is_zero(const unsigned char *block, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (block[i] != 0)
            return false;
    return true;
}

/* Octal digits, then a NUL or blank. */
static bool get_octal(const unsigned char *field, size_t len, uint64_t *ret)
{
    uint64_t value = 0;
    size_t i = 0;

    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value * 8 + (uint64_t)(field[i] - '0');
    if (i == 0 || i == len || (field[i] != 0 && field[i] != ' '))
        return false;
    *ret = value;
    return true;
}

static bool get_name(const unsigned char *block, char out[NAME_MAX_TEXT])
{
    const char *name = (const char *)block, *prefix = (const char *)block + PREFIX_AT;
    int name_len = (int)strnlen(name, NAME_FIELD),
        prefix_len = (int)strnlen(prefix, PREFIX_MAX);

    if (name_len == 0)
        return false;
    snprintf(out, NAME_MAX_TEXT, "%.*s%s%.*s", prefix_len, prefix,
             prefix_len > 0 ? "/" : "", name_len, name);
    return true;
}

static bool bad(struct err *err, size_t at, const char *what)
{
    return err_set(err, ERR_REJECT, "bundle.form", "the bundle at octet %zu: %s", at,
                   what);
}

/* One file; *ret_next is behind it. */
static bool get_file(struct fileset *set, const unsigned char *data, size_t len,
                     size_t at, size_t *ret_next, struct err *err)
{
    const unsigned char *block = data + at;
    char name[NAME_MAX_TEXT];
    uint64_t size, sum;
    size_t next;

    if (memcmp(block + MAGIC_AT, "ustar", 6) != 0)
        return bad(err, at, "this is no ustar header");
    if (!get_octal(block + SUM_AT, 8, &sum) || sum != sum_of(block))
        return bad(err, at, "the header's checksum is wrong");
    if (block[TYPE_AT] != '0')
        return bad(err, at, "only plain files are taken");
    if (!get_octal(block + SIZE_AT, 12, &size) || size > FILESET_FILE_MAX)
        return bad(err, at, "the size of a file is wrong or too large");
    if (!get_name(block, name))
        return bad(err, at, "a file has no name");
    next = at + BLOCK + (size + BLOCK - 1) / BLOCK * BLOCK;
    if (next > len)
        return bad(err, at, "the file is cut off");
    if (!is_zero(data + at + BLOCK + size, next - (at + BLOCK + size)))
        return bad(err, at, "something stands between two files");
    if (!fileset_add(set, name, data + at + BLOCK, size, err)) {
        err->kind = ERR_REJECT;
        return false;
    }
    *ret_next = next;
    return true;
}

struct fileset *bundle_unpack(const void *octets, size_t len, struct err *err)
{
    AUTO(fileset_free) struct fileset *set = fileset_new();
    const unsigned char *data = octets;
    size_t at = 0;

    if (len > BUNDLE_OCTETS_MAX) {
        err_set(err, ERR_REJECT, "bundle.too-large",
                "the bundle has more than %zu octets", (size_t)BUNDLE_OCTETS_MAX);
        return NULL;
    }
    for (;;) {
        if (at > len || len - at < BLOCK) {
            bad(err, at, "it ends without the two empty blocks");
            return NULL;
        }
        if (is_zero(data + at, BLOCK))
            break;
        if (!get_file(set, data, len, at, &at, err))
            return NULL;
    }
    if (len - at < 2 * BLOCK || !is_zero(data + at, len - at)) {
        bad(err, at, "something stands behind its end, or the end is cut off");
        return NULL;
    }
    return TAKE(set);
}
