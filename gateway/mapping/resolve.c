/*
 * resolve.c - rules against the two schemas: every path must lead somewhere, every kind must fit, and
 * what a mapping promises is looked at before a single document is read.
 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "mapping/mapping_private.h"

struct base {
    const struct shape *national, *canonical;
    const char *at, *to, *plain;   /* the way so far */
    const char *name_at, *name_to; /* for names of fields: no columns, no conditions */
    const struct rule *scope;
};

static void resolve_list(struct compile *c, const struct rules *rules, struct base base);

/* --- paths ------------------------------------------------------------------------------- */

static bool resolve_path(struct compile *c, struct trail *path, const struct shape *base,
                         bool canonical, const char *rule)
{
    const char *step = NULL, *near;
    const struct shape *at = NULL;

    if (path == NULL)
        return true;
    if (trail_resolve(path, base, canonical ? c->map->referral : c->msg->shape,
                      canonical ? c->map->referral : c->msg->top, &step, &at))
        return true;
    near = json_nearest(step, shape_names(&c->map->arena, at));
    compile_error(c, NULL, rule, "E-PATH",
                  near != NULL ? arena_printf(&c->map->arena, "write \"%s\"", near)
                  : canonical  ? "look at mappings/canonical/referral-1.xsd"
                               : "look at the form's schema",
                  "%s path \"%s\": %s has no \"%s\"",
                  canonical ? "canonical" : "national", path->text,
                  at == NULL || at->name == NULL ? "the document" : at->name, step);
    return false;
}

bool compile_second(struct compile *c, const struct rule *rule, struct trail *path,
                    bool canonical)
{
    const char *step;
    const struct shape *at;

    (void)rule;
    return trail_resolve(path, canonical ? c->canonical_base : c->national_base,
                         canonical ? c->map->referral : c->msg->shape,
                         canonical ? c->map->referral : c->msg->top, &step, &at);
}

/* "Zhoda/Tsil" and "../StanZhody" are "Zhoda/StanZhody", as the author of a document knows it. */
static const char *upward(struct compile *c, const char *a, const char *own,
                          const struct trail *path)
{
    char *base = arena_text(&c->map->arena, a);
    size_t ups = 0;

    for (size_t i = 0; path != NULL && i < path->count; i++)
        ups += path->steps[i].type == STEP_UP; /* a plain text has no ".." to count */
    while (text_starts(own, "../")) {
        own += 3;
        ups++;
    }
    while (ups-- > 0 && *base != '\0') {
        char *last = strrchr(base, '/');

        *(last == NULL ? base : last) = '\0';
    }
    return *base == '\0' ? arena_text(&c->map->arena, own)
                         : arena_printf(&c->map->arena, "%s/%s", base, own);
}

static const char *joined(struct compile *c, const char *a, const struct trail *path,
                          bool plain)
{
    AUTO(buf_free) struct buf own = BUF_INIT(4096);

    if (path == NULL)
        return a;
    if (path->count > 0 && path->steps[0].type == STEP_SELF && path->count == 1)
        return a;
    if (plain)
        trail_plain(path, &own);
    else
        buf_adds(&own, path->text + (path->from == FROM_TOP    ? 2
                                     : path->from == FROM_ROOT ? 1
                                                               : 0));
    if (path->from != FROM_SCOPE || *a == '\0')
        return arena_text(&c->map->arena, buf_str(&own));
    return upward(c, a, buf_str(&own), plain ? path : NULL);
}

/* --- names of fields (M05, M06) ---------------------------------------------------------- */

static void field_add(struct compile *c, const char *national, const char *canonical)
{
    struct mapping *map = c->map;
    char *name = arena_text(&map->arena, national);
    unsigned steps = 1;
    char *last = strrchr(name, '/');

    if (*national == '\0' || *canonical == '\0' || strchr(national, '@') != NULL)
        return;
    if (map->last_names && last != NULL)
        name = last + 1;
    for (char *p = name; *p != '\0'; p++)
        if (*p == '/') {
            *p = map->separator[0];
            steps++;
        }
    if (map->field_depth > 0 && steps > map->field_depth)
        return;
    for (size_t i = 0; i < map->field_count; i++)
        if (text_eq(map->fields[i].national, name) &&
            text_eq(map->fields[i].canonical, canonical))
            return;
    c->fields = mem_grow(c->fields, map->field_count, &c->field_cap, sizeof *c->fields);
    c->fields[map->field_count++] = (struct field_name){ name, canonical };
    map->fields = c->fields;
}

/* Without the column's number or name: what stands around {n}. */
static const char *bare(struct compile *c, const char *text)
{
    const char *hole = text == NULL ? NULL : strstr(text, "{n}");

    if (hole == NULL)
        return text;
    return arena_printf(&c->map->arena, "%.*s%s", (int)(hole - text), text, hole + 3);
}

static const char *name_of_path(struct compile *c, const char *a,
                                const struct trail *path, const char *written)
{
    const char *plain = joined(c, a, path, true);
    const char *as_written = bare(c, written);

    if (written == NULL || as_written == written || path == NULL ||
        path->from != FROM_SCOPE)
        return plain;
    return *a == '\0' ? as_written : arena_printf(&c->map->arena, "%s/%s", a, as_written);
}

static bool names_fields(const struct compile *c)
{
    return text_eq(c->msg->kind, c->map->fields_of);
}

static const char *code_element(struct compile *c, const char *path)
{
    const char *attr = strstr(path, "/@code");

    return attr == NULL ? path : arena_dup(&c->map->arena, path, (size_t)(attr - path));
}

static void leaf_names(struct compile *c, const struct rule *rule,
                       const struct base *base)
{
    const char *to = code_element(c, joined(c, base->name_to, rule->to, true));

    if (!names_fields(c) || (rule->ways & READING) == 0)
        return;
    if (rule->at != NULL && rule->to != NULL && rule->kind != &kind_note)
        field_add(c, name_of_path(c, base->name_at, rule->at, rule->bare_at), to);
}

/* --- one leaf ---------------------------------------------------------------------------- */

static void row_add(struct compile *c, const struct rule *rule)
{
    struct mapping *map = c->map;

    c->rows = mem_grow(c->rows, map->row_count, &c->row_cap, sizeof *c->rows);
    c->rows[map->row_count++] = (struct mapping_row){
        .message = c->msg->kind,
        .id = rule->id,
        .label = rule->label != NULL      ? rule->label
                 : rule->national != NULL ? rule->national->doc
                                          : NULL,
        .national = rule->full_at,
        .canonical = rule->plain_to,
        .kind = rule->kind->name,
        .list = rule->canonical == NULL ? NULL : rule->canonical->list,
        .category = rule->canonical == NULL ? NULL : rule->canonical->category,
        .clause = rule->clause,
        .reads = (rule->ways & READING) != 0,
        .writes = (rule->ways & WRITING) != 0,
        .required = rule->required,
    };
    map->rows = c->rows;
}

static const char *const name_parts[] = { "Surname", "Given", "Patronymic",
                                          "FatherName" };

/* A name made of several fields has a row for each: its reader asks for a surname. */
static void name_rows_add(struct compile *c, struct rule *rule)
{
    const struct trail *first = name_first_path(rule);
    const char *whole = rule->full_at, *to = rule->plain_to, *label = rule->label;
    size_t tail = first == NULL ? 0 : strlen(first->text);

    if (whole == NULL || to == NULL || tail == 0 || strlen(whole) < tail)
        return;
    for (size_t i = 0; i < COUNT_OF(name_parts); i++) {
        const struct trail *path = name_part_path(rule, name_parts[i]);
        char *national;

        if (path == NULL || path->shape == NULL)
            continue;
        national = arena_printf(&c->map->arena, "%.*s%s", (int)(strlen(whole) - tail),
                                whole, path->text);
        for (char *p = national; c->map->json && *p != '\0'; p++)
            if (*p == '/')
                *p = '.';
        rule->full_at = national;
        rule->plain_to = arena_printf(&c->map->arena, "%s/%s", to, name_parts[i]);
        rule->label = path->shape->doc != NULL ? path->shape->doc : path->text;
        row_add(c, rule);
    }
    rule->full_at = whole;
    rule->plain_to = to;
    rule->label = label;
}

static void resolve_leaf(struct compile *c, struct rule *rule, const struct base *base)
{
    const struct trail *at = rule->at != NULL           ? rule->at
                             : rule->kind == &kind_name ? name_first_path(rule)
                                                        : NULL;
    bool good;

    rule->full_at = at == NULL ? NULL : joined(c, base->at, at, false);
    rule->full_to = joined(c, base->to, rule->to, false);
    rule->plain_to = rule->to == NULL ? NULL : joined(c, base->plain, rule->to, true);
    if (c->map->json && rule->full_at != NULL) {
        char *text = arena_text(&c->map->arena, rule->full_at);

        for (char *p = text; *p != '\0'; p++)
            if (*p == '/')
                *p = '.';
        rule->full_at = text;
    }
    good = resolve_path(c, rule->at, base->national, false, rule->id);
    good = resolve_path(c, rule->to, base->canonical, true, rule->id) && good;
    for (size_t i = 0; i < rule->other_count; i++)
        good = resolve_path(c, rule->others[i], base->canonical, true, rule->id) && good;
    if (!good)
        return;
    rule->national = rule->at == NULL ? NULL : rule->at->shape;
    rule->canonical = rule->to == NULL ? NULL : rule->to->shape;
    c->all = mem_grow(c->all, c->all_count, &c->all_cap, sizeof *c->all);
    c->all[c->all_count++] = rule;
    leaf_names(c, rule, base);
}

void compile_part(struct compile *c, const struct rule *sentence, struct rule *part,
                  const struct shape *base)
{
    const struct shape *saved = c->canonical_base;

    part->full_at = sentence->full_at;
    part->scope = sentence;
    part->national = sentence->national;
    c->canonical_base = base;
    if (resolve_path(c, part->to, base, true, sentence->id)) {
        part->canonical = part->to == NULL ? base : part->to->shape;
        part->plain_to = sentence->plain_to;
        if (part->kind->check != NULL)
            part->kind->check(c, part, NULL);
    }
    c->canonical_base = saved;
}

/* --- scopes ------------------------------------------------------------------------------ */

static void resolve_cond(struct compile *c, struct cond *cond, const struct base *base)
{
    for (size_t i = 0; i < cond->kid_count; i++)
        resolve_cond(c, cond->kids[i], base);
    if (cond->path != NULL)
        resolve_path(c, cond->path, cond->canonical ? base->canonical : base->national,
                     cond->canonical, NULL);
}

static struct base inside(struct compile *c, struct rule *rule, struct base base)
{
    const struct trail *at = rule->at, *to = rule->to;

    base.at = joined(c, base.at, at, false);
    base.to = joined(c, base.to, to, false);
    base.plain = joined(c, base.plain, to, true);
    base.name_at = joined(c, base.name_at, at, true);
    base.name_to = joined(c, base.name_to, to, true);
    if (at != NULL)
        base.national = at->shape;
    if (to != NULL)
        base.canonical = to->shape;
    base.scope = rule;
    return base;
}

static void resolve_rule(struct compile *c, struct rule *rule, struct base base)
{
    rule->scope = base.scope;
    c->line_now = rule->line;
    c->rule_now = rule;
    if (rule->when != NULL)
        resolve_cond(c, rule->when, &base);
    if (rule->type == RULE_LEAF) {
        if (rule->kind != NULL)
            resolve_leaf(c, rule, &base);
        return;
    }
    if (!resolve_path(c, rule->at, base.national, false, rule->id) ||
        !resolve_path(c, rule->to, base.canonical, true, rule->id))
        return;
    if (rule->type == RULE_EACH && (rule->at == NULL || rule->to == NULL)) {
        compile_error(c, NULL, rule->id, "E-PATH", "write both \"each\" and \"to\"",
                      "a repeated rule needs a path on both sides");
        return;
    }
    if (names_fields(c) && rule->at != NULL && rule->to != NULL &&
        (rule->ways & READING) != 0)
        field_add(c, joined(c, base.name_at, rule->at, true),
                  code_element(c, joined(c, base.name_to, rule->to, true)));
    base = inside(c, rule, base);
    resolve_list(c, &rule->rules, base);
    for (size_t i = 0; i < rule->set_count; i++)
        resolve_list(c, &rule->sets[i], base);
}

static void resolve_list(struct compile *c, const struct rules *rules, struct base base)
{
    for (size_t i = 0; i < rules->count; i++)
        resolve_rule(c, rules->items[i], base);
}

/* --- kinds, after all paths are known ---------------------------------------------------- */

const struct rule *rule_by_id(const struct compile *c, const char *id)
{
    for (size_t i = 0; i < c->all_count; i++)
        if (text_eq(c->all[i]->id, id))
            return c->all[i];
    return NULL;
}

static void check_leaf(struct compile *c, struct rule *rule)
{
    c->line_now = rule->line;
    c->rule_now = rule;
    c->canonical_base = rule->scope_canonical;
    c->national_base = rule->scope_national;
    if (rule->overflow_id != NULL) {
        rule->overflow = (struct rule *)(uintptr_t)rule_by_id(c, rule->overflow_id);
        if (rule->overflow == NULL || rule->overflow->kind != &kind_note) {
            rule->overflow = NULL;
            compile_error(c, NULL, rule->id, "E-REFERENCE",
                          "use the id of a note rule of this message",
                          "there is no note \"%s\"", rule->overflow_id);
        }
    }
    if (rule->kind->check != NULL)
        rule->kind->check(c, rule, NULL);
    if (rule->kind == &kind_name)
        name_rows_add(c, rule);
    row_add(c, rule);
}

/* Names made of several fields: each part, and the whole under its first part. */
static void name_names(struct compile *c, const struct rule *rule)
{
    if (!names_fields(c) || rule->kind != &kind_name || (rule->ways & READING) == 0 ||
        rule->plain_to == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(name_parts); i++) {
        const struct trail *path = name_part_path(rule, name_parts[i]);

        if (path != NULL)
            field_add(c, joined(c, rule->scope_name_at, path, true),
                      arena_printf(&c->map->arena, "%s/%s", rule->plain_to, name_parts[i]));
    }
    if (name_line_path(rule) != NULL)
        field_add(c, joined(c, rule->scope_name_at, name_line_path(rule), true),
                  rule->plain_to);
    for (size_t i = 0; i < COUNT_OF(name_parts) && name_line_path(rule) == NULL; i++) {
        const struct trail *path = name_part_path(rule, name_parts[i]);

        if (path != NULL) {
            field_add(c, joined(c, rule->scope_name_at, path, true), rule->plain_to);
            break;
        }
    }
}

/* --- promises ---------------------------------------------------------------------------- */

struct promise {
    const char *path; /* canonical, plain */
    const char *why, *fix;
    bool safety; /* may not even be declared absent */
};

static bool carries(const struct compile *c, const char *path, unsigned way)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < c->all_count; i++) {
        const struct rule *rule = c->all[i];

        if ((rule->ways & way) == 0)
            continue;
        if (rule->plain_to != NULL && strncmp(rule->plain_to, path, len) == 0 &&
            (rule->plain_to[len] == '\0' || rule->plain_to[len] == '/'))
            return true;
        if (way == WRITING && note_collects(rule, path))
            return true;
        for (size_t k = 0; k < rule->other_count; k++) {
            AUTO(buf_free) struct buf plain = BUF_INIT(1024);

            trail_plain(rule->others[k], &plain);
            if (text_eq(buf_str(&plain), path) || text_ends(path, buf_str(&plain)))
                return true;
        }
    }
    return false;
}

static bool declared_absent(const struct compile *c, const char *path)
{
    struct json_at root = json_root(c->doc), list = json_member(&root, "absent");

    for (size_t i = 0; i < json_items(&list); i++) {
        struct json_at item = json_item(&list, i);
        const char *to = json_string_value(json_object_get(item.value, "to"));

        if (to != NULL &&
            (text_eq(to, path) || (text_starts(path, to) && path[strlen(to)] == '/')))
            return true;
    }
    return false;
}

static void check_promises(struct compile *c)
{
    static const struct promise promises[] = {
        { "Case/NationalId", "the office's own number of the case", "map it", false },
        { "Case/Beneficiary", "who the person is: adult, child", "map it", false },
        { "Case/Reason", "why the person is referred", "map it", false },
        { "Person/Name", "the person's name", "map it", false },
        { "Person/BirthDate", "the birth date", "map it", false },
        { "Person/Citizenship", "the citizenship", "map it", false },
        { "Trafficking/Status", "the person's status", "map it", false },
        { "Consent/State", "the person's consent", "map it", false },
        { "Consent/GivenOn", "the date of the consent", "map it", false },
        { "Needs/Service", "the services", "map it", false },
        { "Risk/Level", "the risk level: without it a person may be sent into danger",
          "map it both ways", true },
    };

    c->rule_now = NULL;
    c->line_now = c->msg_line;
    for (size_t i = 0; i < COUNT_OF(promises); i++)
        for (unsigned way = READING; way <= WRITING; way++) {
            const struct promise *p = &promises[i];

            if (carries(c, p->path, way) || (!p->safety && declared_absent(c, p->path)))
                continue;
            compile_error(c, NULL, NULL, p->safety ? "E-SAFETY" : "E-REQUIRED",
                          p->safety
                              ? "map it both ways"
                              : "map it, or list it under \"absent\" with the reason",
                          "%s: nothing %s %s (%s)", c->msg->kind,
                          way == READING ? "reads" : "writes", p->path, p->why);
        }
    for (unsigned way = READING; way <= WRITING; way++)
        if (carries(c, "Person/Phone/Number", way) &&
            !carries(c, "Person/Phone/Instructions", way) &&
            !carries(c, "Person/ContactInstructions", way))
            compile_error(
                c, NULL, NULL, "E-SAFETY", "map Person/Phone/Instructions beside it",
                "%s: a telephone number is %s without the instructions for safe "
                "contact",
                c->msg->kind, way == READING ? "read" : "written");
    if (carries(c, "Family/Member/Name", WRITING) &&
        !carries(c, "Family/Member/MayContact", WRITING))
        compile_error(c, NULL, NULL, "E-SAFETY", "map Family/Member/MayContact beside it",
                      "%s: relatives are written without whether they may be contacted",
                      c->msg->kind);
}

/* The repeated element it stands in. */
static const struct rule *repeated(const struct rule *rule)
{
    for (rule = rule->scope; rule != NULL; rule = rule->scope)
        if (rule->type == RULE_EACH || rule->type == RULE_COLUMNS)
            break;
    return rule;
}

static bool may_overlap(const struct rule *a, const struct rule *b)
{
    return repeated(a) != repeated(b) || a->when != NULL || b->when != NULL ||
           a->kind == &kind_note || b->kind == &kind_note || a->kind == &kind_label ||
           b->kind == &kind_label || a->column != NULL || b->column != NULL;
}

static void check_overlaps(struct compile *c)
{
    for (size_t i = 0; i < c->all_count; i++)
        for (size_t k = i + 1; k < c->all_count; k++) {
            const struct rule *a = c->all[i], *b = c->all[k];

            if (may_overlap(a, b) || a->scope_when || b->scope_when)
                continue;
            c->rule_now = b;
            c->line_now = b->line;
            if ((a->ways & b->ways & READING) != 0 && a->canonical != NULL &&
                a->canonical == b->canonical && !a->canonical->many && a->to != NULL &&
                text_eq(a->full_to, b->full_to) && a->kind != &kind_name)
                compile_error(
                    c, NULL, b->id, "E-OVERLAP", "remove one, or give one a \"when\"",
                    "reads into the same canonical field as rule \"%s\"", a->id);
            if ((a->ways & b->ways & WRITING) != 0 && a->national != NULL &&
                a->national == b->national && !a->national->many &&
                text_eq(a->full_at, b->full_at))
                compile_error(c, NULL, b->id, "E-OVERLAP",
                              "remove one, or give one a \"when\"",
                              "writes the same national field as rule \"%s\"", a->id);
        }
}

static void check_ids(struct compile *c)
{
    for (size_t i = 0; i < c->all_count; i++)
        for (size_t k = i + 1; k < c->all_count; k++)
            if (c->all[i]->column == NULL && text_eq(c->all[i]->id, c->all[k]->id) &&
                c->all[i]->line != c->all[k]->line) {
                c->rule_now = c->all[k];
                c->line_now = c->all[k]->line;
                compile_error(c, NULL, c->all[k]->id, "E-ID", "give it another id",
                              "the id stands at line %u already", c->all[i]->line);
            }
}

static bool written(const struct compile *c, const struct shape *shape)
{
    for (size_t i = 0; i < c->all_count; i++) {
        const struct rule *rule = c->all[i];

        if ((rule->ways & WRITING) == 0)
            continue;
        for (const struct shape *s = rule->national; s != NULL; s = s->up)
            if (s == shape)
                return true;
        if (kind_writes(rule, shape))
            return true;
    }
    return false;
}

/* Required fields of the form that no rule writes. */
static void check_unfilled(struct compile *c, const struct shape *shape, const char *path)
{
    for (size_t i = 0; i < shape->kid_count; i++) {
        const struct shape *kid = shape->kids[i];
        const char *name =
            arena_printf(&c->map->arena, "%s%s%s%s", path, *path == '\0' ? "" : "/",
                         kid->attr ? "@" : "", kid->name);

        if (!kid->required)
            continue;
        if (written(c, kid)) {
            if (kid->type == SHAPE_OBJECT && !kid->many)
                check_unfilled(c, kid, name);
            continue;
        }
        if (c->map->fill && !kid->attr)
            continue;
        if (c->map->json && kid->array)
            continue; /* written as an empty list */
        compile_error(
            c, NULL, NULL, "E-UNFILLED", "add a rule that writes it, or a constant",
            "%s: the schema demands \"%s\" and no rule writes it", c->msg->kind, name);
    }
}

static void resolve_bases(const struct rules *rules, const struct shape *national,
                          const struct shape *canonical, const char *name_at, bool when,
                          unsigned ways, struct compile *c)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct rule *rule = rules->items[i];
        bool guarded = when || rule->when != NULL;
        const struct shape *n =
            rule->at != NULL && rule->at->shape != NULL ? rule->at->shape : national;
        const struct shape *k =
            rule->to != NULL && rule->to->shape != NULL ? rule->to->shape : canonical;

        rule->scope_national = national;
        rule->scope_canonical = canonical;
        rule->scope_name_at = name_at;
        rule->scope_when = guarded;
        rule->ways &= ways; /* what stands in a one-way scope works one way */
        if (rule->type == RULE_LEAF)
            continue;
        resolve_bases(&rule->rules, n, k, joined(c, name_at, rule->at, true), guarded,
                      rule->ways, c);
        for (size_t s = 0; s < rule->set_count; s++)
            resolve_bases(&rule->sets[s], n, k, joined(c, name_at, rule->at, true),
                          guarded, rule->ways, c);
    }
}

void compile_resolve(struct compile *c)
{
    struct base base = { .national = c->msg->shape,
                         .canonical = c->map->referral,
                         .at = "",
                         .to = "",
                         .plain = "",
                         .name_at = "",
                         .name_to = "" };

    c->all_count = 0;
    resolve_list(c, &c->msg->rules, base);
    resolve_bases(&c->msg->rules, c->msg->shape, c->map->referral, "", false,
                  READING | WRITING, c);
    for (size_t i = 0; i < c->all_count; i++)
        check_leaf(c, c->all[i]);
    for (size_t i = 0; i < c->all_count; i++)
        name_names(c, c->all[i]);
    check_ids(c);
    check_overlaps(c);
    c->rule_now = NULL;
    c->line_now = c->msg_line;
    check_unfilled(c, c->msg->shape, "");
    if (text_eq(c->msg->kind, "M01"))
        check_promises(c);
}
