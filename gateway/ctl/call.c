/*
 * call.c - calls of the daemon over its control socket.
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/mem.h"
#include "ctl/ctl_private.h"
#include "format/json.h"
#include "http/client.h"
#include "http/field.h"

#define ANSWER_MAX (64 * 1024 * 1024)

static int exit_of_status(int status)
{
    static const struct {
        int status, exit;
    } exits[] = { { 400, EX_USAGE },     { 401, EX_NOPERM },   { 403, EX_NOPERM },
                  { 422, CTL_FINDINGS }, { 503, EX_TEMPFAIL }, { 408, EX_TEMPFAIL } };

    if (status >= 200 && status < 300)
        return 0;
    for (size_t i = 0; i < COUNT_OF(exits); i++)
        if (exits[i].status == status)
            return exits[i].exit;
    return 1;
}

int ctl_exit_of(const struct err *err)
{
    if (text_eq(err->code, "file.absent") || text_eq(err->code, "file.unreadable"))
        return EX_NOINPUT;
    switch (err->kind) {
    case ERR_CONFIG:
        return EX_CONFIG;
    case ERR_RETRY:
    case ERR_UNSURE:
        return EX_TEMPFAIL;
    case ERR_DENIED:
        return EX_NOPERM;
    case ERR_REJECT:
        return CTL_FINDINGS;
    case ERR_BUG:
    case ERR_NONE:
        break;
    }
    return 1;
}

int ctl_fail(const struct err *err)
{
    fprintf(stderr, "trmctl: %s [%s]\n", err->text, err->code);
    return ctl_exit_of(err);
}

void ctl_answer_free(struct ctl_answer *answer)
{
    mem_free(&answer->type);
    buf_free(&answer->body);
}

void ctl_add_query(struct buf *path, const char *name, const char *value)
{
    buf_addc(path, strchr(buf_str(path), '?') == NULL ? '?' : '&');
    http_percent_encode(name, path);
    buf_addc(path, '=');
    http_percent_encode(value, path);
}

void ctl_add_segment(struct buf *path, const char *text)
{
    http_percent_encode(text, path);
}

static struct http_client *client_of(struct ctl_run *run)
{
    const struct http_client_settings settings = { .answer_max = ANSWER_MAX,
                                                   .total_ms = 300000,
                                                   .stall_ms = 300000 };

    if (run->client == NULL)
        run->client = http_client_new(&settings);
    return run->client;
}

static void not_reached(struct ctl_run *run, const struct http_result *result,
                        struct ctl_answer *ret)
{
    fprintf(
        stderr,
        "trmctl: the daemon cannot be reached at %s: %s [%s]; is trmd running? --socket "
        "PATH names another socket\n",
        run->socket, result->fault.text, result->fault.code);
    ret->exit = result->outcome == HTTP_UNSURE ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

void ctl_call(struct ctl_run *run, const struct ctl_request *request,
              struct ctl_answer *ret)
{
    AUTO(http_result_free) struct http_result result = HTTP_RESULT_INIT;
    AUTO(mem_free) char *bearer = run->key ? mem_printf("Bearer %s", run->key) : NULL;
    AUTO(buf_free) struct buf name = BUF_INIT(1024);
    struct http_header headers[3];
    size_t count = 0;

    *ret = (struct ctl_answer){ .body = BUF_SECRET_INIT(ANSWER_MAX) };
    if (bearer != NULL)
        headers[count++] = (struct http_header){ "Authorization", bearer };
    if (request->key != NULL)
        headers[count++] = (struct http_header){ "Idempotency-Key", request->key };
    if (request->file_name != NULL && http_value_valid(request->file_name))
        headers[count++] = (struct http_header){ "Trm-File-Name", request->file_name };
    const struct http_call call = { .method = request->method,
                                    .url = request->path,
                                    .content_type = request->type,
                                    .headers = headers,
                                    .header_count = count,
                                    .body = request->body,
                                    .answer_to = request->to };
    http_local_call(client_of(run), run->socket, &call, &result);
    if (bearer != NULL)
        mem_wipe(bearer, strlen(bearer));
    if (result.outcome != HTTP_ANSWERED) {
        not_reached(run, &result, ret);
        return;
    }
    ret->status = result.status;
    ret->exit = exit_of_status(result.status);
    ret->type = mem_strdup(result.content_type);
    buf_add(&ret->body, buf_str(&result.body), result.body.len);
}

int ctl_show(struct ctl_run *run, const struct ctl_answer *answer)
{
    AUTO(json_drop) json_t *value = NULL;
    struct err err = { 0 };

    if (answer->status == 0)
        return answer->exit;
    if (run->json) {
        fwrite(buf_str(&answer->body), 1, answer->body.len, stdout);
        return answer->exit;
    }
    if (answer->body.len > 0)
        value = json_parse(buf_str(&answer->body), answer->body.len, &json_limits_config,
                           &err);
    if (value == NULL) {
        if (answer->exit != 0)
            fprintf(stderr, "trmctl: the daemon answered %d: %.200s\n", answer->status,
                    buf_str(&answer->body));
        return answer->exit;
    }
    if (answer->exit != 0)
        show_problem(value);
    else
        (run->command->printer != NULL ? run->command->printer : show_any)(value);
    return answer->exit;
}
