/*
 * offline.c - agreements and previews on files: no daemon is asked and nothing is sent.
 *
 * The files are those of a project tree (mappings/, agreements/) or of the installed data. What
 * is printed comes from the very functions that decide and translate in the daemon.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "agreement/agreement.h"
#include "agreement/bundle.h"
#include "agreement/check.h"
#include "agreement/consent.h"
#include "agreement/explain.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "ctl/offline.h"
#include "exchange/bundles.h"
#include "exchange/preview.h"
#include "format/json.h"
#include "model/findings.h"

#define PRINT_MAX (64 * 1024 * 1024)

/* --- where and when ----------------------------------------------------------------------- */

const char *offline_tree(const struct ctl_run *run)
{
    if (run->share != NULL)
        return run->share;
    return file_exists("mappings") && file_exists("agreements") ? "." : CTL_SHARE;
}

bool offline_at(const struct ctl_run *run, int64_t *ret_ms, struct err *err)
{
    const char *text = ctl_value(run, "at");
    struct civil day;

    if (text == NULL)
        *ret_ms = clock_now(NULL);
    else if (civil_parse(text, strlen(text), &day))
        *ret_ms = civil_days(day) * DAY_MS + 9 * HOUR_MS;
    else if (!instant_parse(text, strlen(text), ret_ms))
        return err_set(err, ERR_BUG, "ctl.at",
                       "--at is a day YYYY-MM-DD or an instant YYYY-MM-DDThh:mm:ssZ");
    return true;
}

/* Those named, or all of the tree. */
bool offline_agreements(const struct ctl_run *run, struct strlist *ret, struct err *err)
{
    AUTO(fileset_free) struct fileset *tree = NULL;

    for (size_t i = 0; i < run->args.count; i++)
        strlist_add(ret, run->args.items[i]);
    if (run->args.count > 0)
        return true;
    tree = bundle_tree(offline_tree(run), err);
    if (tree == NULL)
        return false;
    agreement_ids(tree, ret);
    return ret->count > 0 || err_set(err, ERR_CONFIG, "ctl.no-agreement",
                                     "%s/agreements holds none", offline_tree(run));
}

/* Findings as lines or JSON, and what they mean for the exit. */
int offline_report(const struct ctl_run *run, const struct report *report,
                   const char *good)
{
    AUTO(buf_free) struct buf text = BUF_INIT(PRINT_MAX);

    if (run->json) {
        AUTO(json_drop) json_t *list = report_json(report);
        json_print_pretty(list, &text);
    } else {
        report_print(report, &text);
        buf_addf(&text, "%zu error%s, %zu warning%s%s%s\n", report->errors,
                 report->errors == 1 ? "" : "s", report->warnings,
                 report->warnings == 1 ? "" : "s", good != NULL ? ": " : "",
                 good != NULL ? good : "");
    }
    fputs(buf_str(&text), stdout);
    return report->errors > 0 ? CTL_FINDINGS : 0;
}

static struct bundle *open_one(const struct ctl_run *run, const char *agreement,
                               struct report *report, struct err *err)
{
    return bundle_open_tree(offline_tree(run), agreement, report, err);
}

/* --- checks ------------------------------------------------------------------------------- */

/* A bundle that cannot even be opened is a finding: the next one is looked at all the same. */
static void check_one(const struct ctl_run *run, const char *agreement, int64_t at_ms,
                      bool mappings, struct report *report)
{
    struct err err = { 0 };
    AUTO(bundle_free) struct bundle *b = open_one(run, agreement, report, &err);

    if (b != NULL && mappings && bundle_check(b, report, &err))
        return;
    if (b != NULL && !mappings) {
        agreement_check(b->agreement, at_ms, report);
        return;
    }
    report_addf(report, &(struct report_entry){ .code = "E-BUNDLE", .file = agreement },
                "%s [%s]", err.text, err.code);
}

static int check(struct ctl_run *run, bool mappings)
{
    AUTO(strlist_free) struct strlist ids = { 0 };
    AUTO(report_free) struct report report = { 0 };
    int64_t at_ms;
    struct err err = { 0 };

    if (!offline_at(run, &at_ms, &err))
        return ctl_fail(&err) == 1 ? EX_USAGE : 1;
    if (!offline_agreements(run, &ids, &err))
        return ctl_fail(&err);
    for (size_t i = 0; i < ids.count; i++)
        check_one(run, ids.items[i], at_ms, mappings, &report);
    AUTO(mem_free)
    char *good =
        mem_printf("%zu agreement%s looked at", ids.count, ids.count == 1 ? "" : "s");
    return offline_report(run, &report, good);
}

int ctl_map_check(struct ctl_run *run)
{
    return check(run, true);
}

int ctl_agreement_check(struct ctl_run *run)
{
    return check(run, false);
}

/* --- offices ------------------------------------------------------------------------------ */

/* An office by its id; or of a party ("MD") the first that has a gateway. */
static const char *office_named(const struct agreement *a, const char *name)
{
    const struct agreement_party *party;

    if (name == NULL)
        return NULL;
    if (agreement_office(a, name) != NULL)
        return name;
    party = agreement_party(a, name);
    for (size_t i = 0; party != NULL && i < party->office_count; i++)
        if (party->offices[i].gateway != NULL)
            return party->offices[i].id;
    return NULL;
}

static bool offices(const struct ctl_run *run, const struct agreement *a,
                    const char **ret_from, const char **ret_to, struct err *err)
{
    *ret_from = office_named(a, ctl_value(run, "from"));
    *ret_to = office_named(a, ctl_value(run, "to"));
    if (*ret_from != NULL && *ret_to != NULL)
        return true;
    return err_set(err, ERR_REJECT, "ctl.office",
                   "agreement %s has no office or party %s: say --from and --to",
                   agreement_id(a), *ret_from == NULL ? "for --from" : "for --to");
}

/* The only agreement of the tree with a leg between them that runs; of several the narrowest. */
static struct bundle *between(const struct ctl_run *run, struct report *report,
                              struct err *err)
{
    AUTO(strlist_free) struct strlist ids = { 0 };
    AUTO(fileset_free) struct fileset *tree = bundle_tree(offline_tree(run), err);
    struct bundle *best = NULL;

    if (tree == NULL)
        return NULL;
    agreement_ids(tree, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        struct err none = { 0 };
        struct bundle *b = open_one(run, ids.items[i], report, &none);
        const char *from = b ? office_named(b->agreement, ctl_value(run, "from")) : NULL;
        const char *to = b ? office_named(b->agreement, ctl_value(run, "to")) : NULL;
        const struct agreement_leg *leg =
            from && to ? agreement_leg_between(b->agreement, from, to) : NULL;

        if (leg != NULL && leg->state == LEG_ACTIVE &&
            (best == NULL || agreement_party_count(b->agreement) <
                                 agreement_party_count(best->agreement))) {
            bundle_free(&best);
            best = b;
        } else {
            bundle_free(&b);
        }
    }
    if (best == NULL)
        err_set(err, ERR_DENIED, "ctl.no-agreement",
                "no agreement of %s has an active leg between the two: name one with "
                "--agreement",
                offline_tree(run));
    return best;
}

/* --- preview ------------------------------------------------------------------------------ */

static int show_preview(const struct ctl_run *run, const struct preview *p)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(PRINT_MAX);

    if (ctl_given(run, "document")) {
        fwrite(buf_str(&p->seen.octets), 1, p->seen.octets.len, stdout);
    } else if (run->json) {
        AUTO(json_drop) json_t *value = preview_json(p);
        json_print_pretty(value, &text);
    } else {
        preview_print(p, &text);
    }
    fputs(buf_str(&text), stdout);
    if (p->draft.refused.kind != ERR_NONE)
        return EX_NOPERM;
    return report_errors(&p->draft.findings) > 0 ? CTL_FINDINGS : 0;
}

static int preview(struct ctl_run *run, const struct bundle *b,
                   const struct buf *document, int64_t at_ms)
{
    AUTO(preview_free) struct preview p = { 0 };
    const char *from, *to, *file = run->args.items[0];
    const char *slash = strrchr(file, '/');
    struct err err = { 0 };

    if (!offices(run, b->agreement, &from, &to, &err))
        return ctl_fail(&err);
    const struct preview_input in = { .bundle = b,
                                      .from_office = from,
                                      .to_office = to,
                                      .at_ms = at_ms,
                                      .file = slash != NULL ? slash + 1 : file,
                                      .data = buf_str(document),
                                      .len = document->len };
    if (!preview_run(&in, &p, &err))
        return ctl_fail(&err);
    return show_preview(run, &p);
}

int ctl_map_preview(struct ctl_run *run)
{
    AUTO(buf_free) struct buf document = BUF_SECRET_INIT(NATIONAL_MAX);
    AUTO(report_free) struct report report = { 0 };
    AUTO(bundle_free) struct bundle *b = NULL;
    const char *agreement = ctl_value(run, "agreement");
    int64_t at_ms;
    struct err err = { 0 };

    if (ctl_value(run, "from") == NULL || ctl_value(run, "to") == NULL) {
        fputs("trmctl: map preview needs --from and --to: offices, or parties\n", stderr);
        return EX_USAGE;
    }
    if (!offline_at(run, &at_ms, &err)) {
        (void)ctl_fail(&err);
        return EX_USAGE;
    }
    if (!file_read(run->args.items[0], &document, &err))
        return ctl_fail(&err);
    b = agreement != NULL ? open_one(run, agreement, &report, &err)
                          : between(run, &report, &err);
    return b == NULL ? ctl_fail(&err) : preview(run, b, &document, at_ms);
}

/* --- explain ------------------------------------------------------------------------------ */

static bool purposes(const struct ctl_run *run, unsigned *ret, struct err *err)
{
    const json_t *list = json_object_get(run->values, "purpose");
    size_t i;
    json_t *item;

    *ret = list == NULL ? (1u << PURPOSE_COUNT) - 1 : 0;
    json_array_foreach (list, i, item) {
        enum purpose purpose;

        if (!purpose_find(json_string_value(item), &purpose))
            return err_set(err, ERR_REJECT, "ctl.purpose",
                           "--purpose: a code of the list consent_purpose");
        *ret |= purpose_bit(purpose);
    }
    return true;
}

static int explain_it(struct ctl_run *run, const struct bundle *b, int64_t at_ms)
{
    AUTO(explanation_free) struct explanation e = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(PRINT_MAX);
    const char *kind = ctl_value(run, "kind");
    struct explain_input in = { .agreement = b->agreement,
                                .kind = kind != NULL ? kind : "M01",
                                .case_sender = ctl_value(run, "sender"),
                                .case_receiver = ctl_value(run, "receiver"),
                                .case_state = ctl_value(run, "state"),
                                .beneficiary = ctl_value(run, "beneficiary"),
                                .now_ms = at_ms };
    struct err err = { 0 };

    if (!offices(run, b->agreement, &in.from_office, &in.to_office, &err) ||
        !purposes(run, &in.purposes, &err))
        return ctl_fail(&err);
    bool may = explain(&in, &e);
    if (run->json) {
        AUTO(json_drop) json_t *value = explanation_json(&in, &e);
        json_print_pretty(value, &text);
    } else {
        explanation_print(&in, &e, &text);
    }
    fputs(buf_str(&text), stdout);
    return may ? 0 : EX_NOPERM;
}

int ctl_agreement_explain(struct ctl_run *run)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(bundle_free) struct bundle *b = NULL;
    int64_t at_ms;
    struct err err = { 0 };

    if (!offline_at(run, &at_ms, &err)) {
        (void)ctl_fail(&err);
        return EX_USAGE;
    }
    b = open_one(run, run->args.items[0], &report, &err);
    return b == NULL ? ctl_fail(&err) : explain_it(run, b, at_ms);
}

/* --- printing and packing ----------------------------------------------------------------- */

int ctl_agreement_print(struct ctl_run *run)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf text = BUF_INIT(PRINT_MAX);
    struct err err = { 0 };
    AUTO(bundle_free) struct bundle *b = open_one(run, run->args.items[0], &report, &err);

    if (b == NULL)
        return ctl_fail(&err);
    agreement_print(b->agreement, &text);
    puts(buf_str(&text));
    return 0;
}

int ctl_agreement_bundle(struct ctl_run *run)
{
    AUTO(report_free) struct report report = { 0 };
    AUTO(buf_free) struct buf octets = BUF_INIT(PRINT_MAX);
    AUTO(mem_free) char *name = mem_printf("%s.bundle", run->args.items[0]);
    const char *output = ctl_value(run, "output");
    struct err err = { 0 };
    AUTO(bundle_free) struct bundle *b = open_one(run, run->args.items[0], &report, &err);

    if (b == NULL || !bundle_check(b, &report, &err))
        return ctl_fail(&err);
    if (report_errors(&report) > 0)
        return offline_report(run, &report, "nothing was written");
    bundle_pack(bundle_files(b), &octets);
    if (!buf_check(&octets, "bundle", &err) ||
        !file_write(output != NULL ? output : name, buf_str(&octets), octets.len, 0644,
                    &err))
        return ctl_fail(&err);
    if (run->json)
        printf("{\"agreement\":\"%s\",\"digest\":\"%s\",\"file\":\"%s\"}\n",
               agreement_id(b->agreement), b->digest, output != NULL ? output : name);
    else
        printf("%s version %s, digest %s: %s\n", agreement_id(b->agreement),
               agreement_version(b->agreement), b->digest,
               output != NULL ? output : name);
    return 0;
}
