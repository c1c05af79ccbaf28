/* A body in memory, on disk, sealed on disk: the same octets; and what the disk then holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "http/server.h"
#include "http/spool.h"

#define SEGMENT HTTP_BODY_IN_MEMORY

static char *pattern(size_t len)
{
    char *data = mem_alloc(len + 1);

    for (size_t i = 0; i < len; i++)
        data[i] = (char)('A' + i * 7 / 3 % 26);
    return data;
}

static struct source *fill(size_t len, bool seal, struct spool_budget *budget)
{
    AUTO(spool_free) struct spool *spool = spool_new("/tmp", seal, budget);
    AUTO(mem_free) char *data = pattern(len);
    struct err err = { 0 };

    for (size_t at = 0; at < len;) {
        size_t piece = len - at < 10007 ? len - at : 10007;

        assert_true(spool_sink(spool)->write(spool_sink(spool), data + at, piece, &err));
        at += piece;
    }
    return spool_finish(&spool, &err);
}

static void check(const struct source *source, size_t len)
{
    AUTO(buf_free) struct buf out = BUF_INIT(len + 1);
    AUTO(mem_free) char *want = pattern(len);
    struct err err = { 0 };

    assert_non_null(source);
    assert_int_equal(source->size, len);
    assert_true(source_load(source, &out, &err));
    assert_int_equal(out.len, len);
    assert_true(len == 0 || memcmp(out.data, want, len) == 0);
}

static void test_sizes(void **state)
{
    static const size_t sizes[] = { 0,           1,           SEGMENT - 1,     SEGMENT,
                                    SEGMENT + 1, 2 * SEGMENT, 3 * SEGMENT + 17 };
    struct spool_budget *budget = spool_budget_new(UINT64_C(1) << 30);

    (void)state;
    for (size_t i = 0; i < 2 * COUNT_OF(sizes); i++) {
        size_t len = sizes[i / 2];
        AUTO(source_free) struct source *source = fill(len, i % 2 == 1, budget);

        check(source, len);
        check(source, len); /* again from the start */
        assert_int_equal(spool_budget_used(budget), len > SEGMENT ? len : 0);
    }
    assert_int_equal(spool_budget_used(budget), 0);
    spool_budget_unref(&budget);
}

static void test_budget(void **state)
{
    struct spool_budget *budget = spool_budget_new(3 * SEGMENT);
    AUTO(source_free) struct source *first = fill(2 * SEGMENT, false, budget);
    AUTO(spool_free) struct spool *second = spool_new("/tmp", false, budget);
    AUTO(mem_free) char *data = pattern(3 * SEGMENT);
    struct err err = { 0 };

    (void)state;
    assert_true(spool_budget_has(budget, SEGMENT));
    assert_false(spool_budget_has(budget, SEGMENT + 1));
    assert_false(spool_sink(second)->write(spool_sink(second), data, 3 * SEGMENT, &err));
    assert_string_equal(err.code, "http.spool-full");
    spool_budget_unref(&budget); /* the source keeps its own count */
    check(first, 2 * SEGMENT);
}

static void test_no_folder(void **state)
{
    struct spool_budget *budget = spool_budget_new(10 * SEGMENT);
    AUTO(spool_free) struct spool *spool = spool_new("/nonexistent", false, budget);
    AUTO(mem_free) char *data = pattern(2 * SEGMENT);
    struct err err = { 0 };

    (void)state;
    assert_false(spool_sink(spool)->write(spool_sink(spool), data, 2 * SEGMENT, &err));
    assert_string_equal(err.code, "http.spool-disk");
    spool_budget_unref(&budget);
}

/* The descriptor of the only deleted file this process has open under /tmp. */
static int find_spool_file(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;
    int found = -1;

    while ((entry = readdir(dir)) != NULL) {
        char path[300], target[300] = "";

        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, target, sizeof target - 1) > 0 &&
            strncmp(target, "/tmp/", 5) == 0 && strstr(target, "(deleted)") != NULL &&
            lseek(atoi(entry->d_name), 0, SEEK_END) > SEGMENT)
            found = atoi(entry->d_name);
    }
    closedir(dir);
    return found;
}

static void test_what_the_disk_holds(void **state)
{
    struct spool_budget *budget = spool_budget_new(100 * SEGMENT);
    struct err err = { 0 };

    (void)state;
    for (int seal = 0; seal < 2; seal++) {
        AUTO(source_free)
        struct source *source = fill(2 * SEGMENT + 100, seal == 1, budget);
        AUTO(mem_free) char *raw = mem_alloc(3 * SEGMENT);
        AUTO(mem_free) char *want = pattern(2 * SEGMENT);
        AUTO(buf_free) struct buf out = BUF_INIT(3 * SEGMENT);
        int fd = find_spool_file();
        ssize_t got;

        assert_true(fd >= 0);
        got = pread(fd, raw, 3 * SEGMENT, 0);
        assert_int_equal(got, 2 * SEGMENT + 100 + (seal ? 3 * 16 : 0));
        assert_int_equal(memmem(raw, (size_t)got, want, 40) != NULL, seal == 0);
        if (!seal)
            continue;
        /* an octet changed on disk is found, not handed on */
        raw[SEGMENT + 16 + 5] ^= 1;
        assert_int_equal(pwrite(fd, raw, (size_t)got, 0), got);
        assert_false(source_load(source, &out, &err));
        assert_string_equal(err.code, "http.spool-disk");
    }
    spool_budget_unref(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_no_folder),
        cmocka_unit_test(test_what_the_disk_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
