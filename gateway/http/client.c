/*
 * client.c - calls out, by libcurl; the only file that knows it.
 *
 * What may be concluded from a failure is decided here, in judge(): before the first octet of
 * the request went out nothing can have been acted on (NOT_SENT); afterwards it may have been
 * (UNSURE), whatever the reason. One exception is safe: TLS 1.3 lets a client write before the
 * server has looked at its certificate, so a server's alert about that certificate comes after
 * the request. Such a server has read nothing of it; the alert is seen by a callback and makes
 * the call NOT_SENT with "http.tls-refused".
 *
 * libcurl sends a request again by itself when a kept connection turns out to be dead before
 * anything came back; the same octets then go out twice, and the receiver's duplicate check
 * is what it is for.
 *
 * Shut on purpose: redirects, proxies of the environment, other protocols, compressed answers,
 * cookies, .netrc, Expect: 100-continue, the system's certificate authorities.
 */
#include "http/client.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/body.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/field.h"
#include "pki/tls.h"

#define CONNECT_MS      (10 * SECOND_MS)
#define TOTAL_MS        (60 * SECOND_MS)
#define TOTAL_MIB_MS    (2 * SECOND_MS)
#define STALL_MS        (120 * SECOND_MS)
#define ANSWER_MAX      (1024 * 1024)
#define ANSWER_HEAD_MAX (64 * 1024) /* octets of all header lines of an answer */
#define HEADER_LINE_MAX (8 * 1024)  /* octets of a header line we send */
#define KEPT_S          60L /* a connection that rested longer is not used again */

struct http_client {
    struct http_client_settings settings;
    char *user_agent;
    CURL *curl;
    char words[CURL_ERROR_SIZE]; /* libcurl's, of the current call */
    /* of the current call */
    const struct http_call *call;
    struct http_result *result;
    struct reader *body;
    uint64_t body_read;
    size_t head_octets;
    struct err fault; /* found in a callback; kind ERR_NONE: none */
    bool alert;       /* the peer's, about our certificate */
};

static const char *const outcome_names[] = {
    [HTTP_ANSWERED] = "answered",
    [HTTP_NOT_SENT] = "not-sent",
    [HTTP_UNSURE] = "unsure",
};

const char *http_outcome_name(enum http_outcome outcome)
{
    return outcome_names[outcome];
}

void http_result_free(struct http_result *result)
{
    mem_free(&result->content_type);
    mem_free(&result->location);
    buf_free(&result->body);
    *result = (struct http_result)HTTP_RESULT_INIT;
}

/* --- callbacks of libcurl ---------------------------------------------------------------------- */

static size_t on_body_wanted(char *out, size_t size, size_t count, void *arg)
{
    struct http_client *client = arg;
    size_t got = 0;

    if (client->body == NULL &&
        !source_open(client->call->body, &client->body, &client->fault))
        return CURL_READFUNC_ABORT;
    if (!reader_read(client->body, out, size * count, &got, &client->fault))
        return CURL_READFUNC_ABORT;
    client->body_read += got;
    return got;
}

/* libcurl wants to send the body again, from the start. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct http_client *client = arg;

    if (offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    reader_close(&client->body);
    client->body_read = 0;
    return CURL_SEEKFUNC_OK;
}

static bool to_sink(const struct http_client *client)
{
    long status = 0;

    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    return client->call->answer_to != NULL && status >= 200 && status < 300;
}

static size_t on_answer(char *data, size_t size, size_t count, void *arg)
{
    struct http_client *client = arg;
    size_t len = size * count;

    if (to_sink(client)) {
        struct sink *sink = client->call->answer_to;

        return sink->write(sink, data, len, &client->fault) ? len : 0;
    }
    if (buf_add(&client->result->body, data, len))
        return len;
    (void)err_set(&client->fault, ERR_UNSURE, "http.answer-large",
                  "reading the answer: its body is over %zu octets",
                  client->result->body.max);
    return 0;
}

static bool header_value(struct str line, const char *name, struct str *ret)
{
    struct str rest = line, head;

    if (!str_next(&rest, ':', &head) || rest.ptr == NULL || !str_is_nocase(head, name))
        return false;
    *ret = str_trim(rest);
    return true;
}

static void keep_header(struct http_result *result, struct str line)
{
    struct str value;
    AUTO(mem_free) char *text = NULL;

    if (line.len > 5 &&
        strncmp(line.ptr, "HTTP/", 5) == 0) { /* of the final answer only */
        mem_free(&result->location);
        result->retry_after_s = -1;
    }
    if (header_value(line, "location", &value)) {
        mem_free(&result->location);
        result->location = mem_strndup(value.ptr, value.len);
    }
    if (header_value(line, "retry-after", &value)) {
        text = mem_strndup(value.ptr, value.len);
        (void)http_retry_after(text, clock_now(NULL), &result->retry_after_s);
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *arg)
{
    struct http_client *client = arg;
    size_t len = size * count;

    client->head_octets += len;
    if (client->head_octets > ANSWER_HEAD_MAX) {
        (void)err_set(&client->fault, ERR_UNSURE, "http.answer-large",
                      "reading the answer: its head is over %d octets", ANSWER_HEAD_MAX);
        return 0;
    }
    keep_header(client->result, (struct str){ data, len });
    return len;
}

static int on_progress(void *arg, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                       curl_off_t up)
{
    const struct http_client *client = arg;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return client->settings.abort != NULL && atomic_load(client->settings.abort);
}

/* RFC 8446 section 6.2: 41 to 49 are verdicts on a certificate, 116 asks for one. */
static bool about_certificate(int description)
{
    return (description >= SSL_AD_NO_CERTIFICATE &&
            description <= SSL_AD_CERTIFICATE_UNKNOWN) ||
           description == SSL_AD_UNKNOWN_CA || description == SSL_AD_ACCESS_DENIED ||
           description == SSL_AD_CERTIFICATE_REQUIRED;
}

static int client_index = -1; /* of an SSL_CTX's own data: the client */

static void on_tls_event(const SSL *ssl, int where, int value)
{
    struct http_client *client = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), client_index);

    if (client != NULL && (where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT &&
        about_certificate(value & 0xff))
        client->alert = true;
}

static CURLcode on_tls_context(CURL *curl, void *tls, void *arg)
{
    struct http_client *client = arg;
    struct err err = { 0 };

    (void)curl;
    if (!tls_client_apply(client->settings.tls, tls, &err)) {
        client->fault = err;
        client->fault.code = "http.tls-setup";
        return CURLE_SSL_CERTPROBLEM;
    }
    if (SSL_CTX_set_ex_data(tls, client_index, client) == 1)
        SSL_CTX_set_info_callback(tls, on_tls_event);
    return CURLE_OK;
}

/* --- SIGPIPE: OpenSSL writes to sockets that may be dead; the process keeps its own ways ------- */

struct pipe_guard {
    sigset_t before;
    bool pending; /* already before us: not ours to take */
};

static struct pipe_guard guard_begin(void)
{
    struct pipe_guard guard = { 0 };
    sigset_t pipe_only, pending;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    guard.pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &guard.before);
    return guard;
}

static void guard_end(const struct pipe_guard *guard)
{
    const struct timespec now = { 0 };
    sigset_t pipe_only;

    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    if (!guard->pending)
        (void)sigtimedwait(&pipe_only, NULL, &now);
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

/* --- life --------------------------------------------------------------------------------------- */

static void begin_once(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    client_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

static struct http_client_settings with_defaults(const struct http_client_settings *given)
{
    struct http_client_settings s = *given;

    s.connect_ms = s.connect_ms > 0 ? s.connect_ms : CONNECT_MS;
    s.total_ms = s.total_ms > 0 ? s.total_ms : TOTAL_MS;
    s.total_per_mib_ms = s.total_per_mib_ms > 0 ? s.total_per_mib_ms : TOTAL_MIB_MS;
    s.stall_ms = s.stall_ms > 0 ? s.stall_ms : STALL_MS;
    s.answer_max = s.answer_max > 0 ? s.answer_max : ANSWER_MAX;
    return s;
}

struct http_client *http_client_new(const struct http_client_settings *settings)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct http_client *client = mem_alloc(sizeof *client);

    pthread_once(&once, begin_once);
    client->settings = with_defaults(settings);
    client->user_agent = mem_strdup(settings->user_agent);
    if (settings->tls != NULL)
        client->settings.tls = tls_client_ref(settings->tls);
    return client;
}

void http_client_reset(struct http_client *client)
{
    struct pipe_guard guard = guard_begin();

    curl_easy_cleanup(TAKE(client->curl)); /* TLS says good-bye */
    guard_end(&guard);
}

void http_client_free(struct http_client **client)
{
    if (*client == NULL)
        return;
    http_client_reset(*client);
    tls_client_free(&(*client)->settings.tls);
    mem_free(&(*client)->user_agent);
    mem_free(client);
}

/* --- setting a call up --------------------------------------------------------------------------- */

static void list_free(struct curl_slist **list)
{
    curl_slist_free_all(*list);
    *list = NULL;
}

static bool add_line(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);

    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

static bool add_header(struct curl_slist **list, const char *name, const char *value,
                       struct err *err)
{
    AUTO(buf_free) struct buf line = BUF_SECRET_INIT(HEADER_LINE_MAX);

    if (!http_token_valid(name) || !http_value_valid(value))
        return err_set(err, ERR_BUG, "http.header-out",
                       "setting a call up: a header cannot be sent as it is");
    (void)buf_addf(&line, value[0] != '\0' ? "%s: %s" : "%s;", name, value);
    if (!buf_check(&line, "a header line", err))
        return false;
    return add_line(list, line.data) ||
           err_set(err, ERR_RETRY, "http.header-out", "setting a call up: no memory");
}

/* "Name:" alone keeps a line of libcurl's own out. */
static bool make_headers(const struct http_call *call, struct curl_slist **ret,
                         struct err *err)
{
    if (!add_line(ret, "Expect:") ||
        (call->content_type == NULL && !add_line(ret, "Content-Type:")))
        return err_set(err, ERR_RETRY, "http.header-out", "setting a call up: no memory");
    if (call->content_type != NULL &&
        !add_header(ret, "Content-Type", call->content_type, err))
        return false;
    for (size_t i = 0; i < call->header_count; i++)
        if (!add_header(ret, call->headers[i].name, call->headers[i].value, err))
            return false;
    return true;
}

static void url_free(CURLU **url)
{
    curl_url_cleanup(*url);
    *url = NULL;
}

static void curl_text_free(char **text)
{
    curl_free(*text);
    *text = NULL;
}

static bool is_loopback(const char *host)
{
    return text_eq(host, "127.0.0.1") || text_eq(host, "[::1]") ||
           text_eq(host, "localhost");
}

/* What may be called: https with TLS settings, http to this machine when that is allowed. */
static bool check_url(const struct http_client *client, const struct http_call *call,
                      struct err *err)
{
    AUTO(url_free) CURLU *url = curl_url();
    AUTO(curl_text_free) char *scheme = NULL;
    AUTO(curl_text_free) char *host = NULL;
    AUTO(curl_text_free) char *user = NULL;

    if (url == NULL || curl_url_set(url, CURLUPART_URL, call->url, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return err_set(err, ERR_CONFIG, "http.url",
                       "not a URL of the form https://host/path");
    if (curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_OK)
        return err_set(err, ERR_CONFIG, "http.url", "URL of host %s: names a user", host);
    if (text_eq(scheme, "https") && client->settings.tls != NULL)
        return true;
    if (text_eq(scheme, "https"))
        return err_set(err, ERR_CONFIG, "http.url",
                       "URL of host %s: https, but no certificates are set", host);
    if (text_eq(scheme, "http") && client->settings.plain_loopback && is_loopback(host) &&
        call->connect_to == NULL)
        return true;
    return err_set(
        err, ERR_CONFIG, "http.url",
        "URL of host %s: scheme %s is not allowed (https is; http only to this "
        "machine where a setting says so)",
        host, scheme);
}

static void set_timeouts(CURL *curl, const struct http_client_settings *s,
                         const struct http_call *call)
{
    uint64_t size = call->body != NULL ? call->body->size : 0;
    int64_t total_ms = s->total_ms + (int64_t)(size / 1024) * s->total_per_mib_ms / 1024;

    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)s->connect_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)total_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                     (long)((s->stall_ms + SECOND_MS - 1) / SECOND_MS));
}

static void set_shut(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, NULL);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, KEPT_S);
}

/* CAINFO and CAPATH are both emptied: libcurl's built-in paths are the system's. The version
 * asked of libcurl is the floor; tls_client_apply() raises it to the partner's setting. */
static void set_tls(CURL *curl, struct http_client *client)
{
    curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, client);
}

static void set_callbacks(CURL *curl, struct http_client *client)
{
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_body_wanted);
    curl_easy_setopt(curl, CURLOPT_READDATA, client);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_rewind);
    curl_easy_setopt(curl, CURLOPT_SEEKDATA, client);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, client);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, client);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->words);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, client->user_agent);
}

/* A request with a body is libcurl's POST, under its own name; CUSTOMREQUEST alone would say
 * nothing about the body. */
static void set_request(CURL *curl, const struct http_call *call)
{
    const char *method = call->method;

    if (method == NULL)
        method = call->body != NULL ? "POST" : "GET";
    if (call->body != NULL || text_eq(method, "POST")) {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)(call->body != NULL ? call->body->size : 0));
    }
    if (!text_eq(method, "GET") && !text_eq(method, "POST"))
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
}

/* --- judging ---------------------------------------------------------------------------------------- */

static const struct {
    CURLcode code;
    const char *name;
    const char *words;
} faults[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "http.dns", "looking the host up" },
    { CURLE_COULDNT_CONNECT, "http.connect", "connecting" },
    { CURLE_SSL_CONNECT_ERROR, "http.tls", "setting TLS up" },
    { CURLE_PEER_FAILED_VERIFICATION, "http.tls-verify", "verifying the server" },
    { CURLE_SSL_CERTPROBLEM, "http.tls-setup", "setting our certificate up" },
    { CURLE_OPERATION_TIMEDOUT, "http.timeout", "waiting" },
    { CURLE_SEND_ERROR, "http.cut", "sending" },
    { CURLE_RECV_ERROR, "http.cut", "receiving" },
    { CURLE_GOT_NOTHING, "http.cut", "waiting for the answer" },
    { CURLE_PARTIAL_FILE, "http.cut", "reading the answer" },
    { CURLE_ABORTED_BY_CALLBACK, "http.aborted", "ended by our shutdown" },
    { CURLE_URL_MALFORMAT, "http.url", "reading the URL" },
};

static const char *fault_name(const struct http_client *client, CURLcode code,
                              const char **ret_words)
{
    *ret_words = "calling";
    if (client->alert) {
        *ret_words = "the server refused our certificate";
        return "http.tls-refused";
    }
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (faults[i].code == code) {
            *ret_words = faults[i].words;
            return faults[i].name;
        }
    }
    return "http.answer-broken";
}

/* err_set() wants a literal code, and here it comes from a table of literals. */
static void set_fault(struct err *fault, enum err_kind kind, const char *code,
                      const char *words, const char *detail)
{
    (void)err_set(fault, kind, "http.call", "%s: %s", words, detail);
    fault->code = code;
}

static bool anything_written(const struct http_client *client)
{
    long head = 0;

    curl_easy_getinfo(client->curl, CURLINFO_REQUEST_SIZE, &head);
    return head > 0;
}

static bool everything_written(const struct http_client *client)
{
    curl_off_t sent = 0;
    uint64_t size = client->call->body != NULL ? client->call->body->size : 0;

    curl_easy_getinfo(client->curl, CURLINFO_SIZE_UPLOAD_T, &sent);
    return anything_written(client) && sent >= 0 && (uint64_t)sent == size;
}

static void judge_failure(struct http_client *client, CURLcode code)
{
    struct http_result *result = client->result;
    const char *words, *name = fault_name(client, code, &words);
    bool sent = anything_written(client) && !client->alert;
    enum err_kind kind = sent ? ERR_UNSURE : ERR_RETRY;

    result->outcome = sent ? HTTP_UNSURE : HTTP_NOT_SENT;
    if (client->fault.kind != ERR_NONE) {
        result->fault = client->fault;
        if (sent)
            result->fault.kind = ERR_UNSURE;
        return;
    }
    if (code == CURLE_URL_MALFORMAT)
        kind = ERR_CONFIG;
    set_fault(&result->fault, kind, name, words,
              client->words[0] != '\0' ? client->words : curl_easy_strerror(code));
}

static void judge(struct http_client *client, CURLcode code)
{
    struct http_result *result = client->result;
    const char *type = NULL;
    long status = 0, connects = 0;

    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(client->curl, CURLINFO_CONTENT_TYPE, &type);
    curl_easy_getinfo(client->curl, CURLINFO_NUM_CONNECTS, &connects);
    result->status = (int)status;
    result->content_type = mem_strdup(type);
    result->wrote_all = everything_written(client);
    result->reused = connects == 0;
    result->outcome = HTTP_ANSWERED;
    if (code != CURLE_OK)
        judge_failure(client, code);
}

/* --- calls ------------------------------------------------------------------------------------------ */

static bool begin_call(struct http_client *client, const struct http_call *call,
                       struct http_result *result, struct err *err)
{
    http_result_free(result);
    result->outcome = HTTP_NOT_SENT;
    result->body = (struct buf)BUF_SECRET_INIT(client->settings.answer_max);
    client->call = call;
    client->result = result;
    client->words[0] = '\0';
    client->fault = (struct err){ 0 };
    client->alert = false;
    client->head_octets = 0;
    client->body_read = 0;
    if (client->curl == NULL)
        client->curl = curl_easy_init();
    else
        curl_easy_reset(client->curl); /* options only: connections and sessions stay */
    return client->curl != NULL ||
           err_set(err, ERR_RETRY, "http.call", "setting a call up: no memory");
}

static bool make_connect_to(const struct http_call *call, struct curl_slist **ret,
                            struct err *err)
{
    AUTO(mem_free) char *to = NULL;

    if (call->connect_to == NULL)
        return true;
    to = mem_printf("::%s", call->connect_to);
    return add_line(ret, to) ||
           err_set(err, ERR_RETRY, "http.header-out", "setting a call up: no memory");
}

static void perform(struct http_client *client, const struct http_call *call,
                    const char *url, const char *socket_path)
{
    AUTO(list_free) struct curl_slist *headers = NULL;
    AUTO(list_free) struct curl_slist *connect_to = NULL;
    CURL *curl = client->curl;
    struct pipe_guard guard;

    if (!make_headers(call, &headers, &client->result->fault) ||
        !make_connect_to(call, &connect_to, &client->result->fault))
        return;
    set_shut(curl);
    set_callbacks(curl, client);
    set_timeouts(curl, &client->settings, call);
    set_request(curl, call);
    if (client->settings.tls != NULL)
        set_tls(curl, client);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, connect_to);
    guard = guard_begin();
    judge(client, curl_easy_perform(curl));
    guard_end(&guard);
    reader_close(&client->body);
    ERR_clear_error();
}

void http_client_call(struct http_client *client, const struct http_call *call,
                      struct http_result *ret_result)
{
    struct err err = { 0 };

    if (begin_call(client, call, ret_result, &err) && check_url(client, call, &err))
        perform(client, call, call->url, NULL);
    else
        ret_result->fault = err;
}

void http_local_call(struct http_client *client, const char *socket_path,
                     const struct http_call *call, struct http_result *ret_result)
{
    AUTO(mem_free) char *url = mem_printf("http://localhost%s", call->url);
    struct err err = { 0 };

    if (begin_call(client, call, ret_result, &err))
        perform(client, call, url, socket_path);
    else
        ret_result->fault = err;
}
