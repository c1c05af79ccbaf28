/*
 * main.c - trmd: arguments, wiring, signals, orderly stop. The only file that knows everyone.
 *
 * Start: settings, keys, store, snapshot, then the ways in; the line "ready" (and ports.json
 * beside the control socket) comes when requests are served. SIGHUP reads all files anew: all of
 * it takes effect, or nothing and the log says why; what needs a restart is named. SIGTERM and
 * SIGINT stop taking requests, finish what is under way, and end; a second one ends at once,
 * which the store makes safe too.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/folder.h"
#include "api/notice.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/version.h"
#include "dispatch/dispatch.h"
#include "exchange/bundles.h"
#include "exchange/exchange.h"
#include "exchange/partner.h"
#include "exchange/wire.h"
#include "format/json.h"
#include "format/xml.h"
#include "http/server.h"
#include "ops/ops.h"
#include "pki/algorithm.h"
#include "pki/cert.h"
#include "pki/signer.h"
#include "pki/tls.h"
#include "pki/xmlsig.h"
#include "settings.h"
#include "store/store.h"

#define CONFIG_DEFAULT  "/etc/trmd/gateway.json"
#define DRAIN_MS        10000     /* for requests under way, then for sends under way */
#define HOUSE_MS        MINUTE_MS /* between two looks at gaps and leases */
#define SWEEP_MS        HOUR_MS   /* between two sweeps of the store */
#define RETIRED_MAX     16        /* key sets of earlier reloads that are kept */
#define RETIRED_KEPT_MS (24 * HOUR_MS) /* longer than any message is worked on */
#define FILES_WANTED    65536
#define CHANGES_MAX     100

struct retired {
    struct signer *signer;
    int64_t since_ms; /* monotonic */
};

struct daemon {
    const char *config;
    struct daemon_settings
        first; /* of the start: who opened with it may borrow from it */
    struct daemon_settings *current; /* of the newest reload, or &first */
    struct signer *_Atomic signer;
    struct retired retired[RETIRED_MAX];
    size_t retired_count;
    uint32_t kek_of_hashes; /* keyed hashes stay under the oldest wrapping key */
    struct store *store;
    struct snapshot_box *box;
    struct exchange x;
    struct wire *wire;
    struct ops *ops;
    struct api *api;
    struct dispatch *dispatch;
    struct folder_face *_Atomic folder; /* its own thread may ask for it at once */
    struct notice_face *_Atomic notice;
    struct http_server *server;
    struct http_service services[3]; /* partners, office, control */
    pthread_mutex_t reloading;
    atomic_bool draining;
    pthread_t house;
    pthread_mutex_t house_lock;
    pthread_cond_t house_ends;
    bool house_runs;
};

/* --- the process -------------------------------------------------------------------------- */

/* No core, no reading of our memory by others; fault tests want their cores. */
static void close_doors(void)
{
    (void)umask(0077);
#ifndef TRM_FAULTS
    const struct rlimit none = { 0, 0 };
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
    /* Whoever starts us must not choose whom we believe. */
    (void)setenv("SSL_CERT_FILE", "/dev/null", 1);
    (void)setenv("SSL_CERT_DIR", "/dev/null", 1);
}

static void tune(void)
{
    struct rlimit files;

    /* Trees and buffers come and go: giving pages back each time costs more than keeping them. */
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 20);
    (void)mallopt(M_TOP_PAD, 1 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
    (void)mallopt(M_ARENA_MAX, 4);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= FILES_WANTED)
        return;
    files.rlim_cur = files.rlim_max < FILES_WANTED ? files.rlim_max : FILES_WANTED;
    (void)setrlimit(RLIMIT_NOFILE,
                    &files); /* where it is not allowed we go on as we are */
}

/* sd_notify(3): one datagram to the socket the service manager named. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = { .sun_family = AF_UNIX };
    size_t len = path != NULL ? strlen(path) : 0;
    AUTO(fd_close) int fd = -1;

    if (len == 0 || len >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* abstract */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

/* --- keys --------------------------------------------------------------------------------- */

static struct signer *open_keys(const struct daemon_settings *s, struct err *err)
{
    const struct signer_files files = { .keys = s->keys,
                                        .key_count = s->key_count,
                                        .keks = s->keks,
                                        .kek_count = s->kek_count };

    return signer_open_files(&files, err);
}

static uint32_t oldest_kek(const struct daemon_settings *s)
{
    uint32_t oldest = UINT32_MAX;

    for (size_t i = 0; i < s->kek_count; i++)
        if (s->keks[i].version < oldest)
            oldest = s->keks[i].version;
    return oldest;
}

static bool seal_wrap(void *ctx, const void *aad, size_t aad_len,
                      const uint8_t key[SEAL_KEY_OCTETS], struct buf *out,
                      struct err *err)
{
    struct daemon *d = ctx;
    unsigned char wrapped[WRAPPED_CASE_KEY_OCTETS];

    return signer_wrap_case_key(d->signer, aad, aad_len, key, wrapped, err) &&
           (buf_add(out, wrapped, sizeof wrapped) ||
            err_set(err, ERR_BUG, "main.wrap", "no room for a wrapped key"));
}

static bool seal_unwrap(void *ctx, const void *aad, size_t aad_len, const void *wrapped,
                        size_t len, uint8_t ret_key[SEAL_KEY_OCTETS], struct err *err)
{
    struct daemon *d = ctx;

    if (len != WRAPPED_CASE_KEY_OCTETS)
        return err_set(err, ERR_CONFIG, "main.unwrap", "a wrapped key of %zu octets",
                       len);
    return signer_unwrap_case_key(d->signer, aad, aad_len, wrapped, ret_key, err);
}

static bool seal_mac(void *ctx, const char *label, const void *data, size_t len,
                     uint8_t ret[SEAL_MAC_OCTETS], struct err *err)
{
    struct daemon *d = ctx;

    return signer_mac(d->signer, label, d->kek_of_hashes, data, len, ret, err);
}

static bool seal_sign(void *ctx, const void *data, size_t len, struct buf *out,
                      struct err *err)
{
    struct daemon *d = ctx;
    const char *key = d->first.source.seal_key;
    const struct cert *cert = signer_cert(d->signer, key);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;

    if (cert == NULL)
        return err_set(err, ERR_CONFIG, "pki.no-such-key", "there is no key \"%s\"", key);
    enum sign_alg alg = sign_alg_for(cert);
    return (EVP_Digest(data, len, digest, &digest_len,
                       digest_alg_md(sign_alg_digest(alg)), NULL) == 1 ||
            err_set(err, ERR_RETRY, "main.digest",
                    "a checkpoint could not be digested")) &&
           signer_sign(d->signer, key, alg, digest, digest_len, out, err);
}

/* Snapshots that are still held may use the old keys for a while. */
static void retire(struct daemon *d, struct signer *old)
{
    int64_t now = clock_monotonic();
    size_t kept = 0, full = d->retired_count == RETIRED_MAX ? 1 : 0;

    /* Oldest first; when there are too many it is the oldest that goes. */
    for (size_t i = 0; i < d->retired_count; i++) {
        if (now - d->retired[i].since_ms > RETIRED_KEPT_MS || i < full)
            signer_free(&d->retired[i].signer);
        else
            d->retired[kept++] = d->retired[i];
    }
    d->retired[kept++] = (struct retired){ old, now };
    d->retired_count = kept;
}

/* --- building ----------------------------------------------------------------------------- */

static struct snapshot *build_snapshot(const struct daemon *d,
                                       const struct daemon_settings *s,
                                       struct signer *signer, struct err *err)
{
    struct snapshot_source source = s->source;

    source.signer = signer;
    source.clock = d->x.clock;
    return snapshot_build(&source, d->store, err);
}

static bool office_known(const struct daemon_settings *s, const struct client *c,
                         struct err *err)
{
    bool known = text_empty(c->office);

    for (size_t i = 0; i < s->office_count; i++)
        known = known || text_eq(s->offices[i].id, c->office);
    return known ||
           err_set(err, ERR_CONFIG, "settings.client",
                   "client %s: office %s is not of this gateway", c->name, c->office);
}

/* Those from first on, count of them. */
static bool set_some(struct ops *ops, const struct daemon_settings *s, size_t first,
                     size_t count, struct err *err)
{
    AUTO(mem_free) struct ops_client *clients = mem_array(count + 1, sizeof *clients);

    for (size_t i = 0; i < count; i++) {
        const struct client *c = &s->clients[first + i];

        if (!office_known(s, c, err))
            return false;
        clients[i] = (struct ops_client){ .name = c->name,
                                          .office = c->office,
                                          .role = c->role,
                                          .person = c->person,
                                          .key_sha256 = c->key_sha256,
                                          .certificate = c->certificate };
    }
    return ops_set_clients(ops, clients, count, err);
}

static bool set_clients(struct ops *ops, const struct daemon_settings *s, struct err *err)
{
    return set_some(ops, s, 0, s->client_count, err);
}

static bool is_loopback(const char *address)
{
    struct in_addr four;

    return text_eq(address, "::1") ||
           (inet_pton(AF_INET, address, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127);
}

/* NULL in *ret: plain, which only this machine may reach. */
static bool listener_tls(const char *name, const struct listen_settings *l, bool partners,
                         SSL_CTX **ret, struct err *err)
{
    *ret = NULL;
    if (l->cert == NULL && !partners && is_loopback(l->address))
        return true;
    if (l->cert == NULL || l->key == NULL || (partners && l->ca == NULL))
        return err_set(
            err, ERR_CONFIG, "settings.listener",
            "%s: a listener %s needs \"certificate\" and \"key\"%s", name,
            partners ? "for partners" : "that other machines can reach",
            partners ? ", and \"clientCa\": the CAs of the partners' certificates" : "");
    const struct tls_server_settings settings = {
        .chain_file = l->cert,
        .key_file = l->key,
        .ca_file = l->ca,
        .peer = l->ca == NULL           ? TLS_PEER_NONE
                : l->client_certificate ? TLS_PEER_REQUIRED
                                        : TLS_PEER_OPTIONAL,
        .allow_tls12 = l->tls12,
        .session_name = name,
    };
    *ret = tls_server_new(&settings, err);
    return *ret != NULL || err_context(err, "%s", name);
}

/* --- what ops and exchange ask of us ------------------------------------------------------ */

static void wake_partner(void *ctx, const char *partner)
{
    struct daemon *d = ctx;

    if (d->dispatch != NULL)
        dispatch_wake(d->dispatch, partner);
}

static void wake_office(void *ctx, const char *office)
{
    struct daemon *d = ctx;
    struct folder_face *folder = d->folder;
    struct notice_face *notice = d->notice;

    (void)office;
    if (folder != NULL)
        folder_wake(folder);
    if (notice != NULL)
        notice_wake(notice);
}

static void figures(void *ctx, struct http_counters *ret)
{
    struct daemon *d = ctx;

    if (d->server != NULL)
        http_server_counters(d->server, ret);
}

static bool draining(void *ctx)
{
    struct daemon *d = ctx;

    return atomic_load(&d->draining);
}

/* Bundles in the store changed. */
static bool refresh(void *ctx, struct err *err)
{
    struct daemon *d = ctx;

    pthread_mutex_lock(&d->reloading);
    struct snapshot *next = build_snapshot(d, d->current, d->signer, err);
    if (next != NULL) {
        snapshot_replace(d->box, next);
        dispatch_reload(d->dispatch);
    }
    pthread_mutex_unlock(&d->reloading);
    return next != NULL;
}

/* --- reload ------------------------------------------------------------------------------- */

/* "section.name = value   # where" as it is printed: the name, and all but where. */
static void split_line(struct str line, struct str *ret_name, struct str *ret_value)
{
    const char *eq = memchr(line.ptr, '=', line.len);
    const char *hash = eq;

    for (const char *c = line.ptr; c + 1 < line.ptr + line.len; c++)
        if (c[0] == ' ' && c[1] == '#')
            hash = c;
    *ret_name =
        str_trim((struct str){ line.ptr, eq != NULL ? (size_t)(eq - line.ptr) : 0 });
    *ret_value =
        eq == NULL
            ? (struct str){ "", 0 }
            : str_trim((struct str){
                  eq + 1, (size_t)((hash > eq ? hash : line.ptr + line.len) - eq - 1) });
}

static bool has_line(struct str text, struct str name, struct str value)
{
    struct str line, n, v;

    while (str_next(&text, '\n', &line)) {
        split_line(line, &n, &v);
        if (n.len == name.len && v.len == value.len &&
            memcmp(n.ptr, name.ptr, n.len) == 0 && memcmp(v.ptr, value.ptr, v.len) == 0)
            return true;
    }
    return false;
}

static bool needs_restart(struct str name)
{
    static const char *const sections[] = {
        "store.",         "partners.port",  "partners.address",
        "office.port",    "office.address", "partners.workers",
        "partners.queue", "office.workers", "office.queue",
        "control.",       "http.",          "dispatch.",
        "folder.",        "notice.",        "gateway.node"
    };

    for (size_t i = 0; i < COUNT_OF(sections); i++) {
        size_t len = strlen(sections[i]);

        if (name.len >= len && memcmp(name.ptr, sections[i], len) == 0)
            return true;
    }
    return false;
}

/* Names of settings only: a value may be a secret's digest. */
static void list_changes(const struct daemon_settings *before,
                         const struct daemon_settings *now, struct strlist *ret)
{
    AUTO(buf_free) struct buf old = BUF_INIT(4 << 20), new = BUF_INIT(4 << 20);

    daemon_settings_print(before, &old);
    daemon_settings_print(now, &new);
    const struct str texts[2] = { { buf_str(&old), old.len },
                                  { buf_str(&new), new.len } };
    for (size_t side = 0; side < 2; side++) {
        struct str rest = texts[side], line, name, value;

        while (ret->count < CHANGES_MAX && str_next(&rest, '\n', &line)) {
            split_line(line, &name, &value);
            if (name.len == 0 || has_line(texts[1 - side], name, value))
                continue;
            AUTO(mem_free)
            char *what =
                mem_printf(STR_FMT " changed%s", STR_ARG(name),
                           needs_restart(name) ? ": takes effect at the next start" : "");
            if (!strlist_has(ret, what))
                strlist_add(ret, what);
        }
    }
}

/* Everything that can fail, before anything is put in place. */
struct prepared {
    struct daemon_settings settings;
    struct signer *signer;
    struct snapshot *snapshot;
    SSL_CTX *partners, *office;
    struct ops *trial; /* clients are tried out on it */
};

static void prepared_free(struct prepared *p)
{
    daemon_settings_free(&p->settings);
    signer_free(&p->signer);
    tls_ctx_free(&p->partners);
    tls_ctx_free(&p->office);
    ops_free(&p->trial);
}

static bool prepare(struct daemon *d, struct prepared *p, struct err *err)
{
    const struct ops_env env = { .x = &d->x };

    if (!daemon_settings_load(d->config, &p->settings, err))
        return false;
    if (!text_eq(p->settings.own.id, d->first.own.id))
        return err_set(err, ERR_CONFIG, "settings.gateway",
                       "gateway.id cannot change while it runs");
    p->trial = ops_new(&env);
    const struct listen_settings *partners = &p->settings.partners;
    const struct listen_settings *office = &p->settings.office;
    if (!set_clients(p->trial, &p->settings, err) ||
        (partners->port >= 0 &&
         !listener_tls("partners", partners, true, &p->partners, err)) ||
        (office->port >= 0 && !listener_tls("office", office, false, &p->office, err)))
        return false;
    p->signer = open_keys(&p->settings, err);
    if (p->signer == NULL)
        return false;
    p->snapshot = build_snapshot(d, &p->settings, p->signer, err);
    return p->snapshot != NULL;
}

static void put_in_place(struct daemon *d, struct prepared *p, struct strlist *changes)
{
    struct err err = { 0 };

    list_changes(d->current, &p->settings, changes);
    retire(d, d->signer);
    d->signer = TAKE(p->signer);
    snapshot_replace(d->box, TAKE(p->snapshot));
    if (!set_clients(d->ops, &p->settings, &err))
        log_error("reload.clients", log_fault(&err)); /* were tried before */
    if (p->partners != NULL)
        (void)http_server_set_tls(d->server, "partners", p->partners);
    if (p->office != NULL)
        (void)http_server_set_tls(d->server, "office", p->office);
    log_set_level((enum log_level)p->settings.log.level);
    dispatch_reload(d->dispatch);
    if (d->current != &d->first) {
        daemon_settings_free(d->current);
        mem_free(&d->current);
    }
    d->current = mem_dup(&p->settings, sizeof p->settings);
    p->settings = (struct daemon_settings){ 0 };
}

static bool reload(void *ctx, struct strlist *ret_changes, struct err *err)
{
    struct daemon *d = ctx;
    AUTO(prepared_free) struct prepared p = { 0 };

    notify("RELOADING=1");
    pthread_mutex_lock(&d->reloading);
    bool ok = prepare(d, &p, err);
    if (ok)
        put_in_place(d, &p, ret_changes);
    pthread_mutex_unlock(&d->reloading);
    notify("READY=1");
    if (!ok) {
        log_error("gateway.not-reloaded", log_fault(err));
        return false;
    }
    AUTO(snapshot_release) const struct snapshot *snap = snapshot_hold(d->box);
    log_notice("gateway.reloaded", log_u("changes", ret_changes->count),
               log_u("partners", snap->partner_count),
               log_u("bundles", bundles_count(snap->bundles)));
    return true;
}

/* --- housekeeping ------------------------------------------------------------------------- */

static void *house_main(void *arg)
{
    struct daemon *d = arg;
    int64_t swept = INT64_MIN;

    pthread_mutex_lock(&d->house_lock);
    while (!atomic_load(&d->draining)) {
        struct timespec until;

        pthread_mutex_unlock(&d->house_lock);
        ops_housekeeping(d->ops);
        if (swept == INT64_MIN || clock_monotonic() - swept >= SWEEP_MS) {
            uint64_t dropped = 0;
            struct err err = { 0 };

            swept = clock_monotonic();
            if (!store_sweep(d->store, &dropped, &err))
                log_error("store.not-swept", log_fault(&err));
            else if (dropped > 0)
                log_info("store.swept", log_u("bodies", dropped));
        }
        pthread_mutex_lock(&d->house_lock);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += HOUSE_MS / SECOND_MS;
        if (!atomic_load(&d->draining))
            pthread_cond_timedwait(&d->house_ends, &d->house_lock, &until);
    }
    pthread_mutex_unlock(&d->house_lock);
    return NULL;
}

static void house_start(struct daemon *d)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&d->house_lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->house_ends, &attr);
    pthread_condattr_destroy(&attr);
    d->house_runs = pthread_create(&d->house, NULL, house_main, d) == 0;
}

static void house_stop(struct daemon *d)
{
    if (!d->house_runs)
        return;
    pthread_mutex_lock(&d->house_lock);
    pthread_cond_signal(&d->house_ends);
    pthread_mutex_unlock(&d->house_lock);
    pthread_join(d->house, NULL);
}

/* --- start -------------------------------------------------------------------------------- */

static bool open_store(struct daemon *d, struct err *err)
{
    const struct daemon_settings *s = &d->first;
    const struct store_settings settings = {
        .folder = s->store.folder,
        .node = s->own.node,
        .clock = d->x.clock,
        .seal = { d, seal_wrap, seal_unwrap, seal_mac, seal_sign },
        .readers = (unsigned)s->store.readers,
        .gather_ms = (unsigned)s->store.gather_ms,
        .octets_max = s->store.octets_max,
    };

    d->store = store_open(&settings, err);
    return d->store != NULL;
}

/* Users by number or name. */
static bool read_operators(const struct daemon_settings *s, uid_t *ret, size_t *ret_count,
                           struct err *err)
{
    const struct strlist *names = s->control.operators;

    for (*ret_count = 0; *ret_count < names->count; (*ret_count)++) {
        const char *name = names->items[*ret_count];
        uint64_t number = 0;
        const struct passwd *user = getpwnam(name);

        if (*ret_count == API_OPERATORS_MAX)
            return err_set(err, ERR_CONFIG, "settings.operators",
                           "more than %d operators", API_OPERATORS_MAX);
        if (user == NULL && !str_u64(str_of(name), &number))
            return err_set(err, ERR_CONFIG, "settings.operators",
                           "control.operators: there is no user %s", name);
        ret[*ret_count] = user != NULL ? user->pw_uid : (uid_t)number;
    }
    return true;
}

static bool make_folders(const struct daemon_settings *s, struct err *err)
{
    AUTO(mem_free) char *copy = mem_strdup(s->control.socket);

    return dir_make(s->http.spool, 0700, err) && dir_make(dirname(copy), 0755, err);
}

static bool wire_up(struct daemon *d, struct err *err)
{
    const struct daemon_settings *s = &d->first;
    struct snapshot *first = build_snapshot(d, s, d->signer, err);
    uid_t operators[API_OPERATORS_MAX];
    size_t operator_count;

    if (first == NULL)
        return false;
    d->box = snapshot_box_new(first);
    d->x.store = d->store;
    d->x.box = d->box;
    d->x.give_up_ms = s->dispatch_texts.give_up_ms;
    d->x.wake_partner = wake_partner;
    d->x.wake_office = wake_office;
    d->x.wake_ctx = d;
    d->wire = wire_new(&d->x);
    const struct ops_env env = { .x = &d->x,
                                 .wire = &d->wire->counters,
                                 .again_ms = s->folder.again_ms,
                                 .version = TRM_VERSION,
                                 .refresh = refresh,
                                 .reload = reload,
                                 .figures = figures,
                                 .draining = draining,
                                 .ctx = d };
    d->ops = ops_new(&env);
    if (!set_clients(d->ops, s, err) ||
        !read_operators(s, operators, &operator_count, err))
        return false;
    d->api = api_new(d->ops, operators, operator_count);
    return true;
}

static bool serve(struct daemon *d, struct err *err)
{
    const struct daemon_settings *s = &d->first;
    struct http_listener listeners[3];
    size_t count = 0;
    AUTO(tls_ctx_free) SSL_CTX *partners = NULL;
    AUTO(tls_ctx_free) SSL_CTX *office = NULL;
    const struct http_limits limits = daemon_http_limits(s);

    if ((s->partners.port >= 0 &&
         !listener_tls("partners", &s->partners, true, &partners, err)) ||
        (s->office.port >= 0 && !listener_tls("office", &s->office, false, &office, err)))
        return false;
    d->services[0] = wire_service(d->wire, (unsigned)s->partners.workers);
    d->services[0].queue_max = (unsigned)s->partners.queue;
    d->services[1] = api_office_service(d->api, (unsigned)s->office.workers,
                                        (unsigned)s->office.queue);
    d->services[2] = api_control_service(d->api);
    if (s->partners.port >= 0)
        listeners[count++] = (struct http_listener){ .name = "partners",
                                                     .address = s->partners.address,
                                                     .port = (uint16_t)s->partners.port,
                                                     .tls = partners,
                                                     .service = &d->services[0] };
    if (s->office.port >= 0)
        listeners[count++] = (struct http_listener){ .name = "office",
                                                     .address = s->office.address,
                                                     .port = (uint16_t)s->office.port,
                                                     .tls = office,
                                                     .service = &d->services[1] };
    listeners[count++] = (struct http_listener){ .name = "control",
                                                 .unix_path = s->control.socket,
                                                 .unix_mode = 0666,
                                                 .service = &d->services[2] };
    d->server = http_server_start(listeners, count, &limits, err);
    return d->server != NULL;
}

/* Where the chosen ports are found by whoever set them to 0. */
static bool write_ports(const struct daemon *d, struct err *err)
{
    AUTO(mem_free) char *copy = mem_strdup(d->first.control.socket);
    AUTO(mem_free) char *path = path_join(dirname(copy), "ports.json");
    AUTO(mem_free)
    char *text =
        mem_printf("{\"gateway\":\"%s\",\"office\":%u,\"partners\":%u,\"pid\":%d}\n",
                   d->first.own.id, (unsigned)http_server_port(d->server, "office"),
                   (unsigned)http_server_port(d->server, "partners"), (int)getpid());

    return file_write(path, text, strlen(text), 0644, err);
}

static bool start_folder(struct daemon *d, struct err *err)
{
    const struct folder_face_settings settings = { .poll_ms = d->first.folder.poll_ms,
                                                   .again_ms = d->first.folder.again_ms };

    d->folder = folder_start(d->ops, &settings, err);
    return d->folder != NULL;
}

static bool start_notices(struct daemon *d, struct err *err)
{
    const struct notice_section *n = &d->first.notice;
    const struct notice_settings settings = { .smtp = n->smtp,
                                              .from = n->from,
                                              .user = n->smtp_user,
                                              .password_file = n->smtp_password,
                                              .ca_file = n->ca,
                                              .again_ms = n->again_ms };

    d->notice = notice_start(&d->x, &settings, err);
    return d->notice != NULL;
}

static bool start(struct daemon *d, struct err *err)
{
    d->signer = open_keys(&d->first, err);
    if (d->signer == NULL)
        return false;
    d->kek_of_hashes = oldest_kek(&d->first);
    if (!make_folders(&d->first, err) || !open_store(d, err) || !wire_up(d, err))
        return false;
    d->dispatch = dispatch_start(&d->x, &d->first.dispatch, err);
    if (d->dispatch == NULL || !start_folder(d, err) || !start_notices(d, err) ||
        !serve(d, err) || !write_ports(d, err))
        return false;
    house_start(d);
    return true;
}

static void stop(struct daemon *d)
{
    atomic_store(&d->draining, true);
    notify("STOPPING=1");
    house_stop(d);
    http_server_stop(&d->server, DRAIN_MS);
    struct folder_face *folder = d->folder;
    folder_stop(&folder);
    struct notice_face *notice = d->notice;
    notice_stop(&notice);
    dispatch_stop(&d->dispatch, DRAIN_MS);
    api_free(&d->api);
    ops_free(&d->ops);
    wire_free(&d->wire);
    snapshot_box_free(&d->box);
    store_close(&d->store);
    for (size_t i = 0; i < d->retired_count; i++)
        signer_free(&d->retired[i].signer);
    struct signer *signer = d->signer;
    signer_free(&signer);
    if (d->current != &d->first && d->current != NULL) {
        daemon_settings_free(d->current);
        mem_free(&d->current);
    }
}

/* --- running ------------------------------------------------------------------------------ */

/* Half of what the service manager allows between two signs of life; 0: it wants none. */
static int64_t watchdog_ms(void)
{
    uint64_t usec = 0;
    const char *text = getenv("WATCHDOG_USEC");

    return text != NULL && str_u64(str_of(text), &usec) ? (int64_t)(usec / 2000) : 0;
}

static int next_signal(const sigset_t *set, int64_t wait_ms)
{
    const struct timespec wait = { .tv_sec = wait_ms / 1000,
                                   .tv_nsec = wait_ms % 1000 * 1000000 };

    return wait_ms > 0 ? sigtimedwait(set, NULL, &wait) : sigwaitinfo(set, NULL);
}

static void run(struct daemon *d, const sigset_t *set)
{
    int64_t wait_ms = watchdog_ms();

    for (;;) {
        AUTO(strlist_free) struct strlist changes = { 0 };
        struct err err = { 0 };
        int sig = next_signal(set, wait_ms);

        if (sig == SIGTERM || sig == SIGINT) {
            log_notice("gateway.stopping", log_i("signal", sig));
            return;
        }
        if (sig == SIGHUP && reload(d, &changes, &err))
            for (size_t i = 0; i < changes.count; i++)
                log_notice("gateway.change", log_s("what", changes.items[i]));
        if (sig < 0 && errno == EAGAIN)
            notify("WATCHDOG=1");
    }
}

static int exit_of(const struct err *err)
{
    return err->kind == ERR_CONFIG ? EX_CONFIG : EXIT_FAILURE;
}

static int run_daemon(struct daemon *d)
{
    sigset_t set;
    struct err err = { 0 };

    (void)signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread: all inherit it */
    pthread_mutex_init(&d->reloading, NULL);
    if (!start(d, &err)) {
        log_error("gateway.not-started", log_fault(&err));
        stop(d);
        return exit_of(&err);
    }
    log_notice("ready", log_s("gateway", d->first.own.id), log_s("version", TRM_VERSION),
               log_u("partners-port", http_server_port(d->server, "partners")),
               log_u("office-port", http_server_port(d->server, "office")),
               log_s("control", d->first.control.socket));
    notify("READY=1");
    run(d, &set);
    /* A second signal ends the process at once. */
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    stop(d);
    log_notice("gateway.stopped", log_s("gateway", d->first.own.id));
    return EXIT_SUCCESS;
}

/* --- checking ----------------------------------------------------------------------------- */

static unsigned problem(const struct err *err)
{
    printf("problem: %s [%s]\n", err->text, err->code);
    return 1;
}

/* Each key by itself, so that one that is wrong does not hide the next. */
static unsigned check_keys(const struct daemon_settings *s)
{
    unsigned problems = 0;

    for (size_t i = 0; i < s->key_count + s->kek_count; i++) {
        const struct signer_files one = {
            .keys = &s->keys[i],
            .key_count = i < s->key_count ? 1 : 0,
            .keks = &s->keks[i < s->key_count ? 0 : i - s->key_count],
            .kek_count = i < s->key_count ? 0 : 1,
        };
        struct err err = { 0 };
        AUTO(signer_free) struct signer *signer = signer_open_files(&one, &err);

        if (signer == NULL)
            problems += problem(&err);
    }
    return problems;
}

static int is_json(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && text_ends(entry->d_name, ".json");
}

static unsigned check_partner(const struct daemon_settings *s, const char *name)
{
    AUTO(mem_free) char *path = path_join(s->source.partners_dir, name);
    struct err err = { 0 };
    AUTO(partner_free)
    struct partner *p = partner_load(path, &s->own, s->source.tls_cert, s->source.tls_key,
                                     &clock_real, &err);

    return p == NULL ? problem(&err) : 0;
}

static unsigned check_partners(const struct daemon_settings *s)
{
    struct dirent **names = NULL;
    int count = scandir(s->source.partners_dir, &names, is_json, alphasort);
    unsigned problems = 0;
    struct err err = { 0 };

    if (count < 0) {
        err_set(&err, ERR_CONFIG, "snapshot.partners",
                "folder %s of partner files cannot be read", s->source.partners_dir);
        return problem(&err);
    }
    for (int i = 0; i < count; i++) {
        problems += check_partner(s, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return problems;
}

static unsigned check_listeners(const struct daemon_settings *s)
{
    unsigned problems = 0;
    struct err err = { 0 };

    for (int partners = 1; partners >= 0; partners--) {
        const struct listen_settings *l = partners ? &s->partners : &s->office;
        AUTO(tls_ctx_free) SSL_CTX *tls = NULL;

        if (l->port >= 0 &&
            !listener_tls(partners ? "partners" : "office", l, partners != 0, &tls, &err))
            problems += problem(&err);
    }
    return problems;
}

static unsigned check_callers(const struct daemon_settings *s)
{
    const struct exchange x = { .clock = &clock_real };
    const struct ops_env env = { .x = &x };
    AUTO(ops_free) struct ops *ops = ops_new(&env);
    uid_t operators[API_OPERATORS_MAX];
    size_t count;
    unsigned problems = 0;
    struct err err = { 0 };

    /* Each by itself, then what only shows among them. */
    for (size_t i = 0; i < s->client_count; i++)
        if (!set_some(ops, s, i, 1, &err))
            problems += problem(&err);
    if (problems == 0 && !set_clients(ops, s, &err))
        problems += problem(&err);
    return problems + (read_operators(s, operators, &count, &err) ? 0 : problem(&err));
}

/* The whole, with the bundles of the store. A running daemon has the store: then the parts
 * above are what can be seen from here. */
static unsigned check_whole(struct daemon *d)
{
    struct err err = { 0 };
    unsigned problems = 0;

    if (!file_exists(d->first.store.folder)) {
        printf("note: there is no store yet; it is made at the first start\n");
        return 0;
    }
    /* Opening it makes files: those of another user would keep the daemon out of its store. */
    struct stat st;
    if (stat(d->first.store.folder, &st) == 0 && st.st_uid != geteuid()) {
        printf("note: the store belongs to user %u and was not opened: run --check as "
               "that user\n",
               (unsigned)st.st_uid);
        return 0;
    }
    d->signer = open_keys(&d->first, &err);
    if (d->signer == NULL)
        return problem(&err);
    d->kek_of_hashes = oldest_kek(&d->first);
    if (!open_store(d, &err)) {
        if (!text_eq(err.code, "store.locked"))
            return problem(&err);
        printf("note: the daemon runs; its bundles are not looked at: `trmctl agreement "
               "list` shows them\n");
        return 0;
    }
    struct snapshot *snapshot = build_snapshot(d, &d->first, d->signer, &err);
    if (snapshot == NULL) {
        problems = problem(&err);
    } else {
        d->box = snapshot_box_new(snapshot);
        printf("%zu partners, %zu bundles\n", snapshot->partner_count,
               bundles_count(snapshot->bundles));
    }
    return problems;
}

static int check(struct daemon *d)
{
    const struct daemon_settings *s = &d->first;
    unsigned problems =
        check_keys(s) + check_listeners(s) + check_partners(s) + check_callers(s);

    if (problems == 0)
        problems += check_whole(d);
    stop(d);
    if (problems == 0)
        printf("%s: good\n", d->config);
    else
        printf("%u problem%s\n", problems, problems == 1 ? "" : "s");
    return problems == 0 ? EXIT_SUCCESS : EX_CONFIG;
}

/* --- arguments ---------------------------------------------------------------------------- */

static const char usage[] =
    "usage: trmd [--config FILE] [--check | --print | --defaults | --version | --help]\n"
    "\n"
    "The gateway daemon. It stays in the foreground and logs to standard error.\n"
    "\n"
    "  --config FILE  settings (" CONFIG_DEFAULT ")\n"
    "  --check        open keys, partners and bundles; list every problem, then exit\n"
    "  --print        settings in force and where each comes from\n"
    "  --defaults     every setting there is, its default and its meaning\n"
    "\n"
    "signals: HUP reads all files anew, TERM and INT stop in order\n"
    "exit: 0 good, 1 failure, 64 usage, 78 configuration\n"
    "\n"
    "examples:\n"
    "  trmd --config gateway.json --check\n"
    "  trmd --config gateway.json\n";

enum mode {
    MODE_RUN,
    MODE_CHECK,
    MODE_PRINT,
    MODE_DEFAULTS,
    MODE_VERSION,
    MODE_HELP,
    MODE_USAGE,
};

static enum mode parse(int argc, char **argv, const char **config)
{
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, MODE_CHECK },
        { "print", no_argument, NULL, MODE_PRINT },
        { "defaults", no_argument, NULL, MODE_DEFAULTS },
        { "version", no_argument, NULL, MODE_VERSION },
        { "help", no_argument, NULL, MODE_HELP },
        { NULL, 0, NULL, 0 }
    };
    enum mode mode = MODE_RUN;
    int got;

    while ((got = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (got == 'c')
            *config = optarg;
        else if (got == '?' || mode != MODE_RUN)
            return MODE_USAGE;
        else
            mode = (enum mode)got;
    }
    return optind < argc ? MODE_USAGE : mode;
}

static void print_buf(void (*fill)(struct buf *out))
{
    AUTO(buf_free) struct buf text = BUF_INIT(4 << 20);

    fill(&text);
    fputs(buf_str(&text), stdout);
}

static int with_settings(struct daemon *d, enum mode mode)
{
    AUTO(buf_free) struct buf text = BUF_INIT(4 << 20);
    struct err err = { 0 };
    int rc;

    if (!daemon_settings_load(d->config, &d->first, &err)) {
        fprintf(stderr, "trmd: %s [%s]\n", err.text, err.code);
        return EX_CONFIG;
    }
    d->current = &d->first;
    log_set_level((enum log_level)d->first.log.level);
    if (mode == MODE_PRINT) {
        daemon_settings_print(&d->first, &text);
        fputs(buf_str(&text), stdout);
        rc = EXIT_SUCCESS;
    } else {
        rc = mode == MODE_CHECK ? check(d) : run_daemon(d);
    }
    daemon_settings_free(&d->first);
    return rc;
}

int main(int argc, char **argv)
{
    static struct daemon d; /* threads of a failed start may still look at it */
    struct err err = { 0 };
    enum mode mode;

    d.config = CONFIG_DEFAULT;
    d.x.clock = &clock_real;
    mode = parse(argc, argv, &d.config);
    switch (mode) {
    case MODE_HELP:
        fputs(usage, stdout);
        return EXIT_SUCCESS;
    case MODE_USAGE:
        fputs(usage, stderr);
        return EX_USAGE;
    case MODE_VERSION:
        printf("trmd %s\n", TRM_VERSION);
        return EXIT_SUCCESS;
    case MODE_DEFAULTS:
        print_buf(daemon_settings_defaults);
        return EXIT_SUCCESS;
    case MODE_RUN:
    case MODE_CHECK:
    case MODE_PRINT:
        break;
    }
    close_doors();
    tune();
    json_init();
    xml_init();
    if (!xmlsig_init(&err)) {
        fprintf(stderr, "trmd: %s [%s]\n", err.text, err.code);
        return EXIT_FAILURE;
    }
    return with_settings(&d, mode);
}
