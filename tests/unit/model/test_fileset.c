/* Sets of files: names, ceilings, folders, digests. */
#include "support_model.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static void put(struct fileset *set, const char *name, const char *text)
{
    struct err err = { 0 };

    if (!fileset_add(set, name, text, strlen(text), &err))
        fail_msg("%s", err.text);
}

static void test_order_and_get(void **state)
{
    AUTO(fileset_free) struct fileset *set = fileset_new();
    AUTO(fileset_free) struct fileset *below = NULL;

    (void)state;
    put(set, "b/x.json", "2");
    put(set, "a.json", "1");
    put(set, "b/y/z.json", "3");
    put(set, "bb/x.json", "4");
    put(set, "имя.xml", "5");
    assert_int_equal(fileset_count(set), 5);
    assert_string_equal(fileset_at(set, 0)->name, "a.json");
    assert_string_equal(fileset_get(set, "b/x.json")->data, "2");
    assert_null(fileset_get(set, "b"));
    assert_null(fileset_at(set, 5));
    below = fileset_below(set, "b");
    assert_int_equal(fileset_count(below), 2);
    assert_string_equal(fileset_get(below, "y/z.json")->data, "3");
}

static void test_names(void **state)
{
    static const char *const bad[] = { "",       "/a",  "a/",   "a//b", ".",   "..",
                                       "a/../b", "a b", "a\\b", "a\nb", "\xFF" };
    AUTO(fileset_free) struct fileset *set = fileset_new();
    char longer[400];
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_false(fileset_add(set, bad[i], "x", 1, &err));
        assert_code(&err, "fileset.name");
    }
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(fileset_add(set, longer, "x", 1, &err));
    put(set, "a", "x");
    assert_false(fileset_add(set, "a", "y", 1, &err));
    assert_code(&err, "fileset.twice");
    assert_string_equal(fileset_get(set, "a")->data, "x");
}

static void test_ceilings(void **state)
{
    AUTO(fileset_free) struct fileset *set = fileset_new();
    AUTO(mem_free) char *large = mem_alloc(FILESET_FILE_MAX + 1);
    struct err err = { 0 };

    (void)state;
    assert_false(fileset_add(set, "large", large, FILESET_FILE_MAX + 1, &err));
    assert_code(&err, "fileset.too-large");
    for (int i = 0; i < FILESET_OCTETS_MAX / FILESET_FILE_MAX; i++) {
        AUTO(mem_free) char *name = mem_printf("f%d", i);

        assert_true(fileset_add(set, name, large, FILESET_FILE_MAX, &err));
    }
    assert_false(fileset_add(set, "one-more", "x", 1, &err));
    assert_code(&err, "fileset.too-large");
}

static void test_digest(void **state)
{
    AUTO(fileset_free) struct fileset *a = fileset_new();
    AUTO(fileset_free) struct fileset *b = fileset_new();
    char one[FILESET_DIGEST], other[FILESET_DIGEST];

    (void)state;
    fileset_digest(a, one); /* of nothing */
    assert_string_equal(
        one, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    put(a, "x", "12");
    put(a, "y", "3");
    put(b, "y", "3");
    put(b, "x", "12");
    fileset_digest(a, one);
    fileset_digest(b, other);
    assert_string_equal(one, other); /* the order of adding does not matter */
    put(b, "z", "");
    fileset_digest(b, other);
    assert_string_not_equal(one, other);
    fileset_free(&b);
    b = fileset_new();
    put(b, "x", "1"); /* the same octets, cut elsewhere */
    put(b, "y", "23");
    fileset_digest(b, other);
    assert_string_not_equal(one, other);
}

static char *temp_folder(void)
{
    char *folder = mem_strdup("/tmp/fileset-XXXXXX");

    assert_non_null(mkdtemp(folder));
    return folder;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    AUTO(mem_free) char *path = path_join(folder, name);
    struct err err = { 0 };

    assert_true(file_write(path, text, strlen(text), 0600, &err));
}

static void test_folder(void **state)
{
    AUTO(mem_free) char *folder = temp_folder();
    AUTO(mem_free) char *sub = path_join(folder, "sub");
    AUTO(mem_free) char *link = path_join(folder, "link");
    AUTO(fileset_free) struct fileset *set = NULL;
    AUTO(mem_free) char *clean = mem_printf("rm -r %s", folder);
    struct err err = { 0 };

    (void)state;
    assert_true(dir_make(sub, 0700, &err));
    write_file(folder, "a.json", "1");
    write_file(folder, ".hidden", "secret");
    write_file(sub, "b.json", "22");
    set = fileset_load(folder, &err);
    assert_non_null(set);
    assert_int_equal(fileset_count(set), 2);
    assert_int_equal(fileset_get(set, "sub/b.json")->len, 2);
    fileset_free(&set);

    assert_int_equal(symlink("/etc/passwd", link), 0);
    set = fileset_load(folder, &err);
    assert_null(set);
    assert_code(&err, "fileset.kind");
    assert_int_equal(system(clean), 0);

    set = fileset_load(folder, &err);
    assert_null(set);
    assert_code(&err, "file.absent");
}

static void test_shipped(void **state)
{
    struct err err = { 0 };
    AUTO(fileset_free) struct fileset *set = fileset_load("mappings", &err);
    AUTO(fileset_free) struct fileset *lists = NULL;

    (void)state;
    assert_non_null(set);
    assert_non_null(fileset_get(set, "canonical/referral-1.xsd"));
    lists = fileset_below(set, "lists");
    assert_non_null(fileset_get(lists, "risk_level.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_get), cmocka_unit_test(test_names),
        cmocka_unit_test(test_ceilings),      cmocka_unit_test(test_digest),
        cmocka_unit_test(test_folder),        cmocka_unit_test(test_shipped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
