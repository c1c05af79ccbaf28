/* trmctl: words, options, exit statuses; against a real control socket and the shipped files. */
#include "unit/exchange/support_exchange.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "api/api.h"
#include "base/file.h"
#include "ctl/ctl.h"
#include "ctl/ctl_private.h"
#include "format/json.h"
#include "http/server.h"
#include "ops/ops.h"

#define WORDS_MAX 24
#define OUT_MAX   (4 << 20)

struct post {
    struct desk md;
    struct ops *ops;
    struct api *api;
    struct http_service service;
    struct http_server *server;
    char socket[160], key[160];
    struct buf out, err; /* what the last command printed */
};

static int post_setup(void **state)
{
    struct post *p = mem_alloc(sizeof *p);
    const struct http_limits limits = { .spool_dir = work_dir };
    char sha[STORE_HASH_TEXT];

    desk_open(&p->md, &desk_md);
    desk_partner(&p->md, &desk_ua, 1, "");
    desk_install(&p->md, "MDUA-1");
    desk_snapshot(&p->md);
    const struct ops_env env = { .x = &p->md.x, .version = "test" };
    p->ops = ops_new(&env);
    exchange_sha256("officer-key", strlen("officer-key"), sha);
    const struct ops_client one = { "sys", "MD-COORD", "officer", NULL, sha, NULL };
    OK(ops_set_clients(p->ops, &one, 1, &err));
    p->api = api_new(p->ops, NULL, 0);
    p->service = api_control_service(p->api);
    snprintf(p->socket, sizeof p->socket, "%s/c.sock", p->md.folder);
    snprintf(p->key, sizeof p->key, "%s/key", p->md.folder);
    OK(file_write(p->key, "officer-key\n", 12, 0600, &err));
    const struct http_listener listener = { .name = "control",
                                            .unix_path = p->socket,
                                            .service = &p->service };
    OK((p->server = http_server_start(&listener, 1, &limits, &err)) != NULL);
    p->out = (struct buf)BUF_INIT(OUT_MAX);
    p->err = (struct buf)BUF_INIT(OUT_MAX);
    *state = p;
    return 0;
}

static int post_teardown(void **state)
{
    struct post *p = *state;

    buf_free(&p->out);
    buf_free(&p->err);
    http_server_stop(&p->server, 1000);
    api_free(&p->api);
    ops_free(&p->ops);
    desk_close(&p->md);
    mem_free(&p);
    return 0;
}

/* --- running --------------------------------------------------------------------------------- */

static void slurp(const char *path, struct buf *out)
{
    buf_clear(out);
    OK(file_read(path, out, &err));
}

/* The words of a command line, divided by blanks; '_' stands for a blank inside one. */
static int run(struct post *p, const char *line)
{
    AUTO(mem_free) char *copy = mem_strdup(line);
    AUTO(mem_free) char *out = mem_printf("%s/out", p->md.folder);
    AUTO(mem_free) char *err = mem_printf("%s/err", p->md.folder);
    char *words[WORDS_MAX] = { mem_strdup("trmctl") }, *rest = copy, *word;
    int argc = 1, saved[2] = { dup(1), dup(2) };

    while ((word = strsep(&rest, " ")) != NULL) {
        for (char *c = word; *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c;
        words[argc++] = word;
    }
    fflush(stdout);
    fflush(stderr);
    assert_true(dup2(open(out, O_CREAT | O_TRUNC | O_RDWR, 0600), 1) == 1);
    assert_true(dup2(open(err, O_CREAT | O_TRUNC | O_RDWR, 0600), 2) == 2);
    int rc = ctl_main(argc, words);
    fflush(stdout);
    fflush(stderr);
    dup2(saved[0], 1);
    dup2(saved[1], 2);
    close(saved[0]);
    close(saved[1]);
    mem_free(&words[0]);
    slurp(out, &p->out);
    slurp(err, &p->err);
    return rc;
}

static int run_as(struct post *p, bool officer, const char *line)
{
    AUTO(mem_free)
    char *whole = mem_printf("--socket %s%s%s %s", p->socket, officer ? " --key " : "",
                             officer ? p->key : "", line);

    return run(p, whole);
}

#define SAYS(buf_, text) \
    do { \
        if (strstr(buf_str(&(buf_)), text) == NULL) \
            fail_msg("not said: %s\nbut: %s", text, buf_str(&(buf_))); \
    } while (0)

/* --- words ----------------------------------------------------------------------------------- */

static void test_usage(void **state)
{
    struct post *p = *state;
    static const struct {
        const char *line;
        int exit;
        const char *says;
    } rows[] = {
        { "casse list", EX_USAGE, "no command casse" },
        { "case", EX_USAGE, "case what?" },
        { "case burn", EX_USAGE, "case what?" },
        { "case list --bogus", EX_USAGE, "it has: --state" },
        { "case show", EX_USAGE, "trmctl case show CASE" },
        { "case show a b", EX_USAGE, "trmctl case show CASE" },
        { "list --state", EX_USAGE, "--state needs a value" },
        { "list --state a --state b", EX_USAGE, "given twice" },
        { "--bogus list", EX_USAGE, "before the command" },
        { "case ask K --purpose X", EX_USAGE, "behind the field" },
        { "--key /nowhere/key list", EX_NOINPUT, "/nowhere/key" },
        { "--socket /nowhere/s list", EX_UNAVAILABLE, "cannot be reached" },
        { "map preview x.json", EX_USAGE, "--from and --to" },
        { "map preview /nowhere.json --from MD --to UA", EX_NOINPUT, "/nowhere.json" },
        { "map check --at yesterday", EX_USAGE, "--at is a day" },
        { "submit", EX_USAGE, "one document at a time" },
        { "submit --opaque", EX_USAGE, "needs --partner" },
        { "list --state \xff", EX_USAGE, "not UTF-8" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int rc = run(p, rows[i].line);

        if (rc != rows[i].exit)
            fail_msg("%s: exit %d, not %d: %s", rows[i].line, rc, rows[i].exit,
                     buf_str(&p->err));
        SAYS(p->err, rows[i].says);
        assert_int_equal(p->out.len, 0);
    }
}

/* Every command has help with an example that begins like a call of it. */
static void test_help(void **state)
{
    struct post *p = *state;

    assert_int_equal(run(p, "--help"), 0);
    SAYS(p->out, "exit: 0 good, 1 failure, 2 findings");
    for (size_t i = 0; ctl_command_at(i) != NULL; i++) {
        const struct ctl_command *c = ctl_command_at(i);
        AUTO(mem_free)
        char *line = mem_printf("%s%s%s --help", c->noun, c->verb ? " " : "",
                                c->verb ? c->verb : "");

        assert_int_equal(run(p, line), 0);
        SAYS(p->out, "example:\n  trmctl ");
        SAYS(p->out, c->help);
        assert_non_null(strstr(c->example, c->noun));
        assert_true((c->handler != NULL) != (c->path != NULL));
    }
    assert_int_equal(run(p, "--version"), 0);
    SAYS(p->out, "trmctl ");
}

/* The manual page has every command and every option of it. */
static void test_manual(void **state)
{
    AUTO(buf_free) struct buf page = tree_file("gateway/doc/trmctl.1");

    (void)state;
    for (size_t i = 0; ctl_command_at(i) != NULL; i++) {
        const struct ctl_command *c = ctl_command_at(i);
        AUTO(mem_free)
        char *line = mem_printf("\n.It Cm %s%s%s", c->noun, c->verb ? " " : "",
                                c->verb ? c->verb : "");
        const char *at = strstr(buf_str(&page), line);

        if (at == NULL) {
            fail_msg("not in the manual:%s", line);
            return;
        }
        const char *end = strstr(at + 1, "\n.It Cm ");
        AUTO(mem_free)
        char *part = mem_strndup(at, end ? (size_t)(end - at) : strlen(at));
        for (const struct ctl_option *o = c->options; o->name != NULL; o++) {
            AUTO(mem_free) char *option = mem_printf(".It Fl -%s", o->name);

            if (strstr(part, option) == NULL)
                fail_msg("not in the manual: %s %s", line, option);
        }
    }
}

/* What is about a person comes from a file, not from the command line. */
static void test_value_from_file(void **state)
{
    struct post *p = *state;
    AUTO(mem_free) char *file = mem_printf("%s/why", p->md.folder);
    AUTO(mem_free) char *state_of = mem_printf("list --state @%s", file);

    write_text(file, "held\n");
    assert_int_equal(run_as(p, true, state_of), 0);
    SAYS(p->out, "nothing");
    write_text(file, "asleep\n");
    assert_int_equal(run_as(p, true, state_of), EX_USAGE);
    assert_int_equal(run_as(p, true, "list --state @/nowhere"), EX_NOINPUT);
    assert_int_equal(run_as(p, true, "list --partner @@x"), 0);
}

/* A key that others can read is no secret. */
static void test_key_mode(void **state)
{
    struct post *p = *state;

    assert_int_equal(chmod(p->key, 0644), 0);
    assert_int_equal(run_as(p, true, "deliverable list"), EX_CONFIG);
    SAYS(p->err, "chmod");
}

/* --- online ---------------------------------------------------------------------------------- */

static void test_online(void **state)
{
    struct post *p = *state;
    static const char submit[] =
        "submit mappings/national/MD/samples/m01-adult-full.json --to UA-COORD "
        "--agreement "
        "MDUA-1";

    assert_int_equal(run_as(p, true, submit), 0);
    SAYS(p->out, "state              waiting");
    SAYS(p->out, "not carried:");
    assert_int_equal(run_as(p, true, "list --state waiting"), 0);
    SAYS(p->out, "M01");
    /* The same file again is the same message. */
    assert_int_equal(run_as(p, true, submit), 0);
    SAYS(p->out, "repeated           yes");

    assert_int_equal(run_as(p, false, "--json queue list"), 0);
    AUTO(json_drop) json_t *queue = NULL;
    OK((queue = json_parse(buf_str(&p->out), p->out.len, NULL, &err)) != NULL);
    const json_t *row = json_array_get(json_object_get(queue, "items"), 0);
    AUTO(mem_free)
    char *hold = mem_printf("queue hold %s --reason asked_by_telephone",
                            json_string_value(json_object_get(row, "messageId")));
    AUTO(mem_free)
    char *why =
        mem_printf("why %s", json_string_value(json_object_get(row, "messageId")));
    assert_int_equal(run_as(p, false, hold), 0);
    SAYS(p->out, "asked by telephone");
    assert_int_equal(run_as(p, false, hold), 1);
    SAYS(p->err, "[queue.state]");
    assert_int_equal(run_as(p, false, why), 0);
    SAYS(p->out, "held back by a person");
    SAYS(p->out, "It is held back until a person lets it go");
}

static void test_refused(void **state)
{
    struct post *p = *state;
    static const struct {
        bool officer;
        const char *line;
        int exit;
        const char *says;
    } rows[] = {
        { true, "status", EX_NOPERM, "[ops.not-allowed]" },
        { false, "deliverable list", EX_NOPERM, "[ops.not-allowed]" },
        { true, "show nix", 1, "[message.unknown]" },
        { true, "case show K7QX-92MD-4RTE-5", 1, "[case.unknown]" },
        { true, "case take K7QX-92MD-4RTE-5", 1, "[intake.case-unknown]" },
        { true,
          "submit mappings/national/MD/samples/bad/02-unknown-exploitation-code.json "
          "--to "
          "UA-COORD --agreement MDUA-1",
          CTL_FINDINGS, "02-unknown-exploitation-code.json:" },
        { false, "agreement install mappings/README.md", CTL_FINDINGS, "[bundle." },
        { false, "agreement suspend XX-1 --from MD --to UA", 1, "[agreement.unknown]" },
        { true, "deliverable get nix", 1, "[deliverable.unknown]" },
        { true, "list --state asleep", EX_USAGE, "[ops.argument]" },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int rc = run_as(p, rows[i].officer, rows[i].line);

        if (rc != rows[i].exit)
            fail_msg("%s: exit %d, not %d: %s", rows[i].line, rc, rows[i].exit,
                     buf_str(&p->err));
        SAYS(p->err, rows[i].says);
    }
}

/* --- offline --------------------------------------------------------------------------------- */

static void test_explain(void **state)
{
    struct post *p = *state;

    assert_int_equal(run(p, "agreement explain BYMD-1 --from BY --to MD --at 2026-11-24"),
                     0);
    SAYS(p->out, "M01 ReferralRequest from BY-COORD to MD-COORD");
    /* Both directions of this agreement are suspended. */
    assert_int_equal(run(p, "agreement explain BYUA-1 --from BY --to UA --at 2026-11-24"),
                     EX_NOPERM);
    SAYS(p->out, "leg-suspended");
    assert_int_equal(run(p, "agreement explain MDUA-1 --from XX --to UA"), CTL_FINDINGS);
    assert_int_equal(run(p, "agreement explain NO-1 --from MD --to UA"), EX_CONFIG);
}

static void test_preview(void **state)
{
    struct post *p = *state;

    assert_int_equal(run(p,
                         "map preview mappings/national/MD/samples/m01-adult-full.json "
                         "--from MD --to UA --at 2026-11-24"),
                     0);
    SAYS(p->out, "MD-referral/1.2 -> UA-napravlennia/2.0");
    SAYS(p->out, "withheld");
    assert_int_equal(run(p,
                         "map preview mappings/national/MD/samples/m01-adult-full.json "
                         "--from MD --to UA --at 2026-11-24 --document"),
                     0);
    SAYS(p->out, "<?xml");
    assert_int_equal(
        run(p, "map preview mappings/national/MD/samples/bad/03-date-with-points.json "
               "--from "
               "MD --to UA --at 2026-11-24"),
        CTL_FINDINGS);
    assert_int_equal(run(p,
                         "map preview mappings/national/MD/samples/m01-adult-full.json "
                         "--from MD-COORD --to AL-ONAC --agreement MDUA-1"),
                     CTL_FINDINGS);
}

static void test_bundle(void **state)
{
    struct post *p = *state;
    AUTO(mem_free) char *file = mem_printf("%s/b.bundle", p->md.folder);
    AUTO(mem_free) char *pack = mem_printf("agreement bundle MDUA-1 --output %s", file);
    AUTO(mem_free) char *install = mem_printf("agreement install %s", file);

    assert_int_equal(run(p, pack), 0);
    assert_true(file_exists(file));
    assert_int_equal(run_as(p, false, install), 0);
    SAYS(p->out, "inForce            yes");
    assert_int_equal(run(p, "agreement check MDUA-1 --at 2026-11-24"), 0);
    SAYS(p->out, "0 errors");
}

#define T(name) cmocka_unit_test_setup_teardown(name, post_setup, post_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_manual),   T(test_value_from_file), T(test_usage),   T(test_help),
        T(test_key_mode), T(test_online),          T(test_refused), T(test_explain),
        T(test_preview),  T(test_bundle),
    };

    return cmocka_run_group_tests(tests, keys_setup, keys_teardown);
}
