/*
 * parse_check.c - the annex's conditions from the author's file (mappings/README.md section 9).
 */
#include <string.h>

#include "base/err.h"
#include "mapping/mapping_private.h"

static size_t paths_of(struct compile *c, const struct json_at *at, const char *key,
                       struct trail ***ret, const char *rule)
{
    const char **texts;
    size_t count = compile_texts(c, at, key, &texts);
    struct json_at list = json_member(at, key);

    *ret = arena_array(&c->map->arena, count + 1, sizeof(struct trail *));
    for (size_t i = 0; i < count; i++)
        (*ret)[i] = text_eq(texts[i], "name()")
                        ? NULL
                        : compile_path_text(c, &list, texts[i], rule);
    return count;
}

static void check_answers(struct compile *c, struct check *check,
                          const struct json_at *at)
{
    struct json_at answered = json_member(at, "answered");
    size_t states;
    bool good = true;

    check->answers = compile_path(c, &answered, "answers", check->id);
    check->answer_count = paths_of(c, &answered, "field", &check->fields, check->id);
    states = paths_of(c, &answered, "state", &check->states, check->id);
    check->data = compile_path(c, &answered, "data", check->id);
    check->is = compile_text(c, &answered, "is");
    check->except_count = compile_texts(c, &answered, "except", &check->except);
    for (size_t i = 0; i < check->answer_count && i < states; i++)
        good = good && check->fields[i] != NULL && check->states[i] != NULL;
    if (good && check->answers != NULL && check->answer_count > 0 &&
        check->answer_count == states && check->data != NULL && check->is != NULL)
        return;
    check->answer_count = 0;
    compile_error(c, at, check->id, "E-CONDITION",
                  "write answers, field, state (as many as fields), is and data",
                  "\"answered\" is not complete");
}

static bool read_check(struct compile *c, struct check *check, const struct json_at *at)
{
    static const struct {
        const char *key;
        enum check_type type;
    } lists[] = {
        { "need", CHECK_NEED },
        { "need-one", CHECK_NEED_ONE },
        { "exactly-one", CHECK_EXACTLY_ONE },
        { "together", CHECK_TOGETHER },
        { "same", CHECK_SAME },
        { "no-gaps", CHECK_NO_GAPS },
    };
    struct json_at member;

    for (size_t i = 0; i < COUNT_OF(lists); i++)
        if (json_object_get(at->value, lists[i].key) != NULL) {
            check->type = lists[i].type;
            check->path_count = paths_of(c, at, lists[i].key, &check->paths, check->id);
            check->is_name =
                arena_array(&c->map->arena, check->path_count + 1, sizeof(bool));
            for (size_t k = 0; k < check->path_count; k++)
                check->is_name[k] = check->paths[k] == NULL;
            return check->type != CHECK_SAME || check->path_count == 2;
        }
    member = json_member(at, "forbid");
    if (member.value != NULL) {
        check->type = CHECK_FORBID;
        check->forbid = compile_cond(c, &member);
        return check->forbid != NULL;
    }
    if (json_object_get(at->value, "consent") != NULL) {
        check->type = CHECK_CONSENT;
        check->item_count = compile_texts(c, at, "consent", &check->items);
        member = json_member(at, "months");
        check->months = json_is_integer(member.value)
                            ? (unsigned)json_integer_value(member.value)
                            : 12;
        return check->item_count > 0;
    }
    if (json_object_get(at->value, "answered") != NULL) {
        check->type = CHECK_ANSWERED;
        check_answers(c, check, at);
        return true;
    }
    return false;
}

bool compile_checks(struct compile *c, const struct json_at *list)
{
    static const char *const keys[] = { "id",     "clause",   "remedy",   "text",
                                        "warn",   "messages", "each",     "if",
                                        "need",   "need-one", "together", "exactly-one",
                                        "same",   "no-gaps",  "forbid",   "consent",
                                        "months", "answered", NULL };
    size_t count = json_items(list);
    struct err err;

    c->map->checks = arena_array(&c->map->arena, count + 1, sizeof(struct check));
    for (size_t i = 0; i < count; i++) {
        struct json_at at = json_item(list, i), when = json_member(&at, "if");
        struct check *check = &c->map->checks[c->map->check_count++];

        check->id = compile_text(c, &at, "id");
        check->clause = compile_text(c, &at, "clause");
        check->remedy = compile_text(c, &at, "remedy");
        check->text = compile_text(c, &at, "text");
        check->line = json_at_line(&at);
        check->warn = compile_flag(c, &at, "warn");
        check->message_count = compile_texts(c, &at, "messages", &check->messages);
        check->each = compile_path(c, &at, "each", check->id);
        if (when.value != NULL)
            check->when = compile_cond(c, &when);
        if (!json_only_keys(&at, keys, &err))
            compile_error(c, &at, check->id, "E-KEY", "see mappings/README.md section 9",
                          "a condition has a key that is not known");
        if (check->id == NULL || check->remedy == NULL)
            compile_error(c, &at, check->id, "E-CONDITION", "add \"id\" and \"remedy\"",
                          "a condition needs an id and a sentence of advice");
        if (!read_check(c, check, &at))
            compile_error(
                c, &at, check->id, "E-CONDITION",
                "use need, need-one, exactly-one, together, forbid, consent, same "
                "or answered",
                "the condition demands nothing that is understood");
    }
    return c->errors == 0;
}
