/*
 * settings.c - files, sections and tables brought together.
 *
 * The files are kept as they were read, and each key is looked for from the last file to the
 * first: that is the merge, and it leaves every value with its file and line. Keys that nobody
 * asked for are errors: scalars as soon as their section is taken, whole objects at the end,
 * when it is known that no module wants them.
 */
#include "format/settings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "format/settings_private.h"

#define POINTER_MAX 4096 /* octets of a key with its sections */
#define FILES_MAX   1000 /* of a drop-in folder */
#define LINE_MAX    1024 /* octets of a value's description in an error */

/* Where a value came from. */
struct origin {
    const struct json_doc *doc; /* NULL: the default */
    unsigned line;
};

struct taken {
    char *section;
    const struct setting *table;
    size_t count;
    char **values; /* as text */
    struct origin *origins;
};

struct settings {
    struct json_doc **docs; /* in order of reading */
    size_t doc_count, doc_cap;
    struct taken *taken;
    size_t taken_count, taken_cap;
    struct strlist named;   /* objects whose keys are names, as pointers */
    struct strlist strings; /* given out */
    struct strlist **lists; /* given out */
    size_t list_count, list_cap;
};

struct settings *settings_new(void)
{
    return mem_alloc(sizeof(struct settings));
}

static void taken_free(struct taken *taken)
{
    for (size_t i = 0; i < taken->count; i++)
        mem_free(&taken->values[i]);
    mem_free(&taken->values);
    mem_free(&taken->origins);
    mem_free(&taken->section);
}

void settings_free(struct settings **settings)
{
    struct settings *s = *settings;

    if (s == NULL)
        return;
    for (size_t i = 0; i < s->doc_count; i++)
        json_doc_free(&s->docs[i]);
    for (size_t i = 0; i < s->taken_count; i++)
        taken_free(&s->taken[i]);
    for (size_t i = 0; i < s->list_count; i++) {
        strlist_free(s->lists[i]);
        mem_free(&s->lists[i]);
    }
    mem_free(&s->docs);
    mem_free(&s->taken);
    mem_free(&s->lists);
    strlist_free(&s->named);
    strlist_free(&s->strings);
    mem_free(settings);
}

/* --- files ------------------------------------------------------------------------------- */

bool settings_add_file(struct settings *settings, const char *path, struct err *err)
{
    struct json_doc *doc = json_doc_load(path, NULL, err);

    if (doc == NULL)
        return false;
    settings->docs = mem_grow(settings->docs, settings->doc_count, &settings->doc_cap,
                              sizeof(struct json_doc *));
    settings->docs[settings->doc_count++] = doc;
    if (json_is_object(doc->root))
        return true;
    return err_set(err, ERR_CONFIG, "settings.value", "%s: the file must hold an object",
                   path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_folder(const char *path, struct strlist *ret, struct err *err)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;

    if (dir == NULL)
        return errno == ENOENT || err_set(err, ERR_CONFIG, "settings.folder", "%s: %s",
                                          path, strerror(errno));
    while ((entry = readdir(dir)) != NULL && ret->count <= FILES_MAX)
        if (entry->d_name[0] != '.' && text_ends(entry->d_name, ".json"))
            strlist_add(ret, entry->d_name);
    closedir(dir);
    return ret->count <= FILES_MAX || err_set(err, ERR_CONFIG, "settings.folder",
                                              "%s holds over %d files", path, FILES_MAX);
}

bool settings_add_folder(struct settings *settings, const char *path, struct err *err)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    if (!list_folder(path, &names, err))
        return false;
    if (names.count > 0)
        qsort(names.items, names.count, sizeof *names.items, by_name);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(mem_free) char *file = path_join(path, names.items[i]);

        if (!settings_add_file(settings, file, err))
            return false;
    }
    return true;
}

/* --- places ------------------------------------------------------------------------------ */

/* "offices/MD-COORD" as a JSON pointer. */
static void add_section(struct buf *pointer, const char *section)
{
    struct str rest = str_of(section), step;

    while (str_next(&rest, '/', &step)) {
        AUTO(mem_free) char *name = mem_strndup(step.ptr, step.len);

        if (step.len > 0)
            json_step_add(pointer, name);
    }
}

static bool fail(const struct json_doc *doc, const char *pointer, const char *code,
                 struct err *err, const char *fmt, ...) PRINTF_LIKE(5, 6);

static bool fail(const struct json_doc *doc, const char *pointer, const char *code,
                 struct err *err, const char *fmt, ...)
{
    AUTO(mem_free) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = mem_vprintf(fmt, args);
    va_end(args);
    if (doc == NULL)
        return err_set_at(err, ERR_CONFIG, code, __FILE__, __LINE__, "%s: %s", pointer,
                          text);
    return err_set_at(err, ERR_CONFIG, code, __FILE__, __LINE__, "%s:%u: %s: %s",
                      doc->name, json_line_of(doc->text, doc->len, pointer), pointer,
                      text);
}

/* The value of the last file that has it; *ret_doc NULL when none has. */
static json_t *find(const struct settings *settings, const char *pointer,
                    const struct json_doc **ret_doc)
{
    *ret_doc = NULL;
    for (size_t i = settings->doc_count; i > 0; i--) {
        json_t *value = json_find(settings->docs[i - 1]->root, pointer);

        if (value != NULL) {
            *ret_doc = settings->docs[i - 1];
            return value;
        }
    }
    return NULL;
}

/* --- one value --------------------------------------------------------------------------- */

static const char *keep(struct settings *settings, const char *text)
{
    if (text == NULL)
        return NULL;
    strlist_add(&settings->strings, text);
    return settings->strings.items[settings->strings.count - 1];
}

/* Relative to the folder of the file that says it, or of the main file for a default. */
static const char *keep_path(struct settings *settings, const struct json_doc *doc,
                             const char *text)
{
    const char *file = doc != NULL               ? doc->name
                       : settings->doc_count > 0 ? settings->docs[0]->name
                                                 : "";
    const char *slash = strrchr(file, '/');
    AUTO(mem_free)
    char *folder =
        slash != NULL ? mem_strndup(file, (size_t)(slash - file) + 1) : mem_strdup("");
    AUTO(mem_free) char *path = NULL;

    if (text_empty(text))
        return keep(settings, text);
    path = path_join(folder, text);
    return keep(settings, path);
}

static const struct strlist *keep_list(struct settings *settings, struct strlist *taken)
{
    struct strlist *list = mem_alloc(sizeof *list);

    *list = *taken;
    *taken = (struct strlist){ 0 };
    settings->lists = mem_grow(settings->lists, settings->list_count, &settings->list_cap,
                               sizeof(struct strlist *));
    settings->lists[settings->list_count++] = list;
    return list;
}

#define PUT(into, setting, type, v) \
    (*(type *)(void *)((char *)(into) + (setting)->offset) = (v))

static void put(struct settings *settings, const struct setting *setting,
                const struct json_doc *doc, struct value *value, void *into)
{
    switch (setting->type) {
    case SETTING_STRING:
        value->text = keep(settings, value->text);
        PUT(into, setting, const char *, value->text);
        break;
    case SETTING_PATH:
        value->text = keep_path(settings, doc, value->text);
        PUT(into, setting, const char *, value->text);
        break;
    case SETTING_INT:
    case SETTING_DURATION:
        PUT(into, setting, int64_t, value->number);
        break;
    case SETTING_SIZE:
        PUT(into, setting, uint64_t, (uint64_t)value->number);
        break;
    case SETTING_BOOL:
        PUT(into, setting, bool, value->number != 0);
        break;
    case SETTING_WORD:
        PUT(into, setting, int, (int)value->number);
        break;
    case SETTING_LIST:
        PUT(into, setting, const struct strlist *, keep_list(settings, &value->list));
        break;
    }
}

/* The value in force: of a file, or the default. */
static bool choose(const struct settings *settings, const struct setting *setting,
                   const json_t *json, const struct json_doc *doc, const char *pointer,
                   struct value *ret, struct err *err)
{
    AUTO(buf_free) struct buf wanted = BUF_INIT(LINE_MAX);

    value_describe(setting, &wanted);
    if (json != NULL) {
        if (value_of_json(setting, json, ret))
            return true;
        return fail(doc, pointer, "settings.value", err, "%s is expected",
                    buf_str(&wanted));
    }
    if (setting->required)
        return fail(settings->doc_count > 0 ? settings->docs[0] : NULL, pointer,
                    "settings.missing", err, "this setting is required: %s",
                    buf_str(&wanted));
    if (setting->standard == NULL) {
        *ret = (struct value){ 0 };
        return true;
    }
    if (value_of_text(setting, setting->standard, ret))
        return true;
    return err_set(err, ERR_BUG, "settings.table", "%s: its default \"%s\" is not %s",
                   pointer, setting->standard, buf_str(&wanted));
}

static bool take_one(struct settings *settings, const char *section,
                     const struct setting *setting, void *into, char **ret_text,
                     struct origin *ret_origin, struct err *err)
{
    AUTO(buf_free)
    struct buf pointer = BUF_INIT(POINTER_MAX), text = BUF_INIT(SIZE_MAX / 2);
    const struct json_doc *doc = NULL;
    struct value value = { 0 };
    const json_t *json;

    add_section(&pointer, section);
    json_step_add(&pointer, setting->name);
    json = find(settings, buf_str(&pointer), &doc);
    if (!choose(settings, setting, json, doc, buf_str(&pointer), &value, err))
        return false;
    if (setting->type != SETTING_PATH) /* a list is handed over by put() */
        value_print(setting, &value, &text);
    put(settings, setting, doc, &value, into);
    if (setting->type == SETTING_PATH)
        value_print(setting, &value, &text);
    *ret_text = buf_detach(&text);
    *ret_origin = (struct origin){
        doc, doc != NULL ? json_line_of(doc->text, doc->len, buf_str(&pointer)) : 0
    };
    return true;
}

/* --- sections ---------------------------------------------------------------------------- */

static bool in_table(const struct setting *table, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (text_eq(table[i].name, key))
            return true;
    return json_is_comment(key);
}

static bool unknown(const struct json_doc *doc, const char *pointer, const char *key,
                    const struct setting *table, size_t count, struct err *err)
{
    AUTO(mem_free) const char **names = mem_array(count + 1, sizeof *names);
    AUTO(buf_free) struct buf place = BUF_INIT(POINTER_MAX);
    const char *near;

    for (size_t i = 0; i < count; i++)
        names[i] = table[i].name;
    near = json_nearest(key, names);
    buf_adds(&place, pointer);
    json_step_add(&place, key);
    return fail(doc, buf_str(&place), "settings.unknown-key", err,
                "this setting is not known%s%s%s",
                near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                near != NULL ? "\"?" : "");
}

/* In each file: an object, and no scalar key that is not in the table. */
static bool check_section(const struct settings *settings, const char *pointer,
                          const struct setting *table, size_t count, struct err *err)
{
    for (size_t i = 0; i < settings->doc_count; i++) {
        const struct json_doc *doc = settings->docs[i];
        json_t *object = json_find(doc->root, pointer), *value;
        const char *key;

        if (object != NULL && !json_is_object(object))
            return fail(doc, pointer, "settings.value", err, "an object is expected");
        json_object_foreach(object, key, value)
        {
            if (!json_is_object(value) && !in_table(table, count, key))
                return unknown(doc, pointer, key, table, count, err);
        }
    }
    return true;
}

bool settings_take(struct settings *settings, const char *section,
                   const struct setting *table, size_t count, void *into, struct err *err)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);
    struct taken taken = { .table = table, .count = count };
    bool ok;

    add_section(&pointer, section);
    taken.section = mem_strdup(section);
    taken.values = mem_array(count, sizeof *taken.values);
    taken.origins = mem_array(count, sizeof *taken.origins);
    ok = check_section(settings, buf_str(&pointer), table, count, err);
    for (size_t i = 0; i < count && ok; i++)
        ok = take_one(settings, section, &table[i], into, &taken.values[i],
                      &taken.origins[i], err);
    if (!ok) {
        taken_free(&taken);
        return false;
    }
    settings->taken = mem_grow(settings->taken, settings->taken_count,
                               &settings->taken_cap, sizeof *settings->taken);
    settings->taken[settings->taken_count++] = taken;
    return true;
}

bool settings_names(struct settings *settings, const char *section, struct strlist *ret,
                    struct err *err)
{
    AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);

    add_section(&pointer, section);
    strlist_add(&settings->named, buf_str(&pointer));
    for (size_t i = 0; i < settings->doc_count; i++) {
        const struct json_doc *doc = settings->docs[i];
        json_t *object = json_find(doc->root, buf_str(&pointer)), *value;
        const char *key;

        if (object != NULL && !json_is_object(object))
            return fail(doc, buf_str(&pointer), "settings.value", err,
                        "an object of named objects is expected");
        json_object_foreach(object, key, value)
        {
            if (json_is_comment(key) || strlist_has(ret, key))
                continue;
            if (strchr(key, '/') != NULL)
                return fail(doc, buf_str(&pointer), "settings.value", err,
                            "the names in it may not hold a \"/\"");
            strlist_add(ret, key);
        }
    }
    return true;
}

/* --- what nobody asked for --------------------------------------------------------------- */

static bool find_unknown(const struct settings *settings, const struct json_doc *doc,
                         const json_t *object, struct buf *pointer, struct err *err);

/* Somebody took this section, or one below it, or its names. */
static bool is_wanted(const struct settings *settings, const char *pointer)
{
    size_t len = strlen(pointer);

    for (size_t i = 0; i < settings->taken_count; i++) {
        AUTO(buf_free) struct buf section = BUF_INIT(POINTER_MAX);

        add_section(&section, settings->taken[i].section);
        if (strncmp(buf_str(&section), pointer, len) == 0 &&
            (section.len == len || section.data[len] == '/'))
            return true;
    }
    return strlist_has(&settings->named, pointer);
}

static bool is_setting(const struct settings *settings, const char *pointer,
                       const char *key)
{
    for (size_t i = 0; i < settings->taken_count; i++) {
        AUTO(buf_free) struct buf section = BUF_INIT(POINTER_MAX);

        add_section(&section, settings->taken[i].section);
        if (text_eq(buf_str(&section), pointer) &&
            in_table(settings->taken[i].table, settings->taken[i].count, key))
            return true;
    }
    return json_is_comment(key);
}

static bool find_unknown_at(const struct settings *settings, const struct json_doc *doc,
                            const char *key, const json_t *value, struct buf *pointer,
                            struct err *err)
{
    size_t before = pointer->len;
    bool ok = true;

    if (is_setting(settings, buf_str(pointer), key))
        return true;
    json_step_add(pointer, key);
    if (!json_is_object(value) || !is_wanted(settings, buf_str(pointer)))
        ok = fail(doc, buf_str(pointer), "settings.unknown-key", err,
                  "this section or setting is not known");
    else
        ok = find_unknown(settings, doc, value, pointer, err);
    pointer->len = before;
    pointer->data[before] = '\0';
    return ok;
}

static bool find_unknown(const struct settings *settings, const struct json_doc *doc,
                         const json_t *object, struct buf *pointer, struct err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (!find_unknown_at(settings, doc, key, value, pointer, err))
            return false;
    }
    return true;
}

bool settings_finish(const struct settings *settings, struct err *err)
{
    for (size_t i = 0; i < settings->doc_count; i++) {
        AUTO(buf_free) struct buf pointer = BUF_INIT(POINTER_MAX);

        buf_adds(&pointer, "");
        if (!find_unknown(settings, settings->docs[i], settings->docs[i]->root, &pointer,
                          err))
            return false;
    }
    return true;
}

/* --- showing ----------------------------------------------------------------------------- */

void settings_print(const struct settings *settings, struct buf *out)
{
    for (size_t i = 0; i < settings->taken_count; i++) {
        const struct taken *t = &settings->taken[i];

        for (size_t j = 0; j < t->count; j++) {
            buf_addf(out, "%s%s%s = %s   # ", t->section,
                     t->section[0] != '\0' ? "." : "", t->table[j].name, t->values[j]);
            if (t->origins[j].doc != NULL)
                buf_addf(out, "%s:%u\n", t->origins[j].doc->name, t->origins[j].line);
            else
                buf_adds(out, "default\n");
        }
    }
}

void settings_defaults(const char *section, const struct setting *table, size_t count,
                       struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        AUTO(strlist_free) struct strlist list = { 0 };
        struct value value = { 0 };

        buf_addf(out, "%s%s%s = ", section, section[0] != '\0' ? "." : "", table[i].name);
        if (table[i].required)
            buf_adds(out, "(required)");
        else if (table[i].standard == NULL)
            buf_adds(out, "none");
        else if (value_of_text(&table[i], table[i].standard, &value))
            value_print(&table[i], &value, out);
        list = value.list;
        buf_adds(out, "\n    ");
        value_describe(&table[i], out);
        buf_addf(out, "; %s\n", table[i].meaning);
    }
}
