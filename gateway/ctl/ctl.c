/*
 * ctl.c - words of the command line: found in the table, read, carried out.
 *
 * Options may stand anywhere; "--" ends them. An option that the command does not have is an
 * error that names the command's own. A command without a handler is one call of the daemon.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/body.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/version.h"
#include "ctl/ctl_private.h"
#include "format/json.h"
#include "format/xml.h"
#include "http/client.h"

#define VALUE_MAX    (64 * 1024) /* octets of an option's value */
#define KEY_FILE_MAX 4096        /* octets of a file with an API key */

/* --- help --------------------------------------------------------------------------------- */

static void print_command_line(FILE *to, const struct ctl_command *c)
{
    fprintf(to, "trmctl %s%s%s%s%s", c->noun, c->verb != NULL ? " " : "",
            c->verb != NULL ? c->verb : "", c->args[0] != '\0' ? " " : "", c->args);
}

static void print_help(FILE *to)
{
    fputs("usage: trmctl [options] COMMAND [arguments]\n\ncommands:\n", to);
    for (size_t i = 0; ctl_command_at(i) != NULL; i++) {
        const struct ctl_command *c = ctl_command_at(i);
        AUTO(mem_free)
        char *name = mem_printf("%s%s%s %s", c->noun, c->verb ? " " : "",
                                c->verb ? c->verb : "", c->args);

        fprintf(to, "  %-32s %s\n", name, c->help);
    }
    fputs("\noptions of all commands:\n"
          "  --json         the answer as JSON\n"
          "  --socket PATH  control socket of the daemon (TRMCTL_SOCKET, " CTL_SOCKET
          ")\n"
          "  --key FILE     act for the office whose API key stands in the file\n"
          "  --help         of the command: its options and an example\n"
          "  --version\n"
          "\nA value @FILE is read from the file, @- from standard input: what is about "
          "a person\n"
          "should not stand on a command line.\n"
          "\nexit: 0 good, 1 failure, 2 findings, 64 usage, 66 no input, 69 daemon not\n"
          "reachable, 75 passing trouble, 77 not allowed, 78 configuration\n"
          "\nexamples:\n"
          "  trmctl status\n"
          "  trmctl --key office.key submit referral.json\n"
          "  trmctl map preview referral.json --from MD-COORD --to UA-COORD\n",
          to);
}

static void print_command_help(const struct ctl_command *c)
{
    AUTO(mem_free) char *example = mem_strdup(c->example);
    struct str rest = str_of(example), line;

    fputs("usage: ", stdout);
    print_command_line(stdout, c);
    printf(" [options]\n\n%s\n\n", c->help);
    for (const struct ctl_option *o = c->options; o->name != NULL; o++) {
        AUTO(mem_free)
        char *name = mem_printf("--%s%s%s", o->name, o->value ? " " : "",
                                o->value ? o->value : "");
        printf("  %-26s %s\n", name, o->help);
    }
    puts("\nexample:");
    while (str_next(&rest, '\n', &line))
        printf("  " STR_FMT "\n", STR_ARG(line));
}

/* --- finding the command ------------------------------------------------------------------ */

static const struct ctl_command *find(const char *noun, const char *verb,
                                      bool *ret_took_verb)
{
    for (size_t i = 0; ctl_command_at(i) != NULL; i++) {
        const struct ctl_command *c = ctl_command_at(i);

        if (!text_eq(c->noun, noun) || (c->verb != NULL && !text_eq(c->verb, verb)))
            continue;
        *ret_took_verb = c->verb != NULL;
        return c;
    }
    return NULL;
}

static int no_command(const char *noun)
{
    bool known = false;

    for (size_t i = 0; noun != NULL && ctl_command_at(i) != NULL; i++) {
        if (!text_eq(ctl_command_at(i)->noun, noun))
            continue;
        if (!known)
            fprintf(stderr, "trmctl: %s what? There are:\n", noun);
        fputs("  ", stderr);
        print_command_line(stderr, ctl_command_at(i));
        fputc('\n', stderr);
        known = true;
    }
    if (!known) {
        if (noun != NULL)
            fprintf(stderr, "trmctl: there is no command %s\n\n", noun);
        print_help(stderr);
    }
    return EX_USAGE;
}

/* --- reading options ---------------------------------------------------------------------- */

struct reading {
    struct ctl_run *run;
    int argc;
    char **argv;
    int at;
    bool ended; /* after "--" */
    bool help, version;
    const char *key_file;
    struct strlist words;
    struct strlist names, values; /* options met before the command was known */
};

static void reading_free(struct reading *r)
{
    strlist_free(&r->words);
    strlist_free(&r->names);
    strlist_free(&r->values);
}

/* "--name=value", or the next word. */
static const char *value_of(struct reading *r, const char *equals)
{
    if (equals != NULL)
        return equals + 1;
    return r->at + 1 < r->argc ? r->argv[++r->at] : NULL;
}

static int needs_value(const char *name)
{
    fprintf(stderr, "trmctl: --%s needs a value\n", name);
    return EX_USAGE;
}

/* Options of all commands. -1: it is none of them. */
static int global_option(struct reading *r, const char *name, const char *equals)
{
    static const struct {
        const char *name;
        bool value;
    } known[] = { { "json", false },
                  { "help", false },
                  { "version", false },
                  { "socket", true },
                  { "key", true } };
    const char *value = NULL;
    size_t i = 0;

    while (i < COUNT_OF(known) && !text_eq(known[i].name, name))
        i++;
    if (i == COUNT_OF(known))
        return -1;
    if (known[i].value && (value = value_of(r, equals)) == NULL)
        return needs_value(name);
    r->run->json = r->run->json || i == 0;
    r->help = r->help || i == 1;
    r->version = r->version || i == 2;
    if (i == 3)
        r->run->socket = value;
    if (i == 4)
        r->key_file = value;
    return 0;
}

static const struct ctl_option *option_of(const struct ctl_command *c, const char *name)
{
    for (const struct ctl_option *o = c->options; o->name != NULL; o++)
        if (text_eq(o->name, name))
            return o;
    return NULL;
}

static json_t *array_of(json_t *values, const char *member)
{
    json_t *array = json_object_get(values, member);

    if (array == NULL) {
        array = json_array();
        json_object_set_new(values, member, array);
    }
    return array;
}

static bool add_of_field(json_t *values, const char *member, const char *value)
{
    json_t *fields = json_object_get(values, "fields");
    size_t count = json_array_size(fields);

    return count > 0 && json_object_set_new(json_array_get(fields, count - 1), member,
                                            json_string(value)) == 0;
}

static int take_option(struct ctl_run *run, const struct ctl_option *o, const char *value)
{
    const char *member = o->member != NULL ? o->member : o->name;
    json_t *field;

    if (value != NULL && json_string_length(json_object_get(run->values, member)) > 0) {
        fprintf(stderr, "trmctl: --%s is given twice\n", o->name);
        return EX_USAGE;
    }
    switch (o->kind) {
    case CTL_FLAG:
        json_object_set_new(run->values, member, json_true());
        return 0;
    case CTL_TEXT:
        json_object_set_new(run->values, member, json_string(value));
        return 0;
    case CTL_LIST:
        json_array_append_new(array_of(run->values, member), json_string(value));
        return 0;
    case CTL_FIELD:
        field = json_object();
        json_object_set_new(field, "field", json_string(value));
        if (o->state != NULL)
            json_object_set_new(field, "state", json_string(o->state));
        json_array_append_new(array_of(run->values, member), field);
        return 0;
    case CTL_OF_FIELD:
        if (add_of_field(run->values, member, value))
            return 0;
        fprintf(stderr, "trmctl: --%s stands behind the field it is about\n", o->name);
        return EX_USAGE;
    }
    return EX_USAGE;
}

/* "@FILE" stands for what is in the file ("@-": standard input), so that nothing about a person
 * has to stand on a command line that others can see. "@@x" is "@x". */
static bool expand(const char *value, struct buf *out, struct err *err)
{
    if (value[0] != '@' || value[1] == '\0' || value[1] == '@') {
        buf_adds(out, value[0] == '@' && value[1] == '@' ? value + 1 : value);
        return true;
    }
    if (!file_read(text_eq(value, "@-") ? "/dev/stdin" : value + 1, out, err))
        return false;
    while (out->len > 0 &&
           (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->data[--out->len] = '\0';
    return true;
}

static int command_option(struct reading *r, const char *name, const char *equals)
{
    const struct ctl_option *o = option_of(r->run->command, name);
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(VALUE_MAX);
    struct err err = { 0 };
    const char *value = NULL;

    if (o == NULL) {
        fprintf(stderr, "trmctl: %s has no option --%s; it has:", r->run->command->noun,
                name);
        for (const struct ctl_option *k = r->run->command->options; k->name != NULL; k++)
            fprintf(stderr, " --%s", k->name);
        fputs("\n", stderr);
        return EX_USAGE;
    }
    if (o->kind != CTL_FLAG && (value = value_of(r, equals)) == NULL)
        return needs_value(name);
    if (value != NULL && !expand(value, &text, &err))
        return ctl_fail(&err);
    if (value != NULL && utf8_bad(buf_str(&text), text.len) >= 0) {
        fprintf(stderr, "trmctl: --%s: the value is not UTF-8\n", name);
        return EX_USAGE;
    }
    return take_option(r->run, o, value != NULL ? buf_str(&text) : NULL);
}

/* The first words choose the command; only then its options can be read. So options of a
 * command stand behind it. */
static int read_word(struct reading *r, const char *word)
{
    bool took_verb = false;

    if (r->run->command != NULL) {
        strlist_add(&r->run->args, word);
        return 0;
    }
    strlist_add(&r->words, word);
    r->run->command = find(r->words.items[0],
                           r->words.count > 1 ? r->words.items[1] : NULL, &took_verb);
    if (r->run->command == NULL && r->words.count == 2)
        return no_command(r->words.items[0]);
    return 0;
}

static int read_one(struct reading *r)
{
    const char *word = r->argv[r->at];

    if (r->ended || word[0] != '-' || word[1] == '\0')
        return read_word(r, word);
    if (text_eq(word, "--")) {
        r->ended = true;
        return 0;
    }
    const char *equals = strchr(word, '=');
    AUTO(mem_free)
    char *name = mem_strndup(word + 2, equals != NULL ? (size_t)(equals - word - 2)
                                                      : strlen(word + 2));
    int rc = text_starts(word, "--") ? global_option(r, name, equals) : -1;
    if (rc >= 0)
        return rc;
    if (!text_starts(word, "--") || r->run->command == NULL) {
        fprintf(stderr, "trmctl: there is no option %s before the command\n", word);
        return EX_USAGE;
    }
    return command_option(r, name, equals);
}

/* --- the plain call ----------------------------------------------------------------------- */

const char *ctl_value(const struct ctl_run *run, const char *name)
{
    return json_string_value(json_object_get(run->values, name));
}

bool ctl_given(const struct ctl_run *run, const char *name)
{
    return json_object_get(run->values, name) != NULL;
}

/* "{}" in the path is the first argument. */
static void make_path(const struct ctl_run *run, struct buf *path)
{
    const char *pattern = run->command->path, *hole = strstr(pattern, "{}");
    const char *name;
    json_t *value;

    if (hole == NULL) {
        buf_adds(path, pattern);
    } else {
        buf_add(path, pattern, (size_t)(hole - pattern));
        ctl_add_segment(path, run->args.items[0]);
        buf_adds(path, hole + 2);
    }
    if (run->command->body)
        return;
    json_object_foreach (run->values, name, value) {
        if (json_is_string(value))
            ctl_add_query(path, name, json_string_value(value));
        else if (json_is_true(value))
            ctl_add_query(path, name, "1");
    }
}

static int plain_call(struct ctl_run *run)
{
    AUTO(buf_free) struct buf path = BUF_INIT(64 * 1024), text = BUF_SECRET_INIT(1 << 20);
    AUTO(ctl_answer_free) struct ctl_answer answer = { 0 };
    AUTO(mem_free) char *key = mem_strdup(ctl_value(run, "idempotency-key"));
    AUTO(source_free) struct source *body = NULL;

    make_path(run, &path);
    if (run->command->body) {
        json_object_del(run->values, "idempotency-key");
        json_print(run->values, &text);
        body = source_of_buf(&text);
    }
    const struct ctl_request request = { .method = run->command->method,
                                         .path = buf_str(&path),
                                         .body = body,
                                         .type = body != NULL ? "application/json" : NULL,
                                         .key = key };
    ctl_call(run, &request, &answer);
    int rc = ctl_show(run, &answer);
    /* A test that found something wrong is a failure of the partner, not of the call. */
    if (rc == 0 && run->command->printer == show_steps &&
        strstr(buf_str(&answer.body), "\"ok\":false") != NULL)
        return 1;
    return rc;
}

/* --- whole -------------------------------------------------------------------------------- */

static int read_key(struct ctl_run *run, const char *path)
{
    AUTO(buf_free) struct buf text = BUF_SECRET_INIT(KEY_FILE_MAX);
    struct err err = { 0 };

    if (path == NULL)
        return 0;
    if (!file_read_secret(path, &text, &err))
        return ctl_fail(&err);
    struct str key = str_trim((struct str){ buf_str(&text), text.len });
    run->key = mem_strndup(key.ptr, key.len);
    return 0;
}

static int run_command(struct reading *r)
{
    struct ctl_run *run = r->run;
    const struct ctl_command *c = run->command;

    if (run->args.count < c->least || run->args.count > c->most) {
        fputs("usage: ", stderr);
        print_command_line(stderr, c);
        fputs(" [options]; --help tells more\n", stderr);
        return EX_USAGE;
    }
    int rc = read_key(run, r->key_file);
    if (rc != 0)
        return rc;
    return c->handler != NULL ? c->handler(run) : plain_call(run);
}

static void run_free(struct ctl_run *run)
{
    if (run->key != NULL)
        mem_wipe(run->key, strlen(run->key));
    mem_free(&run->key);
    strlist_free(&run->args);
    json_drop(&run->values);
    http_client_free(&run->client);
}

int ctl_main(int argc, char **argv)
{
    const char *socket = getenv("TRMCTL_SOCKET");
    AUTO(run_free)
    struct ctl_run run = { .socket = text_empty(socket) ? CTL_SOCKET : socket,
                           .values = json_object() };
    AUTO(reading_free) struct reading r = { .run = &run, .argc = argc, .argv = argv };

    json_init();
    xml_init();
    for (r.at = 1; r.at < argc; r.at++) {
        int rc = read_one(&r);

        if (rc != 0)
            return rc;
    }
    if (r.version) {
        printf("trmctl %s\n", TRM_VERSION);
        return 0;
    }
    if (run.command == NULL && (r.help || r.words.count > 0)) {
        if (!r.help)
            return no_command(r.words.items[0]);
        print_help(stdout);
        return 0;
    }
    if (run.command == NULL)
        return no_command(NULL);
    if (r.help) {
        print_command_help(run.command);
        return 0;
    }
    run.share = ctl_value(&run, "share");
    return run_command(&r);
}
