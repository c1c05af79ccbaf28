/*
 * preview.c - what the other office would get of a document, before anything is sent.
 *
 * The steps are exchange/preview's; here is which agreement they are taken under: the one named,
 * or the only one in force between the two offices.
 */
#include "exchange/preview.h"

#include "exchange/bundles.h"
#include "format/json.h"
#include "ops/ops_private.h"

static const struct bundle *only_between(const struct snapshot *snap, const char *from,
                                         const char *to, struct err *err)
{
    const struct bundle *found = NULL;
    struct draft_leg leg;
    size_t count = 0;

    for (size_t i = 0; i < bundles_count(snap->bundles); i++) {
        const struct bundle *b = bundles_at(snap->bundles, i);

        if (b->in_force && draft_leg(b, from, to, &leg)) {
            found = b;
            count++;
        }
    }
    if (count == 1)
        return found;
    if (count == 0)
        err_set(err, ERR_DENIED, "intake.no-agreement",
                "no agreement in force lets %s write to %s", from, to);
    else
        err_set(err, ERR_REJECT, "intake.ambiguous",
                "%zu agreements let %s write to %s: name one", count, from, to);
    return NULL;
}

static const struct bundle *choose(const struct snapshot *snap, const struct ops_call *c,
                                   struct err *err)
{
    const char *agreement = op_text(c, "agreement"), *to = op_text(c, "to");
    const struct bundle *b;

    if (to == NULL) {
        err_set(err, ERR_REJECT, "ops.argument", "say \"to\": the receiving office");
        return NULL;
    }
    if (agreement == NULL)
        return only_between(snap, c->caller->office, to, err);
    b = bundles_in_force(snap->bundles, agreement);
    if (b == NULL)
        err_set(err, ERR_REJECT, "agreement.unknown",
                "no agreement of that name is in force here");
    return b;
}

void op_preview(struct ops *o, const struct ops_call *c, struct ops_result *r)
{
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(o->x->box);
    AUTO(buf_free) struct buf document = BUF_SECRET_INIT(NATIONAL_MAX);
    AUTO(preview_free) struct preview preview = { 0 };
    const struct office *office = snapshot_office(snap, c->caller->office);
    struct err err = { 0 };
    const struct bundle *b;

    if (office == NULL) {
        FAIL(r, ERR_CONFIG, "intake.office", "office %s is not of this gateway",
             c->caller->office);
        return;
    }
    if (!op_load_body(c, NATIONAL_MAX, &document, &err) ||
        (b = choose(snap, c, &err)) == NULL) {
        op_fail(r, &err);
        return;
    }
    const struct preview_input in = { .bundle = b,
                                      .from_office = office->id,
                                      .to_office = op_text(c, "to"),
                                      .from_form = office->form,
                                      .environment = snap->own.environment,
                                      .at_ms = clock_now(o->x->clock),
                                      .file = c->file,
                                      .data = buf_str(&document),
                                      .len = document.len };
    if (!preview_run(&in, &preview, &err))
        op_fail(r, &err);
    else
        op_done(r, preview_json(&preview));
}
