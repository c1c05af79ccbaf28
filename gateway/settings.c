/*
 * settings.c - the tables of gateway.json, section by section.
 *
 * A table row is name, type, default, bounds and one sentence of meaning; nothing else in the
 * program knows a default. Beside gateway.json a folder gateway.d/ may hold further *.json
 * files; a later one wins. Whatever no table asks for is an unknown key.
 */
#include "settings.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/settings.h"

static const char *const environments[] = { "live", "training", "demo", NULL };
static const char *const levels[] = { "debug", "info", "notice", "warn", "error", NULL };

struct gateway_section {
    const char *id, *country, *party_type, *host, *zone, *node, *partners;
    const char *sign, *seal;
    const struct strlist *decrypt;
    int environment;
};

/* clang-format off */
#define AT(type, member) offsetof(struct type, member)

static const struct setting gateway_table[] = {
    { "id", SETTING_STRING, AT(gateway_section, id), .required = true,
      .meaning = "id of this gateway, also its eb:PartyId: MD-GW1" },
    { "country", SETTING_STRING, AT(gateway_section, country), .standard = "",
      .meaning = "ISO 3166-1 alpha-2; empty for an organisation's gateway" },
    { "partyType", SETTING_STRING, AT(gateway_section, party_type),
      .standard = "urn:oasis:names:tc:ebcore:partyid-type:unregistered",
      .meaning = "type of eb:PartyId" },
    { "host", SETTING_STRING, AT(gateway_section, host), .standard = "gateway.invalid",
      .meaning = "right of @ in the ids we give on the wire" },
    { "environment", SETTING_WORD, AT(gateway_section, environment), .standard = "live",
      .words = environments, .meaning = "documents of another environment are refused" },
    { "zone", SETTING_STRING, AT(gateway_section, zone), .standard = "UTC",
      .meaning = "time zone of the offices: Europe/Chisinau" },
    { "node", SETTING_STRING, AT(gateway_section, node), .standard = "node1",
      .meaning = "name of this node in leases and audit" },
    { "partners", SETTING_PATH, AT(gateway_section, partners), .standard = "partners",
      .meaning = "folder with one JSON file per partner gateway" },
    { "signKey", SETTING_STRING, AT(gateway_section, sign), .standard = "sign",
      .meaning = "key (of section keys) that signs messages and receipts" },
    { "sealKey", SETTING_STRING, AT(gateway_section, seal), .standard = "seal",
      .meaning = "key that seals canonical documents" },
    { "decryptKeys", SETTING_LIST, AT(gateway_section, decrypt), .standard = "encrypt",
      .meaning = "keys that open messages to us: the current one first, then replaced ones" },
};

static const struct setting store_table[] = {
    { "folder", SETTING_PATH, AT(store_section, folder), .standard = "store",
      .meaning = "where the store stands; one process at a time" },
    { "readers", SETTING_INT, AT(store_section, readers), .standard = "4", .min = 1, .max = 32,
      .meaning = "connections for reading" },
    { "gatherTime", SETTING_DURATION, AT(store_section, gather_ms), .standard = "1 ms",
      .min = 0, .max = 100, .meaning = "how long a commit waits for company, when others wait" },
    { "sizeMax", SETTING_SIZE, AT(store_section, octets_max), .standard = "0",
      .meaning = "ceiling of the database file; 0: the disk's" },
};

static const struct setting listen_table[] = {
    { "address", SETTING_STRING, AT(listen_settings, address), .standard = "127.0.0.1",
      .meaning = "numeric address to listen on" },
    { "port", SETTING_INT, AT(listen_settings, port), .standard = "-1", .min = -1, .max = 65535,
      .meaning = "port; 0: any free one, -1: not opened" },
    { "certificate", SETTING_PATH, AT(listen_settings, cert),
      .meaning = "TLS certificate with its chain, PEM" },
    { "key", SETTING_PATH, AT(listen_settings, key), .meaning = "its private key, mode 0600" },
    { "clientCa", SETTING_PATH, AT(listen_settings, ca),
      .meaning = "CAs of the certificates clients show" },
    { "clientCertificate", SETTING_BOOL, AT(listen_settings, client_certificate),
      .standard = "true", .meaning = "clients must show a certificate" },
    { "tls12", SETTING_BOOL, AT(listen_settings, tls12), .standard = "false",
      .meaning = "TLS 1.2 is allowed beside 1.3" },
    { "workers", SETTING_INT, AT(listen_settings, workers), .standard = "4", .min = 1,
      .max = 64, .meaning = "requests worked on at a time" },
    { "queue", SETTING_INT, AT(listen_settings, queue), .standard = "64", .min = 1,
      .max = 10000, .meaning = "requests that may wait; more are answered 503" },
};

static const struct setting control_table[] = {
    { "socket", SETTING_PATH, AT(control_section, socket), .standard = "control.sock",
      .meaning = "unix socket for trmctl" },
    { "operators", SETTING_LIST, AT(control_section, operators), .standard = "",
      .meaning = "user names that are operators, besides root and the daemon's own user" },
};

static const struct setting http_table[] = {
    { "connectionsMax", SETTING_INT, AT(http_section, connections), .standard = "2048",
      .min = 16, .max = 65536, .meaning = "connections over all listeners" },
    { "perAddressMax", SETTING_INT, AT(http_section, per_address), .standard = "1024",
      .min = 4, .max = 65536, .meaning = "connections of one address" },
    { "headTime", SETTING_DURATION, AT(http_section, head_ms), .standard = "10 s",
      .min = 100, .max = 600000, .meaning = "for a whole request head, TLS handshake included" },
    { "bodyTime", SETTING_DURATION, AT(http_section, body_ms), .standard = "30 s",
      .min = 100, .max = 3600000, .meaning = "for a whole body, plus a second per 64 KiB" },
    { "writeTime", SETTING_DURATION, AT(http_section, write_ms), .standard = "30 s",
      .min = 100, .max = 3600000, .meaning = "for a whole answer, plus a second per 64 KiB" },
    { "idleTime", SETTING_DURATION, AT(http_section, idle_ms), .standard = "75 s",
      .min = 100, .max = 3600000, .meaning = "a kept connection without a request" },
    { "spoolMax", SETTING_SIZE, AT(http_section, spool_max), .standard = "2 G",
      .meaning = "bodies on disk at a time; beyond it 503" },
    { "spool", SETTING_PATH, AT(http_section, spool), .standard = "spool",
      .meaning = "folder for unlinked files of large bodies" },
};

static const struct setting dispatch_table[] = {
    { "retrySpacing", SETTING_LIST, AT(dispatch_section, spacing),
      .standard = "10s 1m 5m 15m 1h",
      .meaning = "waits between attempts, at most eight; the last one repeats" },
    { "jitter", SETTING_INT, AT(dispatch_section, jitter), .standard = "10", .min = 0,
      .max = 50, .meaning = "per cent by which a wait varies, either way" },
    { "lease", SETTING_DURATION, AT(dispatch_section, lease_ms), .standard = "10 m",
      .min = 1000, .max = 86400000, .meaning = "how long a claimed message is ours" },
    { "poll", SETTING_DURATION, AT(dispatch_section, poll_ms), .standard = "5 s", .min = 10,
      .max = 600000, .meaning = "how often work of other nodes is looked for" },
    { "connectTime", SETTING_DURATION, AT(dispatch_section, connect_ms), .standard = "10 s",
      .min = 100, .max = 600000, .meaning = "for name, TCP and TLS towards a partner" },
    { "answerTime", SETTING_DURATION, AT(dispatch_section, total_ms), .standard = "60 s",
      .min = 100, .max = 3600000, .meaning = "for a whole exchange, plus two seconds per MiB" },
    { "giveUp", SETTING_DURATION, AT(dispatch_section, give_up_ms), .standard = "45 d",
      .min = 1000, .max = 365 * DAY_MS, .meaning = "how long a message waits for its partner" },
};

static const struct setting notice_table[] = {
    { "smtp", SETTING_STRING, AT(notice_section, smtp),
      .meaning = "smtps://host or smtp://host for notices without content; none: no mail" },
    { "from", SETTING_STRING, AT(notice_section, from), .standard = "trmd@localhost",
      .meaning = "sender of notices" },
    { "smtpUser", SETTING_STRING, AT(notice_section, smtp_user), .meaning = "user, if asked for" },
    { "smtpPassword", SETTING_PATH, AT(notice_section, smtp_password),
      .meaning = "file with the password, mode 0600" },
    { "ca", SETTING_PATH, AT(notice_section, ca),
      .meaning = "CAs of the mail server and of webhooks over https; none: this machine only" },
    { "again", SETTING_DURATION, AT(notice_section, again_ms), .standard = "1 d",
      .min = 60000, .max = 365 * DAY_MS, .meaning = "a case that still waits is announced again after" },
};

static const struct setting folder_table[] = {
    { "poll", SETTING_DURATION, AT(folder_section, poll_ms), .standard = "1 s", .min = 20,
      .max = 600000, .meaning = "how often incoming folders are looked at" },
    { "again", SETTING_DURATION, AT(folder_section, again_ms), .standard = "1 d",
      .min = 1000, .max = 365 * DAY_MS, .meaning = "a document nobody acknowledged is written again after" },
};

static const struct setting log_table[] = {
    { "level", SETTING_WORD, AT(log_section, level), .standard = "info", .words = levels,
      .meaning = "least severity that is written" },
};

struct key_section {
    const char *key, *cert;
};
static const struct setting key_table[] = {
    { "key", SETTING_PATH, AT(key_section, key), .required = true,
      .meaning = "private key, PEM, mode 0600" },
    { "certificate", SETTING_PATH, AT(key_section, cert), .required = true,
      .meaning = "its certificate, PEM" },
};

struct kek_section {
    const char *path;
};
static const struct setting kek_table[] = {
    { "file", SETTING_PATH, AT(kek_section, path), .required = true,
      .meaning = "32 random octets that wrap the keys of cases, mode 0600" },
};

static const struct setting office_table[] = {
    { "name", SETTING_STRING, AT(office, name), .meaning = "in its own language" },
    { "role", SETTING_STRING, AT(office, role), .standard = "coordinator",
      .meaning = "coordinator, consulate, team, ngo ..." },
    { "form", SETTING_STRING, AT(office, form), .required = true,
      .meaning = "form it reads and writes: MD-referral/1.2" },
    { "language", SETTING_STRING, AT(office, language), .standard = "en",
      .meaning = "language of texts to its people" },
    { "folder", SETTING_PATH, AT(office, folder),
      .meaning = "its exchange folder; none: REST and trmctl only" },
    { "noticeMail", SETTING_STRING, AT(office, notice_mail),
      .meaning = "who is told that a case waits, without content" },
    { "noticeWebhook", SETTING_STRING, AT(office, notice_webhook),
      .meaning = "URL that is told so" },
    { "noticeSecret", SETTING_PATH, AT(office, notice_secret),
      .meaning = "file with the key that signs the webhook, mode 0600" },
};

static const struct setting client_table[] = {
    { "office", SETTING_STRING, AT(client, office), .standard = "",
      .meaning = "the office it acts for; empty for operators and auditors" },
    { "role", SETTING_STRING, AT(client, role), .standard = "officer",
      .meaning = "officer, consul, team, auditor, operator" },
    { "person", SETTING_STRING, AT(client, person), .meaning = "user id for the audit" },
    { "keySha256", SETTING_STRING, AT(client, key_sha256),
      .meaning = "SHA-256 of its API key, hexadecimal" },
    { "certificate", SETTING_STRING, AT(client, certificate),
      .meaning = "SHA-256 fingerprint of its client certificate, hexadecimal" },
};
/* clang-format on */

#define TABLE(t) t, COUNT_OF(t)

static const struct {
    const char *section;
    const struct setting *table;
    size_t count;
} tables[] = {
    { "gateway", TABLE(gateway_table) },     { "keys/NAME", TABLE(key_table) },
    { "keks/VERSION", TABLE(kek_table) },    { "store", TABLE(store_table) },
    { "partners", TABLE(listen_table) },     { "office", TABLE(listen_table) },
    { "control", TABLE(control_table) },     { "offices/ID", TABLE(office_table) },
    { "clients/NAME", TABLE(client_table) }, { "http", TABLE(http_table) },
    { "dispatch", TABLE(dispatch_table) },   { "folder", TABLE(folder_table) },
    { "notice", TABLE(notice_table) },       { "log", TABLE(log_table) },
};

/* --- sections with many members ----------------------------------------------------------- */

static char *section_of(const char *group, const char *name)
{
    return mem_printf("%s/%s", group, name);
}

static bool take_keys(struct daemon_settings *s, struct err *err)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    if (!settings_names(s->all, "keys", &names, err))
        return false;
    if (names.count > SIGNER_KEYS_MAX)
        return err_set(err, ERR_CONFIG, "settings.keys", "more than %d keys",
                       SIGNER_KEYS_MAX);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(mem_free) char *section = section_of("keys", names.items[i]);
        struct key_section key = { 0 };

        if (!settings_take(s->all, section, TABLE(key_table), &key, err))
            return false;
        s->keys[s->key_count++] =
            (struct signer_key_file){ mem_strdup(names.items[i]), key.key, key.cert };
    }
    return true;
}

static bool take_keks(struct daemon_settings *s, struct err *err)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    if (!settings_names(s->all, "keks", &names, err))
        return false;
    for (size_t i = 0; i < names.count && i < SIGNER_KEKS_MAX; i++) {
        AUTO(mem_free) char *section = section_of("keks", names.items[i]);
        struct kek_section kek = { 0 };
        uint64_t version = 0;

        if (!str_u64(str_of(names.items[i]), &version) || version == 0 ||
            version > UINT32_MAX)
            return err_set(err, ERR_CONFIG, "settings.kek",
                           "keks: \"%s\" is no version number from 1", names.items[i]);
        if (!settings_take(s->all, section, TABLE(kek_table), &kek, err))
            return false;
        s->keks[s->kek_count++] = (struct signer_kek_file){ (uint32_t)version, kek.path };
    }
    return s->kek_count > 0 ||
           err_set(err, ERR_CONFIG, "settings.kek",
                   "keks: no key file that wraps the keys of cases, say "
                   "\"keks\": { \"1\": { \"file\": \"kek-1\" } }");
}

static bool lies_in(const char *path, const char *folder)
{
    size_t len = strlen(folder);

    return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* What stands in an office's folder is that office's word, and what we lay there its alone. */
static bool folders_apart(const struct daemon_settings *s, struct err *err)
{
    char *real[OFFICES_MAX];
    const struct office *a = NULL, *b = NULL;

    for (size_t i = 0; i < s->office_count; i++) {
        const char *folder = s->offices[i].folder;

        real[i] = folder == NULL ? NULL : realpath(folder, NULL);
        if (real[i] == NULL && folder != NULL)
            real[i] = mem_strdup(folder); /* it is made at the start */
        for (size_t k = 0; k < i && real[i] != NULL; k++)
            if (real[k] != NULL &&
                (lies_in(real[i], real[k]) || lies_in(real[k], real[i])))
                a = &s->offices[k], b = &s->offices[i];
    }
    for (size_t i = 0; i < s->office_count; i++)
        free(real[i]);
    return a == NULL ||
           err_set(err, ERR_CONFIG, "settings.offices",
                   "offices %s and %s: one's folder is the other's or lies in "
                   "it; each needs its own",
                   a->id, b->id);
}

static bool take_offices(struct daemon_settings *s, struct err *err)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    if (!settings_names(s->all, "offices", &names, err))
        return false;
    if (names.count > OFFICES_MAX)
        return err_set(err, ERR_CONFIG, "settings.offices", "more than %d offices",
                       OFFICES_MAX);
    s->offices = mem_array(names.count + 1, sizeof *s->offices);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(mem_free) char *section = section_of("offices", names.items[i]);
        struct office *o = &s->offices[s->office_count++];

        o->id = mem_strdup(names.items[i]);
        if (!settings_take(s->all, section, TABLE(office_table), o, err))
            return false;
        if (o->name == NULL)
            o->name = o->id;
    }
    return folders_apart(s, err);
}

static bool take_clients(struct daemon_settings *s, struct err *err)
{
    AUTO(strlist_free) struct strlist names = { 0 };

    if (!settings_names(s->all, "clients", &names, err))
        return false;
    if (names.count > CLIENTS_MAX)
        return err_set(err, ERR_CONFIG, "settings.clients", "more than %d clients",
                       CLIENTS_MAX);
    s->clients = mem_array(names.count + 1, sizeof *s->clients);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(mem_free) char *section = section_of("clients", names.items[i]);
        struct client *c = &s->clients[s->client_count++];

        c->name = mem_strdup(names.items[i]);
        if (!settings_take(s->all, section, TABLE(client_table), c, err))
            return false;
        if (c->person == NULL)
            c->person = c->name;
    }
    return true;
}

/* --- what needs a second look ------------------------------------------------------------- */

/* "90s", "15m", "2h": the list form has no blank inside a value. */
static bool parse_wait(const char *text, int64_t *ret)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = { { "ms", 1 }, { "s", SECOND_MS }, { "m", MINUTE_MS }, { "h", HOUR_MS } };
    size_t digits = strspn(text, "0123456789");
    uint64_t n = 0;

    if (!str_u64((struct str){ text, digits }, &n) || n == 0 || n > 1000000)
        return false;
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (text_eq(text + digits, units[i].unit)) {
            *ret = (int64_t)n * units[i].ms;
            return true;
        }
    }
    return false;
}

static bool set_dispatch(struct daemon_settings *s, struct err *err)
{
    const struct dispatch_section *d = &s->dispatch_texts;

    dispatch_defaults(&s->dispatch);
    if (d->spacing->count == 0 || d->spacing->count > DISPATCH_STEPS)
        return err_set(err, ERR_CONFIG, "settings.spacing",
                       "dispatch/retrySpacing: one to %d waits", DISPATCH_STEPS);
    for (size_t i = 0; i < d->spacing->count; i++)
        if (!parse_wait(d->spacing->items[i], &s->dispatch.spacing_ms[i]))
            return err_set(
                err, ERR_CONFIG, "settings.spacing",
                "dispatch/retrySpacing: \"%s\" is not like 200ms, 10s, 5m or 1h",
                d->spacing->items[i]);
    s->dispatch.spacing_count = d->spacing->count;
    s->dispatch.jitter_percent = (unsigned)d->jitter;
    s->dispatch.lease_ms = d->lease_ms;
    s->dispatch.poll_ms = d->poll_ms;
    s->dispatch.connect_ms = d->connect_ms;
    s->dispatch.total_ms = d->total_ms;
    return true;
}

static void set_source(struct daemon_settings *s, const struct gateway_section *g)
{
    s->own = (struct own){ .id = g->id,
                           .party_type = g->party_type,
                           .country = g->country,
                           .host = g->host,
                           .environment = environments[g->environment],
                           .zone = g->zone,
                           .node = g->node };
    s->source = (struct snapshot_source){ .own = s->own,
                                          .offices = s->offices,
                                          .office_count = s->office_count,
                                          .partners_dir = g->partners,
                                          .sign_key = g->sign,
                                          .seal_key = g->seal,
                                          .decrypt_keys = g->decrypt,
                                          .tls_cert = s->partners.cert,
                                          .tls_key = s->partners.key };
}

static bool take_all(struct daemon_settings *s, struct err *err)
{
    struct gateway_section gateway = { 0 };

    if (!settings_take(s->all, "gateway", TABLE(gateway_table), &gateway, err) ||
        !settings_take(s->all, "store", TABLE(store_table), &s->store, err) ||
        !settings_take(s->all, "partners", TABLE(listen_table), &s->partners, err) ||
        !settings_take(s->all, "office", TABLE(listen_table), &s->office, err) ||
        !settings_take(s->all, "control", TABLE(control_table), &s->control, err) ||
        !settings_take(s->all, "http", TABLE(http_table), &s->http, err) ||
        !settings_take(s->all, "dispatch", TABLE(dispatch_table), &s->dispatch_texts,
                       err) ||
        !settings_take(s->all, "notice", TABLE(notice_table), &s->notice, err) ||
        !settings_take(s->all, "folder", TABLE(folder_table), &s->folder, err) ||
        !settings_take(s->all, "log", TABLE(log_table), &s->log, err))
        return false;
    if (!take_keys(s, err) || !take_keks(s, err) || !take_offices(s, err) ||
        !take_clients(s, err) || !settings_finish(s->all, err) || !set_dispatch(s, err))
        return false;
    set_source(s, &gateway);
    return true;
}

bool daemon_settings_load(const char *path, struct daemon_settings *ret, struct err *err)
{
    AUTO(mem_free) char *copy = mem_strdup(path);
    AUTO(mem_free) char *folder = path_join(dirname(copy), "gateway.d");
    struct daemon_settings s = { .all = settings_new() };

    if (settings_add_file(s.all, path, err) && settings_add_folder(s.all, folder, err) &&
        take_all(&s, err)) {
        *ret = s;
        return true;
    }
    daemon_settings_free(&s);
    return false;
}

void daemon_settings_free(struct daemon_settings *s)
{
    for (size_t i = 0; i < s->key_count; i++)
        mem_free(&s->keys[i].id);
    for (size_t i = 0; i < s->office_count; i++)
        mem_free(&s->offices[i].id);
    for (size_t i = 0; i < s->client_count; i++)
        mem_free(&s->clients[i].name);
    mem_free(&s->offices);
    mem_free(&s->clients);
    settings_free(&s->all);
}

void daemon_settings_print(const struct daemon_settings *s, struct buf *out)
{
    settings_print(s->all, out);
}

void daemon_settings_defaults(struct buf *out)
{
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        settings_defaults(tables[i].section, tables[i].table, tables[i].count, out);
}

struct http_limits daemon_http_limits(const struct daemon_settings *s)
{
    return (struct http_limits){ .connections_max = (unsigned)s->http.connections,
                                 .per_address_max = (unsigned)s->http.per_address,
                                 .head_ms = s->http.head_ms,
                                 .body_ms = s->http.body_ms,
                                 .write_ms = s->http.write_ms,
                                 .idle_ms = s->http.idle_ms,
                                 .spool_max = s->http.spool_max,
                                 .spool_dir = s->http.spool };
}
