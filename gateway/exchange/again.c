/*
 * again.c - the second decision, on the stored document, before each attempt.
 *
 * It looks at the sealed document as it would travel. Its verdict is yes or a reason to wait for
 * a person: the octets themselves are never touched.
 */
#include "exchange/again.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"
#include "exchange/case_file.h"
#include "exchange/draft.h"
#include "format/json.h"
#include "format/xml.h"
#include "store/bodies.h"
#include "store/bundles.h"

struct look {
    const struct message *m;
    struct buf canonical, circumstances;
    struct strlist asked;  /* open questions when it was decided on */
    enum case_state state; /* of the case then */
    struct case_file *file;
    struct leg_override leg;
    struct draft_leg between;
    const struct bundle *bundle;
    bool found, overridden;
};

static bool look_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct look *l = ctx;

    case_file_free(&l->file);
    buf_clear(&l->canonical);
    buf_clear(&l->circumstances);
    return body_load(tx, l->m->row, "decision", &l->circumstances, &l->found, err) &&
           body_load(tx, l->m->row, "canonical", &l->canonical, &l->found, err) &&
           case_file_load(tx, l->m->case_id, &l->file, err) &&
           leg_get(tx, l->m->agreement, l->between.from, l->between.to, &l->leg,
                   &l->overridden, err);
}

static void look_free(struct look *l)
{
    buf_free(&l->canonical);
    buf_free(&l->circumstances);
    strlist_free(&l->asked);
    case_file_free(&l->file);
}

/* What the first decision rested on, as intake wrote it down. */
static bool read_circumstances(struct look *l, struct err *err)
{
    AUTO(json_drop)
    json_t *all = json_parse(buf_str(&l->circumstances), l->circumstances.len, NULL, err);
    json_t *item;
    size_t i;

    if (all == NULL)
        return false;
    if (!case_state_parse(json_string_value(json_object_get(all, "state")), &l->state))
        return err_set(err, ERR_BUG, "again.decision", "stored decision of %s", l->m->id);
    json_array_foreach (json_object_get(all, "asked"), i, item) {
        strlist_add(&l->asked, json_string_value(item));
    }
    return true;
}

static void wait_for(struct again *ret, const char *hold, const char *code,
                     const char *reason)
{
    ret->may = false;
    snprintf(ret->hold, sizeof ret->hold, "%s", hold);
    snprintf(ret->code, sizeof ret->code, "%.60s", code);
    snprintf(ret->reason, sizeof ret->reason, "%.460s", reason);
}

static void judge(const struct exchange *x, const struct snapshot *snap, struct look *l,
                  struct draft *d, struct again *ret)
{
    const struct draft_view view = { .own_office = l->m->own_office,
                                     .partner_office = l->m->remote_office,
                                     .own_gateway = snap->own.id,
                                     .partner_gateway = l->m->partner,
                                     .environment = snap->own.environment,
                                     .zone = snap->own.zone,
                                     .now_ms = clock_now(x->clock) };
    /* The case may have moved on since: only consents, age, leg and time can narrow it. */
    const struct draft_case of = { .role = l->file->role,
                                   .state = l->state,
                                   .asked = &l->asked,
                                   .consents = l->file->consents,
                                   .birth_date = l->file->birth_date,
                                   .beneficiary = l->file->beneficiary,
                                   .leg_override = l->overridden ? l->leg.state : NULL };
    char code[64] = "", text[400] = "";

    if (!draft_narrowed(d, &view, &of, code, text))
        return;
    wait_for(ret, text_starts(code, "agreement.leg") ? "leg" : "decision", code, text);
}

bool again_may_go(const struct exchange *x, const struct snapshot *snap,
                  const struct message *m, struct again *ret, struct err *err)
{
    AUTO(look_free)
    struct look look = { .m = m,
                         .canonical = BUF_SECRET_INIT(CANONICAL_MAX),
                         .circumstances = BUF_INIT(64 * 1024) };
    AUTO(draft_free) struct draft d = { 0 };

    *ret = (struct again){ .may = true };
    look.bundle = d.bundle = bundles_by_digest(snap->bundles, m->bundle);
    if (d.bundle == NULL) {
        wait_for(ret, "bundle", "bundle.absent",
                 "the bundle of this case is not installed any more: install it, then "
                 "release the message");
        return true;
    }
    if (!draft_leg(d.bundle, m->own_office, m->remote_office, &look.between) ||
        !store_read(x->store, look_work, &look, err))
        return look.between.from != NULL
                   ? false
                   : err_set(err, ERR_BUG, "again.leg", "no leg between the offices");
    if (!look.found || look.file == NULL)
        return err_set(err, ERR_BUG, "again.absent", "message %s has no document", m->id);
    d.doc = xml_parse_utf8(buf_str(&look.canonical), look.canonical.len, NULL, err);
    if (d.doc == NULL || !referral_header_read(d.doc, &d.header, err) ||
        !read_circumstances(&look, err))
        return false;
    judge(x, snap, &look, &d, ret);
    return true;
}
