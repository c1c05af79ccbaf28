/* JSON Schema: each keyword right and wrong, all findings at once, none with a value. */
#include "support_format.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "format/json.h"
#include "format/jsonschema.h"

static struct jsonschema *schema_of(const char *text, struct err *err)
{
    AUTO(json_doc_free)
    struct json_doc *doc =
        json_doc_parse("form.schema.json", text, strlen(text), ERR_CONFIG, NULL, err);

    return doc != NULL ? jsonschema_compile(doc, err) : NULL;
}

struct row {
    const char *name, *schema,
        *value;              /* the value stands in [ ] under the schema's items */
    const char *rule, *text; /* rule NULL: valid */
};

static struct row rows[] = {
    { "type", "{\"type\":\"string\"}", "\"SECRET\"", NULL, NULL },
    { "number for string", "{\"type\":\"string\"}", "7777", "type",
      "a string is required here, not an integer" },
    { "null for string", "{\"type\":\"string\"}", "null", "type",
      "a string is required here, not null" },
    { "one of two types", "{\"type\":[\"string\",\"null\"]}", "null", NULL, NULL },
    { "none of two types", "{\"type\":[\"string\",\"null\"]}", "{}", "type",
      "a string or null is required here, not an object" },
    { "integer", "{\"type\":\"integer\"}", "5", NULL, NULL },
    { "integer with a point", "{\"type\":\"integer\"}", "5.0", NULL, NULL },
    { "fraction for integer", "{\"type\":\"integer\"}", "5.5", "type",
      "an integer is required here, not a number" },
    { "integer for number", "{\"type\":\"number\"}", "5", NULL, NULL },
    { "boolean", "{\"type\":\"boolean\"}", "false", NULL, NULL },
    { "word for boolean", "{\"type\":\"boolean\"}", "\"SECRET\"", "type",
      "true or false is required here, not a string" },
    { "enum", "{\"enum\":[\"A\",1,null]}", "1", NULL, NULL },
    { "not in enum", "{\"enum\":[\"A\",1,null]}", "\"SECRET\"", "enum",
      "expected: one of \"A\", 1, null" },
    { "const", "{\"const\":{\"a\":[1]}}", "{\"a\":[1]}", NULL, NULL },
    { "other than const", "{\"const\":\"A\"}", "\"SECRET\"", "const",
      "only \"A\" is allowed here" },
    { "pattern", "{\"pattern\":\"^[0-9]{3}$\"}", "\"123\"", NULL, NULL },
    { "pattern missed", "{\"pattern\":\"^[0-9]{3}$\"}", "\"SECRET\"", "pattern",
      "the value does not have the form ^[0-9]{3}$" },
    { "line end behind", "{\"pattern\":\"^[0-9]{3}$\"}", "\"123\\n\"", "pattern", NULL },
    { "pattern is searched", "{\"pattern\":\"b\"}", "\"abc\"", NULL, NULL },
    { "pattern counts characters", "{\"pattern\":\"^.{2}$\"}", "\"Жș\"", NULL, NULL },
    { "digits are ASCII", "{\"pattern\":\"^\\\\d$\"}", "\"\\u0663\"", "pattern", NULL },
    { "pattern for strings only", "{\"pattern\":\"^x$\"}", "5", NULL, NULL },
    { "date", "{\"format\":\"date\"}", "\"2024-02-29\"", NULL, NULL },
    { "impossible date", "{\"format\":\"date\"}", "\"2023-02-29\"", "format",
      "a date YYYY-MM-DD that exists is required here" },
    { "date-time", "{\"format\":\"date-time\"}", "\"2026-11-05T09:00:00+02:00\"", NULL,
      NULL },
    { "date-time without zone", "{\"format\":\"date-time\"}", "\"2026-11-05T09:00:00\"",
      "format", NULL },
    { "one mistake, one finding", "{\"pattern\":\"^[0-9-]+$\",\"format\":\"date\"}",
      "\"15.03.1992\"", "pattern", NULL },
    { "maxLength in characters", "{\"maxLength\":3}", "\"ЖЖ😀\"", NULL, NULL },
    { "too long", "{\"maxLength\":3}", "\"SECRET\"", "maxLength",
      "the value has 6 characters, at most 3 are allowed" },
    { "too short", "{\"minLength\":9}", "\"SECRET\"", "minLength",
      "the value has 6 characters, at least 9 are required" },
    { "empty", "{\"minLength\":1}", "\"\"", "minLength", "the field may not be empty" },
    { "minimum", "{\"minimum\":1,\"maximum\":2.5}", "2.5", NULL, NULL },
    { "below", "{\"minimum\":1}", "0.5", "minimum", "the number must be at least 1" },
    { "above", "{\"maximum\":2.5}", "777", "maximum", "the number must be at most 2.5" },
    { "items", "{\"items\":{\"type\":\"string\"}}", "[\"a\",\"b\"]", NULL, NULL },
    { "too few", "{\"minItems\":1}", "[]", "minItems",
      "0 items are too few, at least 1 are required" },
    { "too many", "{\"maxItems\":1}", "[1,2]", "maxItems",
      "2 items are too many, at most 1 are allowed" },
    { "unique", "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"a\":1,\"b\":3}]", NULL,
      NULL },
    { "not unique", "{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},7,{\"b\":2,\"a\":1}]",
      "uniqueItems", "items 1 and 3 are equal" },
    { "additional false", "{\"properties\":{\"name\":{}},\"additionalProperties\":false}",
      "{\"name\":1}", NULL, NULL },
    { "unknown field", "{\"properties\":{\"name\":{}},\"additionalProperties\":false}",
      "{\"nmae\":1}", "additionalProperties",
      "this field is not known here; did you mean \"name\"?" },
    { "additional schema", "{\"additionalProperties\":{\"type\":\"string\"}}",
      "{\"x\":5}", "type", NULL },
    { "required", "{\"required\":[\"a\"]}", "{}", "required", "this field is required" },
    { "required of objects only", "{\"required\":[\"a\"]}", "[]", NULL, NULL },
    { "allOf", "{\"allOf\":[{\"type\":\"string\"},{\"maxLength\":3}]}", "\"SECRET\"",
      "maxLength", NULL },
    { "anyOf", "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "6", NULL, NULL },
    { "anyOf none", "{\"anyOf\":[{\"type\":\"string\"},{\"minimum\":5}]}", "4", "anyOf",
      "fits none of the 2 forms allowed here" },
    { "oneOf", "{\"oneOf\":[{\"minimum\":5},{\"maximum\":3}]}", "6", NULL, NULL },
    { "oneOf both", "{\"oneOf\":[{\"minimum\":5},{\"maximum\":7}]}", "6", "oneOf",
      "fits 2 of the 2 forms of which exactly one must fit" },
    { "not", "{\"not\":{\"type\":\"null\"}}", "null", "not",
      "has a form that is not allowed here" },
    { "not not", "{\"not\":{\"type\":\"null\"}}", "1", NULL, NULL },
    { "if then", "{\"if\":{\"minimum\":5},\"then\":{\"maximum\":7}}", "8", "maximum",
      NULL },
    { "if else", "{\"if\":{\"minimum\":5},\"else\":{\"minimum\":3}}", "2", "minimum",
      NULL },
    { "if without branch", "{\"if\":{\"minimum\":5},\"then\":{\"maximum\":7}}", "2", NULL,
      NULL },
    { "true", "true", "7", NULL, NULL },
    { "false", "false", "7", "false", "nothing may stand here" },
    { "notes", "{\"title\":\"t\",\"$comment\":\"c\",\"default\":1,\"examples\":[1]}", "7",
      NULL, NULL },
};

static void test_row(void **state)
{
    const struct row *row = *state;
    char schema_text[500], text[500];
    AUTO(jsonschema_free) struct jsonschema *schema = NULL;
    AUTO(json_drop) json_t *value = NULL;
    AUTO(findings_free) struct findings found = { 0 };
    struct err err = { 0 };

    snprintf(schema_text, sizeof schema_text, "{\"items\":%s}", row->schema);
    snprintf(text, sizeof text, "[%s]", row->value);
    schema = schema_of(schema_text, &err);
    if (schema == NULL)
        fail_msg("%s", err.text);
    value = json_parse(text, strlen(text), NULL, &err);
    assert_non_null(value);
    assert_true(jsonschema_validate(schema, value, &found, &err));
    if (row->rule == NULL) {
        if (found.count != 0)
            fail_msg("%s", found.items[0].text);
        return;
    }
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].rule, row->rule);
    assert_true(text_starts(found.items[0].place, "/0"));
    assert_null(strstr(found.items[0].text, "SECRET"));
    assert_null(strstr(found.items[0].text, "777"));
    if (row->text != NULL)
        assert_string_equal(found.items[0].text, row->text);
}

/* A form in the manner of the national one. */
static const char form[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
    "\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"request\",\"answer\"]}"
    "},"
    "\"allOf\":[{\"if\":{\"properties\":{\"type\":{\"const\":\"request\"}},\"required\":["
    "\"type\"]},"
    "\"then\":{\"$ref\":\"#/$defs/request\"}},"
    "{\"if\":{\"properties\":{\"type\":{\"const\":\"answer\"}},\"required\":[\"type\"]},"
    "\"then\":{\"$ref\":\"#/$defs/answer\"}}],"
    "\"$defs\":{\"request\":{\"type\":\"object\",\"required\":[\"person\"],"
    "\"properties\":{"
    "\"type\":true,\"person\":{\"$ref\":\"#/$defs/"
    "person\"},\"children\":{\"type\":\"array\","
    "\"items\":{\"$ref\":\"#/$defs/person\"},\"description\":\"children with her\"}},"
    "\"additionalProperties\":false},"
    "\"answer\":{\"properties\":{\"risk\":{\"type\":\"integer\"}}},"
    "\"person\":{\"type\":\"object\",\"description\":\"a person\",\"properties\":{"
    "\"idnp\":{\"type\":\"string\",\"pattern\":\"^[0-9]{13}$\",\"description\":"
    "\"personal number\"},"
    "\"a/b\":{\"enum\":[\"1\",\"2\"]},\"any\":{},"
    "\"mother\":{\"$ref\":\"#/$defs/person\"}},\"required\":[\"idnp\"],"
    "\"additionalProperties\":false}}}";

static void test_all_findings_with_places(void **state)
{
    static const char text[] =
        "{\"type\":\"request\",\"person\":{\"idnp\":2000000000007,\"a/b\":\"SECRET\"},"
        "\"children\":[{\"idnp\":\"1\"},{\"mother\":{\"mother\":{}}}],\"extra\":1}";
    static const char *const want[][3] = {
        { "/person/idnp", "type", "personal number" },
        { "/person/a~1b", "enum", NULL },
        { "/children/0/idnp", "pattern", "personal number" },
        { "/children/1/idnp", "required", "personal number" },
        { "/children/1/mother/idnp", "required", "personal number" },
        { "/children/1/mother/mother/idnp", "required", "personal number" },
        { "/extra", "additionalProperties", NULL },
    };
    struct err err = { 0 };
    AUTO(jsonschema_free) struct jsonschema *schema = schema_of(form, &err);
    AUTO(json_drop) json_t *value = json_parse(text, sizeof text - 1, NULL, &err);
    AUTO(findings_free) struct findings found = { 0 };
    size_t seen = 0;

    (void)state;
    assert_true(jsonschema_validate(schema, value, &found, &err));
    assert_int_equal(found.count, COUNT_OF(want));
    for (size_t i = 0; i < found.count; i++)
        for (size_t j = 0; j < COUNT_OF(want); j++)
            if (text_eq(found.items[i].place, want[j][0])) {
                assert_string_equal(found.items[i].rule, want[j][1]);
                if (!text_eq(found.items[i].field, want[j][2]))
                    fail_msg("%s: %s", want[j][0], found.items[i].field);
                seen++;
            }
    assert_int_equal(seen, COUNT_OF(want));
}

static void test_questions(void **state)
{
    static const struct {
        const char *from, *pointer;
        unsigned kinds;
        const char *description;
    } asks[] = {
        { NULL, "", JSONSCHEMA_OBJECT, NULL },
        { NULL, "/type", JSONSCHEMA_STRING, NULL },
        { NULL, "/person", JSONSCHEMA_OBJECT, "a person" },
        { NULL, "/person/idnp", JSONSCHEMA_STRING, "personal number" },
        { NULL, "/children", JSONSCHEMA_ARRAY, "children with her" },
        { NULL, "/children/7/a~1b", JSONSCHEMA_STRING, NULL },
        { NULL, "/children/*/mother/mother/idnp", JSONSCHEMA_STRING, "personal number" },
        { NULL, "/risk", JSONSCHEMA_INTEGER, NULL },
        { NULL, "/person/any", 127, NULL },
        { NULL, "/person/none", 0, NULL },
        { NULL, "/children/x", 0, NULL },
        { "#/$defs/request", "/risk", 0, NULL },
        { "#/$defs/answer", "/risk", JSONSCHEMA_INTEGER, NULL },
        { "#/$defs/none", "/risk", 0, NULL },
    };
    struct err err = { 0 };
    AUTO(jsonschema_free) struct jsonschema *schema = schema_of(form, &err);

    (void)state;
    for (size_t i = 0; i < COUNT_OF(asks); i++) {
        const char *said = jsonschema_description(schema, asks[i].from, asks[i].pointer);

        if (jsonschema_kinds(schema, asks[i].from, asks[i].pointer) != asks[i].kinds)
            fail_msg("%s: %u", asks[i].pointer,
                     jsonschema_kinds(schema, asks[i].from, asks[i].pointer));
        if (asks[i].description != NULL)
            assert_string_equal(said, asks[i].description);
    }
}

static const struct {
    const char *schema, *code, *says;
} wrong[] = {
    { "{\"properties\":{\"a\":{\"typ\":\"string\"}}}", "jsonschema.keyword",
      "/properties/a/typ" },
    { "{\"prefixItems\":[]}", "jsonschema.keyword", "/prefixItems" },
    { "{\"$defs\":{\"x\":{\"contains\":{}}}}", "jsonschema.keyword",
      "/$defs/x/contains" },
    { "{\"format\":\"email\"}", "jsonschema.keyword", "date-time" },
    { "{\"type\":\"text\"}", "jsonschema.form", "/type" },
    { "{\"type\":[]}", "jsonschema.form", "/type" },
    { "{\"enum\":[]}", "jsonschema.form", "/enum" },
    { "{\"minLength\":-1}", "jsonschema.form", "/minLength" },
    { "{\"maxItems\":\"1\"}", "jsonschema.form", "/maxItems" },
    { "{\"uniqueItems\":1}", "jsonschema.form", "/uniqueItems" },
    { "{\"minimum\":\"1\"}", "jsonschema.form", "/minimum" },
    { "{\"required\":\"a\"}", "jsonschema.form", "/required" },
    { "{\"required\":[1]}", "jsonschema.form", "/required" },
    { "{\"properties\":[]}", "jsonschema.form", "/properties" },
    { "{\"items\":[]}", "jsonschema.form", "/items" },
    { "{\"allOf\":{}}", "jsonschema.form", "/allOf" },
    { "{\"anyOf\":[1]}", "jsonschema.form", "/anyOf/0" },
    { "{\"not\":1}", "jsonschema.form", "/not" },
    { "{\"pattern\":5}", "jsonschema.form", "/pattern" },
    { "{\"pattern\":\"(\"}", "jsonschema.pattern", "/pattern" },
    { "{\"pattern\":\"\\\\C\"}", "jsonschema.pattern", "/pattern" },
    { "{\"$ref\":\"#/$defs/none\"}", "jsonschema.ref", "#/$defs/none" },
    { "{\"$ref\":\"http://127.0.0.1/x.json\"}", "jsonschema.ref", "/$ref" },
    { "{\"$ref\":\"#anchor\"}", "jsonschema.ref", "#anchor" },
    { "{\"$schema\":\"http://json-schema.org/draft-07/schema#\"}", "jsonschema.form",
      "2020-12" },
    { "{\"title\":5}", "jsonschema.form", "/title" },
    { "[]", "jsonschema.form", "object" },
};

static void test_wrong_schemas(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct err err = { 0 };

        if (schema_of(wrong[i].schema, &err) != NULL)
            fail_msg("%s", wrong[i].schema);
        assert_code(&err, wrong[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_true(text_starts(err.text, "form.schema.json:1: "));
        if (strstr(err.text, wrong[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, wrong[i].says);
    }
}

static void expect_broken(const char *schema_text, const char *text, const char *code)
{
    struct err err = { 0 };
    AUTO(jsonschema_free) struct jsonschema *schema = schema_of(schema_text, &err);
    AUTO(json_drop) json_t *value = json_parse(text, strlen(text), NULL, &err);
    AUTO(findings_free) struct findings found = { 0 };

    assert_non_null(schema);
    assert_false(jsonschema_validate(schema, value, &found, &err));
    assert_code(&err, code);
    assert_null(strstr(err.text, "aaaa"));
}

static void test_limits(void **state)
{
    (void)state;
    expect_broken("{\"items\":{\"pattern\":\"^(a+)+$\"}}",
                  "[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"]",
                  "jsonschema.pattern-limit");
    expect_broken("{\"$ref\":\"#\"}", "[]", "jsonschema.circle");
    expect_broken("{\"allOf\":[{\"$ref\":\"#/allOf/1\"},{\"$ref\":\"#/allOf/0\"}]}", "[]",
                  "jsonschema.circle");
    expect_broken("{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "[]",
                  "jsonschema.circle");
}

static void test_large_arrays_are_compared_quickly(void **state)
{
    static char text[700000];
    struct err err = { 0 };
    AUTO(jsonschema_free)
    struct jsonschema *schema = schema_of("{\"uniqueItems\":true}", &err);
    AUTO(json_drop) json_t *value = NULL;
    AUTO(findings_free) struct findings found = { 0 };
    size_t at = 1;

    (void)state;
    text[0] = '[';
    for (int i = 0; i < 80000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%d,", i);
    text[at - 1] = ']';
    value = json_parse(text, at, NULL, &err);
    assert_non_null(value);
    assert_true(jsonschema_validate(schema, value, &found, &err));
    assert_int_equal(found.count, 0);
}

int main(void)
{
    const struct CMUnitTest single[] = {
        cmocka_unit_test(test_all_findings_with_places),
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_wrong_schemas),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_large_arrays_are_compared_quickly),
    };
    struct CMUnitTest tests[COUNT_OF(single) + COUNT_OF(rows)];

    memcpy(tests, single, sizeof single);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[COUNT_OF(single) + i] = (struct CMUnitTest){ .name = rows[i].name,
                                                           .test_func = test_row,
                                                           .initial_state = &rows[i] };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
