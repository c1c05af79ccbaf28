/* Files, bodies, log lines, identifiers and crash points, on a real disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/body.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

static char dir[] = "/tmp/trm-base-XXXXXX";

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

static void read_back(const char *path, const char *want)
{
    AUTO(buf_free) struct buf buf = BUF_INIT(1000);
    struct err err = { 0 };

    assert_true(file_read(path, &buf, &err));
    assert_string_equal(buf_str(&buf), want);
}

static void test_write_and_read(void **state)
{
    AUTO(mem_free) char *path = path_join(dir, "a");
    struct err err = { 0 };
    bool existed = true;
    struct stat st;

    (void)state;
    assert_false(file_exists(path));
    assert_true(file_write(path, "one", 3, 0600, &err));
    assert_true(file_write(path, "two!", 4, 0640, &err));
    read_back(path, "two!");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(file_write_new(path, "three", 5, 0600, &existed, &err));
    assert_true(existed);
    read_back(path, "two!");
    unlink(path);
    assert_true(file_write_new(path, "", 0, 0600, &existed, &err));
    assert_false(existed);
    read_back(path, "");
}

static void test_refusals_by_code(void **state)
{
    AUTO(mem_free) char *path = path_join(dir, "secret");
    AUTO(mem_free) char *below = path_join(path, "x");
    AUTO(buf_free) struct buf five = BUF_INIT(5), four = BUF_INIT(4);
    struct err err = { 0 };

    (void)state;
    assert_false(file_read(path, &five, &err));
    assert_string_equal(err.code, "file.absent");
    assert_false(file_read(dir, &five, &err));
    assert_string_equal(err.code, "file.unreadable");
    assert_true(file_write(path, "12345", 5, 0644, &err));
    assert_true(file_read(path, &five, &err));
    assert_false(file_read(path, &four, &err));
    assert_string_equal(err.code, "file.too-large");
    assert_int_equal(err.kind, ERR_REJECT);
    buf_clear(&five);
    assert_false(file_read_secret(path, &five, &err));
    assert_string_equal(err.code, "file.mode");
    assert_non_null(strstr(err.text, "chmod"));
    chmod(path, 0600);
    assert_true(file_read_secret(path, &five, &err));
    assert_false(file_write(below, "x", 1, 0600, &err));
    assert_string_equal(err.code, "file.write");
    assert_int_equal(err.kind, ERR_RETRY);
}

static void test_folders_names_and_temporaries(void **state)
{
    AUTO(mem_free) char *deep = path_join(dir, "x/y/z");
    AUTO(mem_free) char *from = path_join(deep, "from");
    AUTO(mem_free) char *to = path_join(dir, "to");
    AUTO(mem_free) char *joined = path_join("a/", "b");
    AUTO(mem_free) char *absolute = path_join("a", "/b");
    AUTO(mem_free) char *under = path_join(to, "q");
    AUTO(fd_close) int fd = -1;
    struct err err = { 0 };

    (void)state;
    assert_string_equal(joined, "a/b");
    assert_string_equal(absolute, "/b");
    assert_true(dir_make(deep, 0700, &err));
    assert_true(dir_make(deep, 0700, &err));
    assert_true(file_write(from, "m", 1, 0600, &err));
    assert_true(file_rename_sync(from, to, &err));
    assert_false(file_exists(from));
    read_back(to, "m");
    assert_false(file_rename_sync(from, to, &err));
    assert_false(dir_make(under, 0700, &err)); /* a file stands in the way */
    assert_false(dir_make(to, 0700, &err));
    fd = file_temp(dir, &err);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(file_temp(to, &err), -1);
    assert_string_equal(err.code, "file.write");
}

/* A source that hides what it is, so that ranges of it must skip. */
static bool hidden_open(const struct source *s, struct reader **ret, struct err *err)
{
    (void)s;
    (void)err;
    struct source *inner = source_of_memory("0123456789", 10);
    bool ok = source_open(inner, ret, err);

    source_free(&inner);
    return ok;
}

static void expect_load(const struct source *s, const char *want)
{
    AUTO(buf_free) struct buf out = BUF_INIT(1000);
    struct err err = { 0 };

    for (int again = 0; again < 2; again++) {
        buf_clear(&out);
        assert_true(source_load(s, &out, &err));
        assert_string_equal(buf_str(&out), want);
    }
}

static void test_sources(void **state)
{
    struct err err = { 0 };
    int fd = file_temp(dir, &err);
    AUTO(buf_free) struct buf text = BUF_INIT(100), small = BUF_INIT(3);
    const struct source hidden = { hidden_open, NULL, 10 };

    (void)state;
    buf_adds(&text, "0123456789");
    assert_int_equal(write(fd, "0123456789", 10), 10);

    AUTO(source_free) struct source *copy = source_of_copy("0123456789", 10);
    AUTO(source_free) struct source *memory = source_of_memory("0123456789", 10);
    AUTO(source_free) struct source *taken = source_of_buf(&text);
    AUTO(source_free) struct source *file = source_of_fd(fd, true, 0, 10);
    AUTO(source_free) struct source *part = source_of_fd(fd, false, 2, 3);
    AUTO(source_free) struct source *short_file = source_of_fd(fd, false, 5, 10);
    AUTO(source_free) struct source *empty = source_of_memory("", 0);
    const struct source *kinds[] = { copy, memory, taken, file, &hidden };

    assert_int_equal(text.len, 0);
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        AUTO(source_free) struct source *range = source_of_range(kinds[i], 3, 5);
        AUTO(source_free) struct source *inner = source_of_range(range, 1, 2);
        AUTO(source_free) struct source *behind = source_of_range(kinds[i], 8, 3);
        struct reader *reader = NULL;

        assert_int_equal(kinds[i]->size, 10);
        expect_load(kinds[i], "0123456789");
        expect_load(range, "34567");
        expect_load(inner, "45");
        assert_false(source_open(behind, &reader, &err));
        assert_string_equal(err.code, "body.range");
        assert_null(reader);
    }
    expect_load(part, "234");
    expect_load(empty, "");
    assert_false(source_load(short_file, &small, &err));
    buf_clear(&small);
    small.max = 100;
    assert_false(source_load(short_file, &small, &err));
    assert_string_equal(err.code, "body.short");
    small.max = 3;
    buf_clear(&small);
    assert_false(source_load(memory, &small, &err));
    assert_string_equal(err.code, "buf.too-large");
}

static void log_to_pipe(char *line, size_t size, const char *value,
                        const struct err *fault)
{
    int ends[2];
    ssize_t got;

    assert_int_equal(pipe(ends), 0);
    log_set_fd(ends[1]);
    log_debug("test.hidden");
    if (fault != NULL)
        log_error("test.fault", log_fault(fault));
    else
        log_warn("test.event", log_s("who", value), log_i("less", -5), log_u("more", 5));
    log_set_fd(2);
    got = read(ends[0], line, size - 1);
    assert_true(got > 0);
    line[got] = '\0';
    close(ends[0]);
    close(ends[1]);
}

static void test_log_lines(void **state)
{
    char line[4096], long_value[300];
    struct err fault = { 0 };
    enum log_level level = LOG_LEVEL_INFO;

    (void)state;
    log_to_pipe(line, sizeof line, "a\"b\\c\nlevel=error \x7F\xFF \xD0\x96\xE2\x80\xAE",
                NULL);
    assert_true(text_starts(line, "level=warn event=test.event at=20"));
    assert_non_null(strstr(line, " who=\"a\\\"b\\\\c\\x0alevel=error \\x7f\\xff \xD0\x96"
                                 "\\xe2\\x80\\xae\" less=-5 more=5\n"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    for (size_t i = 0; i + 1 < sizeof long_value; i++)
        long_value[i] = i % 2 ? '\x96' : '\xD0';
    long_value[299] = '\0';
    log_to_pipe(line, sizeof line, long_value, NULL);
    assert_non_null(strstr(line, "\xD0\x96...\" less"));
    assert_true(strlen(line) < 300);
    err_set(&fault, ERR_RETRY, "test.code", "no \"way\"");
    log_to_pipe(line, sizeof line, NULL, &fault);
    assert_non_null(strstr(line, " kind=retry code=test.code at="));
    assert_non_null(strstr(line, " text=\"no \\\"way\\\"\"\n"));
    assert_true(log_level_parse("notice", &level) && level == LOG_LEVEL_NOTICE);
    assert_false(log_level_parse("loud", &level));
}

static void test_identifiers(void **state)
{
    char uuid[UUID_TEXT], other[UUID_TEXT], id[CASE_ID_TEXT], normal[CASE_ID_TEXT];

    (void)state;
    uuid_make(uuid);
    uuid_make(other);
    assert_true(uuid_valid(uuid) && uuid[14] == '4' && strcmp(uuid, other) != 0);
    assert_true(uuid_valid("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"));
    assert_false(uuid_valid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"));
    assert_false(uuid_valid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a111"));
    assert_false(uuid_valid("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380g11"));
    assert_false(uuid_valid(""));
    for (int i = 0; i < 2000; i++) {
        case_id_make(id);
        assert_int_equal(strlen(id), 16);
        assert_true(case_id_valid(id));
        assert_null(strpbrk(id, "ILOU"));
    }
    assert_true(case_id_normal("0000-0000-000o", normal) == false);
    assert_false(case_id_valid(""));
}

/* Each single wrong character and each exchange of neighbours is found. */
static void test_case_id_check_character(void **state)
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char id[CASE_ID_TEXT], wrong[CASE_ID_TEXT], typed[CASE_ID_TEXT], normal[CASE_ID_TEXT];
    size_t at = 0;

    (void)state;
    case_id_make(id);
    for (size_t i = 0; i < 16; i++) {
        memcpy(wrong, id, sizeof wrong);
        for (const char *c = letters; id[i] != '-' && *c != '\0'; c++) {
            wrong[i] = *c;
            assert_int_equal(case_id_valid(wrong), *c == id[i]);
        }
        memcpy(wrong, id, sizeof wrong);
        if (i > 0 && id[i] != '-' && id[i - 1] != '-' && id[i] != id[i - 1]) {
            wrong[i] = id[i - 1];
            wrong[i - 1] = id[i];
            assert_false(case_id_valid(wrong));
        }
    }
    for (size_t i = 0; id[i] != '\0'; i++) { /* as typed by hand */
        if (id[i] == '-')
            continue;
        typed[at++] = id[i] == '0' ? 'o' : id[i] == '1' ? 'L' : (char)(id[i] | 0x20);
    }
    typed[at] = '\0';
    assert_false(case_id_valid(typed));
    assert_true(case_id_normal(typed, normal));
    assert_string_equal(normal, id);
}

/* How a child ends that passes the point twice. */
static int child_status(const char *spec)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        close(2);
        if (spec != NULL)
            setenv("TRM_FAULT", spec, 1);
        fault_point("test.point");
        _exit(fault_fails("test.point") ? 9 : 8);
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_crash_points(void **state)
{
    (void)state;
    assert_int_equal(child_status(NULL), 8);
    assert_int_equal(child_status("test.point"), 1009);
    assert_int_equal(child_status("test.point:2"), 1009);
    assert_int_equal(child_status("test.point:3"), 8);
    assert_int_equal(child_status("test.point:exit"), 70);
    assert_int_equal(child_status("test.point:2:fail"), 9);
    assert_int_equal(child_status("test.point:1:fail"), 8);
    assert_int_equal(child_status("no.such-point"), 1006);
    assert_int_equal(child_status("test.point:sometimes"), 1006);
    assert_string_equal(fault_names()[0], "test.point");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_refusals_by_code),
        cmocka_unit_test(test_folders_names_and_temporaries),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_identifiers),
        cmocka_unit_test(test_case_id_check_character),
        cmocka_unit_test(test_crash_points),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
