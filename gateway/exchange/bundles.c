/*
 * bundles.c - bundles unpacked, their agreements read, their mappings compiled when first used.
 *
 * A bundle that does not read any more (say, after a downgrade) is left out with a log line that
 * names it; the others go on. Compiled mappings are kept for the life of the bundle; compiling
 * one twice at once is avoided by a lock, not forbidden.
 */
#include "exchange/bundles.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "agreement/bundle.h"
#include "agreement/check.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/xsd.h"
#include "model/codes.h"
#include "model/fileset.h"
#include "model/findings.h"
#include "model/path.h"
#include "store/bundles.h"
#include "store/store.h"

#define CANONICAL_FOLDER "mappings/canonical"
#define CANONICAL_XSD    "referral-1.xsd"
#define LISTS_FOLDER     "mappings/lists"
#define FORMS_MAX        AGREEMENT_LIST_MAX
#define BUNDLES_MAX      256

struct compiled {
    char *form;
    struct mapping *mapping; /* NULL: it does not compile, see err */
    struct report report;
    struct err err;
};

struct bundle_private {
    struct fileset *files;
    struct agreement *agreement;
    struct codes *codes;
    struct path_table *paths;
    struct xsd *canonical;
    pthread_mutex_t lock; /* over what follows */
    struct compiled *compiled;
    size_t count, cap;
};

struct bundles {
    struct bundle *items[BUNDLES_MAX];
    size_t count;
};

/* --- one bundle --------------------------------------------------------------------------- */

void bundle_free(struct bundle **bundle)
{
    struct bundle *b = *bundle;

    if (b == NULL)
        return;
    for (size_t i = 0; i < b->private->count; i++) {
        mapping_free(&b->private->compiled[i].mapping);
        report_free(&b->private->compiled[i].report);
        mem_free(&b->private->compiled[i].form);
    }
    mem_free(&b->private->compiled);
    agreement_free(&b->private->agreement);
    codes_free(&b->private->codes);
    path_free(&b->private->paths);
    xsd_free(&b->private->canonical);
    fileset_free(&b->private->files);
    pthread_mutex_destroy(&b->private->lock);
    mem_free(&b->private);
    mem_free(bundle);
}

/* Schema files that stand directly in a folder. */
static size_t schema_files(const struct fileset *folder, struct xsd_file *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < fileset_count(folder) && count < max; i++) {
        const struct file_item *f = fileset_at(folder, i);

        if (strchr(f->name, '/') == NULL && text_ends(f->name, ".xsd"))
            out[count++] = (struct xsd_file){ f->name, f->data, f->len };
    }
    return count;
}

static bool open_canonical(struct bundle_private *p, struct err *err)
{
    AUTO(fileset_free) struct fileset *folder = fileset_below(p->files, CANONICAL_FOLDER);
    struct xsd_file files[XSD_FILES_MAX];
    const struct file_item *main_file = fileset_get(folder, CANONICAL_XSD);
    size_t count = schema_files(folder, files, COUNT_OF(files));

    if (main_file == NULL)
        return err_set(err, ERR_CONFIG, "bundle.missing", "%s/%s is not in the bundle",
                       CANONICAL_FOLDER, CANONICAL_XSD);
    p->paths = path_compile(main_file->data, main_file->len, err);
    if (p->paths == NULL)
        return false;
    p->canonical = xsd_compile(files, count, CANONICAL_XSD, err);
    return p->canonical != NULL;
}

static bool open_lists(struct bundle_private *p, struct err *err)
{
    AUTO(fileset_free) struct fileset *folder = fileset_below(p->files, LISTS_FOLDER);

    p->codes = codes_load(folder, err);
    return p->codes != NULL;
}

/* Takes the files. */
static struct bundle *open_files(struct fileset **files, struct err *err)
{
    AUTO(bundle_free) struct bundle *b = mem_alloc(sizeof *b);
    AUTO(mem_free) char *id = bundle_agreement_id(*files);
    struct bundle_private *p = b->private = mem_alloc(sizeof *p);

    pthread_mutex_init(&p->lock, NULL);
    p->files = TAKE(*files);
    if (id == NULL) {
        err_set(err, ERR_REJECT, "bundle.form", "the bundle has no manifest");
        return NULL;
    }
    if (!open_canonical(p, err) || !open_lists(p, err))
        return NULL;
    p->agreement = agreement_load(p->files, id, p->paths, err);
    if (p->agreement == NULL)
        return NULL;
    bundle_digest(p->files, b->digest);
    b->agreement = p->agreement;
    b->codes = p->codes;
    b->paths = p->paths;
    b->canonical = p->canonical;
    return TAKE(b);
}

struct bundle *bundle_open(const void *octets, size_t len, struct report *ret,
                           struct err *err)
{
    AUTO(fileset_free) struct fileset *files = bundle_unpack(octets, len, err);

    if (files == NULL)
        return NULL;
    if (!bundle_validate(files, ret)) {
        err_set(err, ERR_REJECT, "bundle.form",
                "the bundle is not complete: see findings");
        return NULL;
    }
    return open_files(&files, err);
}

struct bundle *bundle_open_tree(const char *tree, const char *agreement,
                                struct report *ret, struct err *err)
{
    AUTO(fileset_free) struct fileset *all = bundle_tree(tree, err);
    AUTO(fileset_free) struct fileset *files = NULL;

    (void)ret;
    if (all == NULL)
        return NULL;
    files = bundle_collect(all, agreement, err);
    return files == NULL ? NULL : open_files(&files, err);
}

static bool add_folder(struct fileset *all, const char *tree, const char *name,
                       struct err *err)
{
    AUTO(mem_free) char *path = mem_printf("%s/%s", tree, name);
    AUTO(fileset_free) struct fileset *part = fileset_load(path, err);

    if (part == NULL)
        return false;
    for (size_t i = 0; i < fileset_count(part); i++) {
        const struct file_item *f = fileset_at(part, i);
        AUTO(mem_free) char *full = mem_printf("%s/%s", name, f->name);

        if (!fileset_add(all, full, f->data, f->len, err))
            return false;
    }
    return true;
}

struct fileset *bundle_tree(const char *tree, struct err *err)
{
    AUTO(fileset_free) struct fileset *all = fileset_new();

    if (!add_folder(all, tree, "mappings", err) ||
        !add_folder(all, tree, "agreements", err))
        return NULL;
    return TAKE(all);
}

const struct fileset *bundle_files(const struct bundle *bundle)
{
    return bundle->private->files;
}

/* --- mappings ----------------------------------------------------------------------------- */

/* "national/MD" is the base alone; "MDUA-1/MD" is what the agreement changes in it. */
static struct json_doc *load_json(const struct bundle_private *p, const char *name,
                                  struct err *err)
{
    const struct file_item *f = fileset_get(p->files, name);

    if (f == NULL) {
        err_set(err, ERR_CONFIG, "bundle.missing", "%s is not in the bundle", name);
        return NULL;
    }
    return json_doc_parse(name, f->data, f->len, ERR_CONFIG, &json_limits_config, err);
}

static char *base_folder(const struct agreement_party *party)
{
    const char *slash = strrchr(party->mapping, '/');

    return mem_printf("mappings/national/%s", slash != NULL ? slash + 1 : party->mapping);
}

static void compile(const struct bundle_private *p, const struct agreement_party *party,
                    struct compiled *c)
{
    AUTO(mem_free) char *folder_name = base_folder(party);
    AUTO(mem_free) char *base_name = mem_printf("%s/mapping.json", folder_name);
    AUTO(mem_free)
    char *own_name = mem_printf("mappings/agreements/%s.json", party->mapping);
    AUTO(fileset_free) struct fileset *folder = fileset_below(p->files, folder_name);
    AUTO(json_doc_free)
    struct json_doc *base = load_json(p, base_name, &c->err),
                    *own = NULL;
    const struct file_item *xsd =
        fileset_get(p->files, CANONICAL_FOLDER "/" CANONICAL_XSD);
    struct mapping_file files[MAPPING_FILES_MAX];
    size_t count = 0;

    if (base == NULL)
        return;
    if (!text_starts(party->mapping, "national/")) {
        own = load_json(p, own_name, &c->err);
        if (own == NULL)
            return;
    }
    for (size_t i = 0; i < fileset_count(folder) && count < COUNT_OF(files); i++) {
        const struct file_item *f = fileset_at(folder, i);

        if (strchr(f->name, '/') == NULL && !text_eq(f->name, "mapping.json"))
            files[count++] = (struct mapping_file){ f->name, f->data, f->len };
    }
    const struct mapping_sources sources = { .base = base,
                                             .agreement = own,
                                             .files = files,
                                             .file_count = count,
                                             .canonical_xsd = xsd->data,
                                             .canonical_xsd_len = xsd->len,
                                             .codes = p->codes };
    c->mapping = mapping_compile(&sources, &c->report, &c->err);
}

static const struct agreement_party *party_of_form(const struct agreement *a,
                                                   const char *form)
{
    for (size_t i = 0; i < agreement_party_count(a); i++) {
        const struct agreement_party *p = agreement_party_at(a, i);

        if (p->mapping != NULL && text_eq(p->form, form))
            return p;
    }
    return NULL;
}

/* The lock is held. */
static struct compiled *compiled_of(struct bundle_private *p, const char *form)
{
    const struct agreement_party *party = party_of_form(p->agreement, form);

    for (size_t i = 0; i < p->count; i++)
        if (text_eq(p->compiled[i].form, form))
            return &p->compiled[i];
    if (party == NULL)
        return NULL;
    p->compiled = mem_grow(p->compiled, p->count, &p->cap, sizeof *p->compiled);
    struct compiled *c = &p->compiled[p->count++];
    *c = (struct compiled){ .form = mem_strdup(form) };
    compile(p, party, c);
    return c;
}

const struct mapping *bundle_mapping(const struct bundle *bundle, const char *form,
                                     struct err *err)
{
    struct bundle_private *p = bundle->private;
    const struct mapping *found = NULL;

    pthread_mutex_lock(&p->lock);
    const struct compiled *c = compiled_of(p, form);
    if (c == NULL)
        err_set(err, ERR_CONFIG, "bundle.no-mapping", "no party of agreement %s uses %s",
                agreement_id(bundle->agreement), form);
    else if (c->mapping == NULL)
        *err = c->err;
    else
        found = c->mapping;
    pthread_mutex_unlock(&p->lock);
    return found;
}

bool bundle_check(const struct bundle *bundle, struct report *ret, struct err *err)
{
    struct bundle_private *p = bundle->private;

    (void)err;
    for (size_t i = 0; i < agreement_party_count(bundle->agreement); i++) {
        const struct agreement_party *party = agreement_party_at(bundle->agreement, i);

        if (party->mapping == NULL)
            continue;
        pthread_mutex_lock(&p->lock);
        const struct compiled *c = compiled_of(p, party->form);
        report_append(ret, &c->report);
        if (c->mapping == NULL && report_errors(&c->report) == 0)
            report_add(ret, &(struct report_entry){ .code = "E-BUNDLE",
                                                    .file = party->mapping,
                                                    .text = c->err.text });
        pthread_mutex_unlock(&p->lock);
    }
    return true;
}

/* --- all of them -------------------------------------------------------------------------- */

struct load_ctx {
    struct bundles *all;
    struct bundle_row rows[BUNDLES_MAX];
    size_t count;
};

static bool note_row(void *ctx, const struct bundle_row *row)
{
    struct load_ctx *c = ctx;

    if (c->count < BUNDLES_MAX)
        c->rows[c->count++] = *row;
    return true;
}

static void load_one(struct store_tx *tx, struct load_ctx *c,
                     const struct bundle_row *row)
{
    AUTO(buf_free) struct buf octets = BUF_INIT(BUNDLE_OCTETS_MAX);
    AUTO(report_free) struct report report = { 0 };
    struct bundle *b = NULL;
    struct err err = { 0 };
    bool found = false;

    if (bundle_load(tx, row->digest, &octets, &found, &err) && found)
        b = bundle_open(octets.data, octets.len, &report, &err);
    if (b == NULL) {
        log_error("bundle.left-out", log_s("agreement", row->agreement),
                  log_s("version", row->version), log_fault(&err));
        return;
    }
    b->in_force = row->in_force;
    c->all->items[c->all->count++] = b;
}

static void drop_all(struct bundles *all)
{
    for (size_t i = 0; i < all->count; i++)
        bundle_free(&all->items[i]);
    all->count = 0;
}

static bool load_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct load_ctx *c = ctx;

    drop_all(c->all);
    c->count = 0;
    if (!bundle_each(tx, note_row, c, err))
        return false;
    for (size_t i = 0; i < c->count; i++)
        load_one(tx, c, &c->rows[i]);
    return true;
}

struct bundles *bundles_load(struct store *store, struct err *err)
{
    struct bundles *all = mem_alloc(sizeof *all);
    struct load_ctx *ctx = mem_alloc(sizeof *ctx);

    ctx->all = all;
    if (!store_read(store, load_work, ctx, err))
        bundles_free(&all);
    mem_free(&ctx);
    return all;
}

void bundles_free(struct bundles **bundles)
{
    if (*bundles == NULL)
        return;
    drop_all(*bundles);
    mem_free(bundles);
}

size_t bundles_count(const struct bundles *bundles)
{
    return bundles->count;
}

const struct bundle *bundles_at(const struct bundles *bundles, size_t index)
{
    return bundles->items[index];
}

const struct bundle *bundles_in_force(const struct bundles *bundles,
                                      const char *agreement)
{
    for (size_t i = 0; i < bundles->count; i++)
        if (bundles->items[i]->in_force &&
            text_eq(agreement_id(bundles->items[i]->agreement), agreement))
            return bundles->items[i];
    return NULL;
}

const struct bundle *bundles_by_digest(const struct bundles *bundles, const char *digest)
{
    for (size_t i = 0; i < bundles->count; i++)
        if (text_eq(bundles->items[i]->digest, digest))
            return bundles->items[i];
    return NULL;
}

void bundles_between(const struct bundles *bundles, const char *a, const char *b,
                     struct strlist *ret)
{
    for (size_t i = 0; i < bundles->count; i++) {
        const struct agreement *g = bundles->items[i]->agreement;

        if (agreement_has_gateway(g, a) && agreement_has_gateway(g, b) &&
            !strlist_has(ret, agreement_id(g)))
            strlist_add(ret, agreement_id(g));
    }
}
