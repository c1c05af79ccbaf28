/*
 * snapshot.c - built whole or not at all; counted; exchanged in one step.
 */
#include "exchange/snapshot.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "exchange/bundles.h"
#include "exchange/partner.h"
#include "pki/cert.h"
#include "pki/signer.h"

struct snapshot_private {
    atomic_uint refs;
    struct strlist texts; /* copies of everything borrowed by own and offices */
    const char **decrypt_ids;
    struct certlist decrypt_certs;
    struct certlist seals;
};

static const char *keep(struct snapshot *s, const char *text)
{
    if (text == NULL)
        return NULL;
    strlist_add(&s->private->texts, text);
    return s->private->texts.items[s->private->texts.count - 1];
}

static void snapshot_free(struct snapshot *s)
{
    for (size_t i = 0; i < s->partner_count; i++)
        partner_free(&s->partners[i]);
    mem_free(&s->partners);
    mem_free(&s->offices);
    bundles_free(&s->bundles);
    mem_free(&s->private->decrypt_ids);
    certlist_free(&s->private->decrypt_certs);
    certlist_free(&s->private->seals);
    strlist_free(&s->private->texts);
    mem_free(&s->private);
    mem_free(&s);
}

/* --- own things --------------------------------------------------------------------------- */

static void copy_own(struct snapshot *s, const struct own *own)
{
    s->own = (struct own){ .id = keep(s, own->id),
                           .party_type = keep(s, own->party_type),
                           .country = keep(s, own->country),
                           .host = keep(s, own->host),
                           .environment = keep(s, own->environment),
                           .zone = keep(s, own->zone),
                           .node = keep(s, own->node) };
}

static void copy_offices(struct snapshot *s, const struct snapshot_source *from)
{
    s->offices = mem_array(from->office_count + 1, sizeof *s->offices);
    for (size_t i = 0; i < from->office_count; i++) {
        const struct office *o = &from->offices[i];

        s->offices[s->office_count++] =
            (struct office){ .id = keep(s, o->id),
                             .name = keep(s, o->name),
                             .form = keep(s, o->form),
                             .language = keep(s, o->language),
                             .folder = keep(s, o->folder),
                             .notice_mail = keep(s, o->notice_mail),
                             .notice_webhook = keep(s, o->notice_webhook),
                             .notice_secret = keep(s, o->notice_secret),
                             .role = keep(s, o->role) };
    }
}

static struct cert *need_cert(struct signer *signer, const char *key, struct err *err)
{
    struct cert *cert = signer_cert(signer, key);

    if (cert == NULL)
        err_set(err, ERR_CONFIG, "snapshot.key", "there is no key \"%s\" in section keys",
                key);
    return cert;
}

static bool set_keys(struct snapshot *s, const struct snapshot_source *from,
                     struct err *err)
{
    struct own_keys *k = &s->keys;
    struct cert *sign = need_cert(from->signer, from->sign_key, err);
    struct cert *seal =
        sign != NULL ? need_cert(from->signer, from->seal_key, err) : NULL;

    if (seal == NULL)
        return false;
    k->sign = (struct as4_signing){ .signer = from->signer,
                                    .key = keep(s, from->sign_key),
                                    .cert = sign };
    k->seal_key = keep(s, from->seal_key);
    k->seal_cert = seal;
    certlist_add(&s->private->seals, seal);
    k->own_seals = &s->private->seals;
    s->private->decrypt_ids =
        mem_array(from->decrypt_keys->count + 1, sizeof *s->private->decrypt_ids);
    for (size_t i = 0; i < from->decrypt_keys->count; i++) {
        const char *key = from->decrypt_keys->items[i];
        struct cert *cert = need_cert(from->signer, key, err);

        if (cert == NULL)
            return false;
        certlist_add(&s->private->decrypt_certs, cert);
        s->private->decrypt_ids[i] = keep(s, key);
    }
    k->decrypt =
        (struct as4_own_keys){ &s->private->decrypt_certs, s->private->decrypt_ids };
    return true;
}

/* --- partners ----------------------------------------------------------------------------- */

static int is_json(const struct dirent *e)
{
    return e->d_name[0] != '.' && text_ends(e->d_name, ".json");
}

/* What comes for an office that is not here would lie where nobody fetches it. */
static bool has_offices(const struct snapshot *s, const struct partner *p,
                        const char *path, struct err *err)
{
    for (size_t i = 0; i < p->opaque_count; i++)
        if (snapshot_office(s, p->opaque[i].office) == NULL)
            return err_set(err, ERR_CONFIG, "snapshot.office",
                           "%s: P-Mode %s is for office %s, which is not of this gateway",
                           path, p->opaque[i].pmode.id, p->opaque[i].office);
    return true;
}

static bool add_partner(struct snapshot *s, const struct snapshot_source *from,
                        const char *name, struct err *err)
{
    AUTO(mem_free) char *path = path_join(from->partners_dir, name);
    struct partner *p =
        partner_load(path, &s->own, from->tls_cert, from->tls_key, from->clock, err);

    if (p == NULL)
        return false;
    if (snapshot_partner(s, p->id) != NULL || text_eq(p->id, s->own.id)) {
        err_set(err, ERR_CONFIG, "snapshot.partner-twice",
                "%s: partner %s is there twice, or is this gateway itself", path, p->id);
        partner_free(&p);
        return false;
    }
    if (!has_offices(s, p, path, err)) {
        partner_free(&p);
        return false;
    }
    partner_agree(p, &s->own, s->bundles);
    s->partners[s->partner_count++] = p;
    return true;
}

static bool load_partners(struct snapshot *s, const struct snapshot_source *from,
                          struct err *err)
{
    struct dirent **names = NULL;
    int count = scandir(from->partners_dir, &names, is_json, alphasort);
    bool ok = true;

    if (count < 0)
        return err_set(err, ERR_CONFIG, "snapshot.partners",
                       "folder %s of partner files cannot be read", from->partners_dir);
    if (count > PARTNERS_MAX)
        ok = err_set(err, ERR_CONFIG, "snapshot.partners", "more than %d partners",
                     PARTNERS_MAX);
    s->partners = mem_array((size_t)count + 1, sizeof *s->partners);
    for (int i = 0; i < count; i++) {
        ok = ok && add_partner(s, from, names[i]->d_name, err);
        free(names[i]);
    }
    free(names);
    return ok;
}

struct snapshot *snapshot_build(const struct snapshot_source *from, struct store *store,
                                struct err *err)
{
    struct snapshot *s = mem_alloc(sizeof *s);

    s->private = mem_alloc(sizeof *s->private);
    atomic_store(&s->private->refs, 1);
    s->signer = from->signer;
    s->clock = from->clock;
    copy_own(s, &from->own);
    copy_offices(s, from);
    s->bundles = bundles_load(store, err);
    if (s->bundles == NULL || !set_keys(s, from, err) || !load_partners(s, from, err)) {
        snapshot_free(s);
        return NULL;
    }
    return s;
}

const struct office *snapshot_office(const struct snapshot *s, const char *id)
{
    for (size_t i = 0; i < s->office_count; i++)
        if (text_eq(s->offices[i].id, id))
            return &s->offices[i];
    return NULL;
}

const struct partner *snapshot_partner(const struct snapshot *s, const char *id)
{
    for (size_t i = 0; i < s->partner_count; i++)
        if (text_eq(s->partners[i]->id, id))
            return s->partners[i];
    return NULL;
}

/* --- the one in force --------------------------------------------------------------------- */

struct snapshot_box {
    pthread_mutex_t lock;
    struct snapshot *now;
};

static void give_back(struct snapshot *s)
{
    if (s != NULL && atomic_fetch_sub(&s->private->refs, 1) == 1)
        snapshot_free(s);
}

struct snapshot_box *snapshot_box_new(struct snapshot *first)
{
    struct snapshot_box *box = mem_alloc(sizeof *box);

    pthread_mutex_init(&box->lock, NULL);
    box->now = first;
    return box;
}

void snapshot_box_free(struct snapshot_box **box)
{
    if (*box == NULL)
        return;
    give_back((*box)->now);
    pthread_mutex_destroy(&(*box)->lock);
    mem_free(box);
}

const struct snapshot *snapshot_hold(struct snapshot_box *box)
{
    pthread_mutex_lock(&box->lock);
    struct snapshot *s = box->now;
    atomic_fetch_add(&s->private->refs, 1);
    pthread_mutex_unlock(&box->lock);
    return s;
}

void snapshot_release(const struct snapshot **held)
{
    /* Counted, so the holder's const view ends here. */
    union {
        const struct snapshot *view;
        struct snapshot *own;
    } u = { .view = *held };

    give_back(u.own);
    *held = NULL;
}

void snapshot_replace(struct snapshot_box *box, struct snapshot *next)
{
    pthread_mutex_lock(&box->lock);
    struct snapshot *before = box->now;
    box->now = next;
    pthread_mutex_unlock(&box->lock);
    give_back(before);
}
