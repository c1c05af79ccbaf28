/*
 * show.c - answers of the daemon for people: tables, sentences. --json shows them as they are.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "ctl/ctl_private.h"
#include "format/json.h"

#define COLUMNS_MAX 8
#define CELL_MAX    64 /* characters of a cell */

/* --- cells and tables --------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name, char scratch[32])
{
    const json_t *value = json_object_get(object, name);

    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value)) {
        snprintf(scratch, 32, "%lld", (long long)json_integer_value(value));
        return scratch;
    }
    if (json_is_boolean(value))
        return json_is_true(value) ? "yes" : "no";
    return "-";
}

struct column {
    const char *member, *title;
};

/* What comes from outside must not move the cursor. */
static void print_cell(const char *text, size_t width, bool last)
{
    size_t shown = 0;

    for (const char *c = text; *c != '\0'; c++) {
        unsigned char octet = (unsigned char)*c;

        if ((octet & 0xC0) != 0x80 && ++shown > CELL_MAX)
            break;
        putchar(octet < 0x20 || octet == 0x7F ? '?' : *c);
    }
    for (; !last && shown < width + 2; shown++)
        putchar(' ');
}

static size_t width_of(const json_t *items, const struct column *column)
{
    size_t width = strlen(column->title), i;
    json_t *item;

    json_array_foreach (items, i, item) {
        char scratch[32];
        size_t len = utf8_count(text_of(item, column->member, scratch));

        width = len > width ? len : width;
    }
    return width < CELL_MAX ? width : CELL_MAX;
}

static void print_table(const json_t *items, const struct column *columns, size_t count)
{
    size_t widths[COLUMNS_MAX], i;
    json_t *item;

    if (json_array_size(items) == 0) {
        puts("nothing");
        return;
    }
    for (size_t k = 0; k < count; k++) {
        widths[k] = width_of(items, &columns[k]);
        print_cell(columns[k].title, widths[k], k + 1 == count);
    }
    putchar('\n');
    json_array_foreach (items, i, item) {
        for (size_t k = 0; k < count; k++) {
            char scratch[32];

            print_cell(text_of(item, columns[k].member, scratch), widths[k],
                       k + 1 == count);
        }
        putchar('\n');
    }
}

static void print_page(const json_t *answer, const struct column *columns, size_t count)
{
    const char *next = json_string_value(json_object_get(answer, "next"));

    print_table(json_object_get(answer, "items"), columns, count);
    if (next != NULL)
        printf("more: --after %s\n", next);
}

#define PAGE(answer, ...) \
    print_page((answer), (const struct column[]){ __VA_ARGS__ }, \
               sizeof((const struct column[]){ __VA_ARGS__ }) / sizeof(struct column))

static void print_scalars(const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        char scratch[32];

        if (json_is_array(value) || json_is_object(value))
            continue;
        printf("%-18s ", name);
        print_cell(text_of(object, name, scratch), 0, true);
        putchar('\n');
    }
}

/* --- findings and problems ---------------------------------------------------------------- */

static void print_finding(FILE *to, const json_t *f)
{
    const char *file = json_string_value(json_object_get(f, "file"));
    const char *field = json_string_value(json_object_get(f, "field"));
    const char *label = json_string_value(json_object_get(f, "label"));
    const char *rule = json_string_value(json_object_get(f, "rule"));
    const char *remedy = json_string_value(json_object_get(f, "remedy"));
    const char *text = json_string_value(json_object_get(f, "text"));
    long long line = json_integer_value(json_object_get(f, "line"));

    fprintf(to, "%s", file != NULL ? file : "document");
    if (line > 0)
        fprintf(to, ":%lld", line);
    fprintf(to, ": %s: ", json_string_value(json_object_get(f, "code")));
    if (label != NULL)
        fprintf(to, "%s (%s): ", label, field != NULL ? field : "");
    else if (field != NULL)
        fprintf(to, "%s: ", field);
    fprintf(to, "%s%s%s%s", text != NULL ? text : "", rule != NULL ? " [" : "",
            rule != NULL ? rule : "", rule != NULL ? "]" : "");
    fprintf(to, "%s%s\n", remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
}

static void print_findings(FILE *to, const json_t *findings)
{
    size_t i;
    json_t *item;

    json_array_foreach (findings, i, item) {
        print_finding(to, item);
    }
}

void show_findings(const json_t *findings)
{
    print_findings(stdout, findings);
}

void show_problem(const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *clause = json_string_value(json_object_get(problem, "clause"));

    print_findings(stderr, json_object_get(problem, "findings"));
    fprintf(stderr, "trmctl: %s [%s]%s%s%s\n", detail != NULL ? detail : "refused",
            code != NULL ? code : "", clause != NULL ? " (clause " : "",
            clause != NULL ? clause : "", clause != NULL ? ")" : "");
}

/* --- losses ------------------------------------------------------------------------------- */

static void print_loss(const json_t *l)
{
    const char *from = json_string_value(json_object_get(l, "from"));
    const char *to = json_string_value(json_object_get(l, "to"));
    const char *clause = json_string_value(json_object_get(l, "clause"));
    const char *reason = json_string_value(json_object_get(l, "reason"));
    char a[32], b[32];
    const char *place = text_of(l, "field", b);

    printf("%-14s ", text_of(l, "kind", a));
    print_cell(text_eq(place, "-") ? text_of(l, "path", b) : place, 0, true);
    if (from != NULL || to != NULL)
        printf(": %s -> %s", from != NULL ? from : "", to != NULL ? to : "nothing");
    if (reason != NULL)
        printf("; %s", reason);
    if (clause != NULL)
        printf(" (clause %s)", clause);
    putchar('\n');
}

static void print_losses(const char *title, const json_t *losses)
{
    size_t i;
    json_t *item;

    if (json_array_size(losses) == 0)
        return;
    printf("%s:\n", title);
    json_array_foreach (losses, i, item) {
        printf("  ");
        print_loss(item);
    }
}

void show_losses(const json_t *answer)
{
    print_losses("not carried", json_object_get(answer, "losses"));
    print_losses("not carried by the sender", json_object_get(answer, "bySender"));
    print_losses("not carried here", json_object_get(answer, "here"));
}

/* --- answers ------------------------------------------------------------------------------ */

void show_any(const json_t *answer)
{
    if (json_is_array(json_object_get(answer, "items"))) {
        AUTO(buf_free) struct buf text = BUF_INIT(64 * 1024 * 1024);

        json_print_pretty(answer, &text);
        puts(buf_str(&text));
        return;
    }
    print_scalars(answer);
}

void show_messages(const json_t *answer)
{
    PAGE(answer, { "messageId", "MESSAGE" }, { "direction", "WAY" }, { "kind", "KIND" },
         { "state", "STATE" }, { "caseId", "CASE" }, { "partner", "PARTNER" },
         { "createdAt", "SINCE" }, { "reasonCode", "REASON" });
}

void show_cases(const json_t *answer)
{
    PAGE(answer, { "caseId", "CASE" }, { "state", "STATE" }, { "role", "WE ARE" },
         { "office", "OFFICE" }, { "partnerOffice", "PARTNER" },
         { "agreement", "AGREEMENT" }, { "updatedAt", "CHANGED" });
}

static void print_words(const char *title, const json_t *words)
{
    size_t i;
    json_t *item;

    if (json_array_size(words) == 0)
        return;
    printf("%-18s", title);
    json_array_foreach (words, i, item) {
        printf(" %s", json_string_value(item));
    }
    putchar('\n');
}

void show_case(const json_t *answer)
{
    static const struct column columns[] = { { "messageId", "MESSAGE" },
                                             { "direction", "WAY" },
                                             { "kind", "KIND" },
                                             { "state", "STATE" },
                                             { "createdAt", "SINCE" } };

    print_scalars(answer);
    print_words("asked by us", json_object_get(answer, "askedByUs"));
    print_words("asked by them", json_object_get(answer, "askedByThem"));
    print_words("can be done", json_object_get(answer, "actions"));
    print_words("assigned to", json_object_get(answer, "assignedTo"));
    putchar('\n');
    print_table(json_object_get(answer, "messages"), columns, COUNT_OF(columns));
}

void show_deliverables(const json_t *answer)
{
    PAGE(answer, { "deliveryId", "DELIVERY" }, { "kind", "KIND" }, { "caseId", "CASE" },
         { "state", "STATE" }, { "repeat", "REPEAT" }, { "createdAt", "SINCE" });
}

void show_partners(const json_t *answer)
{
    PAGE(answer, { "partner", "PARTNER" }, { "paused", "PAUSED" },
         { "failures", "FAILURES" }, { "lastSuccessAt", "LAST GOOD" },
         { "lastHeardAt", "LAST HEARD" }, { "lastError", "LAST ERROR" },
         { "endpoint", "ENDPOINT" });
}

void show_tasks(const json_t *answer)
{
    PAGE(answer, { "taskId", "TASK" }, { "kind", "KIND" }, { "office", "OFFICE" },
         { "caseId", "CASE" }, { "since", "SINCE" }, { "text", "WHAT" });
}

void show_agreements(const json_t *answer)
{
    size_t i, k;
    json_t *item, *leg;

    json_array_foreach (json_object_get(answer, "items"), i, item) {
        char a[32], b[32], c[32], d[32];

        printf("%s version %s%s\n  %s\n  digest %s\n", text_of(item, "agreement", a),
               text_of(item, "version", b),
               json_is_true(json_object_get(item, "inForce")) ? ", in force" : "",
               text_of(item, "title", c), text_of(item, "digest", d));
        json_array_foreach (json_object_get(item, "legs"), k, leg) {
            printf("  %s -> %s  %s", text_of(leg, "from", a), text_of(leg, "to", b),
                   text_of(leg, "state", c));
            if (json_object_get(leg, "written") != NULL)
                printf(" (said by %s; written: %s)", text_of(leg, "by", a),
                       text_of(leg, "written", b));
            putchar('\n');
        }
    }
    if (json_array_size(json_object_get(answer, "items")) == 0)
        puts("nothing");
}

void show_accepted(const json_t *answer)
{
    print_scalars(answer);
    show_findings(json_object_get(answer, "findings"));
    print_losses("not carried", json_object_get(answer, "losses"));
}

void show_steps(const json_t *answer)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(answer, "steps"), i, item) {
        char a[32], b[32];

        printf("%-4s %-13s %s\n", json_is_true(json_object_get(item, "ok")) ? "ok" : "NO",
               text_of(item, "step", a), text_of(item, "text", b));
    }
}

void show_why(const json_t *answer)
{
    size_t i;
    json_t *item;

    json_array_foreach (json_object_get(answer, "history"), i, item) {
        char a[32], b[32];

        printf("%s  %s\n", text_of(item, "at", a), text_of(item, "text", b));
    }
    printf("%s\n", json_string_value(json_object_get(answer, "now")));
}

void show_status(const json_t *answer)
{
    static const struct column messages[] = { { "partner", "PARTNER" },
                                              { "direction", "WAY" },
                                              { "state", "STATE" },
                                              { "count", "COUNT" },
                                              { "oldest", "OLDEST" } };
    static const struct column offices[] = { { "office", "OFFICE" },
                                             { "form", "FORM" },
                                             { "deliverables", "WAITING" } };

    print_scalars(answer);
    putchar('\n');
    print_table(json_object_get(answer, "messages"), messages, COUNT_OF(messages));
    putchar('\n');
    print_table(json_object_get(answer, "offices"), offices, COUNT_OF(offices));
}

void show_changes(const json_t *answer)
{
    size_t i;
    json_t *item;
    const json_t *changes = json_object_get(answer, "changes");

    json_array_foreach (changes, i, item) {
        puts(json_string_value(item));
    }
    if (json_array_size(changes) == 0)
        puts("read anew; no setting changed");
}
