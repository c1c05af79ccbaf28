/* Settings: defaults, files over files, and errors that name file, line and the nearest key. */
#include "support_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/settings.h"

struct http {
    const char *listen, *name, *key;
    int64_t workers, head_ms;
    uint64_t body_max;
    bool strict;
    int colour;
    const struct strlist *hosts;
};

static const char *const colours[] = { "red", "green", NULL };

static const struct setting table[] = {
    { "listen", SETTING_STRING, offsetof(struct http, listen),
      .standard = "127.0.0.1:8443", .meaning = "address and port" },
    { "name", SETTING_STRING, offsetof(struct http, name), .meaning = "a name" },
    { "key", SETTING_PATH, offsetof(struct http, key), .standard = "keys/tls.key",
      .meaning = "the key" },
    { "workers", SETTING_INT, offsetof(struct http, workers), .standard = "4", .min = 1,
      .max = 64, .meaning = "threads" },
    { "headTime", SETTING_DURATION, offsetof(struct http, head_ms), .standard = "10 s",
      .min = 1000, .max = 60000, .meaning = "time for a request's head" },
    { "bodyMax", SETTING_SIZE, offsetof(struct http, body_max), .standard = "256 M",
      .meaning = "octets of a body" },
    { "strict", SETTING_BOOL, offsetof(struct http, strict), .standard = "true",
      .meaning = "strict" },
    { "colour", SETTING_WORD, offsetof(struct http, colour), .standard = "green",
      .words = colours, .meaning = "the colour" },
    { "hosts", SETTING_LIST, offsetof(struct http, hosts), .standard = "a b",
      .meaning = "names" },
};

struct office {
    const char *title;
};

static const struct setting office_table[] = {
    { "title", SETTING_STRING, offsetof(struct office, title),
      .meaning = "the office's name", .required = true },
};

static char dir[] = "/tmp/trm-settings-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
    AUTO(mem_free) char *line = mem_printf("rm -rf %s", dir);

    (void)state;
    return system(line);
}

static char *write_file(const char *name, const char *text)
{
    char *path = path_join(dir, name);
    struct err err = { 0 };

    if (!file_write(path, text, strlen(text), 0600, &err))
        fail_msg("%s", err.text);
    return path;
}

static struct settings *settings_of(const char *text)
{
    struct settings *settings = settings_new();
    AUTO(mem_free) char *path = write_file("gateway.json", text);
    struct err err = { 0 };

    if (!settings_add_file(settings, path, &err))
        fail_msg("%s", err.text);
    return settings;
}

static void test_defaults(void **state)
{
    AUTO(settings_free) struct settings *settings = settings_new();
    struct http http = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(settings_take(settings, "http", table, COUNT_OF(table), &http, &err));
    assert_string_equal(http.listen, "127.0.0.1:8443");
    assert_null(http.name);
    assert_string_equal(http.key, "keys/tls.key");
    assert_int_equal(http.workers, 4);
    assert_int_equal(http.head_ms, 10000);
    assert_int_equal(http.body_max, 256u << 20);
    assert_true(http.strict);
    assert_int_equal(http.colour, 1);
    assert_int_equal(http.hosts->count, 2);
    assert_string_equal(http.hosts->items[1], "b");
    assert_true(settings_finish(settings, &err));
}

static void test_values_of_a_file(void **state)
{
    AUTO(settings_free)
    struct settings *settings =
        settings_of("{ \"//\": \"x\", \"http\": { \"// workers\": 1, \"listen\": "
                    "\"[::]:1\", \"name\": \"n\",\n"
                    "\"key\": \"/abs\", \"workers\": 64, \"headTime\": \"1m\", "
                    "\"bodyMax\": 512, \"strict\": false,\n"
                    "\"colour\": \"red\", \"hosts\": [] } }");
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct http http = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(settings_take(settings, "http", table, COUNT_OF(table), &http, &err));
    assert_true(settings_finish(settings, &err));
    assert_string_equal(http.listen, "[::]:1");
    assert_string_equal(http.name, "n");
    assert_string_equal(http.key, "/abs");
    assert_int_equal(http.workers, 64);
    assert_int_equal(http.head_ms, 60000);
    assert_int_equal(http.body_max, 512);
    assert_false(http.strict);
    assert_int_equal(http.colour, 0);
    assert_int_equal(http.hosts->count, 0);
    settings_print(settings, &out);
    assert_non_null(strstr(out.data, "http.headTime = \"1 m\"   # "));
    assert_non_null(strstr(out.data, "gateway.json:2\nhttp.bodyMax"));
    assert_non_null(strstr(out.data, "http.hosts = []   # "));
}

static const struct {
    const char *text, *code, *says;
} wrong[] = {
    { "{\"http\":{\n\"workers\":\"4\"}}", "settings.value",
      "gateway.json:2: /http/workers: a whole number from 1 to 64 is expected" },
    { "{\"http\":{\"workers\":0}}", "settings.value", "from 1 to 64" },
    { "{\"http\":{\"headTime\":10}}", "settings.value",
      "a duration such as \"10 s\" (ms, s, m, h, d) from 1 s to 1 m is expected" },
    { "{\"http\":{\"headTime\":\"10\"}}", "settings.value", "duration" },
    { "{\"http\":{\"headTime\":\"10 x\"}}", "settings.value", "duration" },
    { "{\"http\":{\"headTime\":\"2 m\"}}", "settings.value", "from 1 s to 1 m" },
    { "{\"http\":{\"headTime\":\"9999999999999999 d\"}}", "settings.value", "duration" },
    { "{\"http\":{\"bodyMax\":\"-1\"}}", "settings.value", "a size such as" },
    { "{\"http\":{\"bodyMax\":-1}}", "settings.value", "a size such as" },
    { "{\"http\":{\"strict\":\"yes\"}}", "settings.value", "true or false" },
    { "{\"http\":{\"colour\":\"blue\"}}", "settings.value", "one of \"red\", \"green\"" },
    { "{\"http\":{\"hosts\":\"a\"}}", "settings.value", "an array of strings" },
    { "{\"http\":{\"hosts\":[\"a\",1]}}", "settings.value", "an array of strings" },
    { "{\"http\":{\"listen\":null}}", "settings.value", "a string" },
    { "{\"http\":[]}", "settings.value", "/http: an object" },
    { "{\"http\":{\n\n\"headtime\":\"10 s\"}}", "settings.unknown-key",
      "gateway.json:3: /http/headtime: this setting is not known; did you mean "
      "\"headTime\"?" },
    { "{\"http\":{\"zzzzzzzz\":1}}", "settings.unknown-key", "/http/zzzzzzzz" },
    { "{\"http\":{\"tls\":{}}}", "settings.unknown-key", "/http/tls" },
    { "{\"htpt\":{}}", "settings.unknown-key", "/htpt" },
    { "{\"http\":{},\n\"x\":1}", "settings.unknown-key", "gateway.json:2: /x" },
};

static void test_wrong_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        AUTO(settings_free) struct settings *settings = settings_of(wrong[i].text);
        struct http http = { 0 };
        struct err err = { 0 };

        if (settings_take(settings, "http", table, COUNT_OF(table), &http, &err) &&
            settings_finish(settings, &err))
            fail_msg("%s", wrong[i].text);
        assert_code(&err, wrong[i].code);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (strstr(err.text, wrong[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.text, wrong[i].says);
    }
}

static void test_unreadable_files(void **state)
{
    AUTO(settings_free) struct settings *settings = settings_new();
    AUTO(mem_free) char *broken = write_file("broken.json", "{\n\"a\": }");
    AUTO(mem_free) char *array = write_file("array.json", "[]");
    struct err err = { 0 };

    (void)state;
    assert_false(settings_add_file(settings, "/nonexistent/gateway.json", &err));
    assert_code(&err, "file.absent");
    assert_false(settings_add_file(settings, broken, &err));
    assert_code(&err, "json.malformed");
    assert_non_null(strstr(err.text, "broken.json: line 2"));
    assert_false(settings_add_file(settings, array, &err));
    assert_code(&err, "settings.value");
}

static void test_drop_in_folder(void **state)
{
    AUTO(settings_free)
    struct settings *settings = settings_of(
        "{\"http\":{\"workers\":1,\"name\":\"main\",\"hosts\":[\"x\",\"y\"]}}");
    AUTO(mem_free) char *folder = path_join(dir, "gateway.d");
    AUTO(buf_free) struct buf out = BUF_INIT(10000);
    struct http http = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(settings_add_folder(settings, folder, &err)); /* absent is nothing */
    assert_true(dir_make(folder, 0700, &err));
    AUTO(mem_free)
    char *second = write_file("gateway.d/20-b.json",
                              "{\"http\":{\"workers\":3,\"key\":\"own.key\"}}");
    AUTO(mem_free)
    char *first =
        write_file("gateway.d/10-a.json", "{\"http\":{\"workers\":2,\"hosts\":[\"z\"]}}");
    AUTO(mem_free) char *other = write_file("gateway.d/30-c.txt", "not json");
    AUTO(mem_free) char *hidden = write_file("gateway.d/.40.json", "not json");
    AUTO(mem_free) char *own_key = path_join(folder, "own.key");

    assert_true(settings_add_folder(settings, folder, &err));
    assert_true(settings_take(settings, "http", table, COUNT_OF(table), &http, &err));
    assert_true(settings_finish(settings, &err));
    assert_int_equal(http.workers, 3);
    assert_string_equal(http.name, "main");
    assert_string_equal(http.key, own_key); /* beside the file that says it */
    assert_int_equal(http.hosts->count, 1);
    assert_string_equal(http.hosts->items[0], "z");
    settings_print(settings, &out);
    assert_non_null(
        strstr(out.data, "20-b.json:1\nhttp.headTime = \"10 s\"   # default"));
}

static void test_sections_by_name(void **state)
{
    AUTO(settings_free)
    struct settings *settings =
        settings_of("{\"offices\":{\"//\":\"x\",\"MD-COORD\":{\"title\":\"a\"},"
                    "\"MD-X\":{\"title\":\"b\"},\n"
                    "\"MD-2\":{}}}");
    AUTO(strlist_free) struct strlist names = { 0 };
    struct office office = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_true(settings_names(settings, "offices", &names, &err));
    assert_int_equal(names.count, 3);
    assert_string_equal(names.items[0], "MD-COORD");
    assert_true(
        settings_take(settings, "offices/MD-COORD", office_table, 1, &office, &err));
    assert_string_equal(office.title, "a");
    assert_false(settings_finish(settings, &err)); /* the others were not taken */
    assert_code(&err, "settings.unknown-key");
    assert_false(settings_take(settings, "offices/MD-2", office_table, 1, &office, &err));
    assert_code(&err, "settings.missing");
    assert_non_null(strstr(err.text, "gateway.json:2: /offices/MD-2/title"));
}

static void test_names_that_no_path_can_hold(void **state)
{
    AUTO(settings_free)
    struct settings *settings = settings_of("{\"offices\":{\"MD/X\":{}}}");
    AUTO(strlist_free) struct strlist names = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_false(settings_names(settings, "offices", &names, &err));
    assert_code(&err, "settings.value");
}

static void test_wrong_table(void **state)
{
    static const struct setting bad[] = { { "n", SETTING_INT, 0, .standard = "x",
                                            .meaning = "m" } };
    AUTO(settings_free) struct settings *settings = settings_new();
    struct err err = { 0 };
    int64_t n;

    (void)state;
    assert_false(settings_take(settings, "s", bad, 1, &n, &err));
    assert_code(&err, "settings.table");
    assert_int_equal(err.kind, ERR_BUG);
}

static void test_list_of_defaults(void **state)
{
    AUTO(buf_free) struct buf out = BUF_INIT(10000);

    (void)state;
    settings_defaults("http", table, COUNT_OF(table), &out);
    settings_defaults("office", office_table, 1, &out);
    assert_non_null(
        strstr(out.data, "http.headTime = \"10 s\"\n    a duration such as \"10 s\" (ms, "
                         "s, m, h, d) from 1 s to 1 m; time for a request's head\n"));
    assert_non_null(strstr(out.data, "http.hosts = [ \"a\", \"b\" ]\n"));
    assert_non_null(
        strstr(out.data, "http.colour = \"green\"\n    one of \"red\", \"green\"; "));
    assert_non_null(strstr(out.data, "http.name = none\n"));
    assert_non_null(strstr(out.data, "office.title = (required)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values_of_a_file),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_unreadable_files),
        cmocka_unit_test(test_drop_in_folder),
        cmocka_unit_test(test_sections_by_name),
        cmocka_unit_test(test_names_that_no_path_can_hold),
        cmocka_unit_test(test_wrong_table),
        cmocka_unit_test(test_list_of_defaults),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
