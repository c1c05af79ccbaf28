/*
 * settings.h - gateway.json and its drop-in folder, as one struct: what main wires together.
 *
 * Every default, bound and meaning stands in the tables of settings.c; `trmd --defaults` prints
 * them, `trmd --print` what is in force and where it comes from. Paths are relative to the file
 * that says them. Unknown keys are errors with file and line.
 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "dispatch/dispatch.h"
#include "exchange/snapshot.h"
#include "http/server.h"
#include "pki/signer.h"

struct buf;
struct err;
struct settings;

#define CLIENTS_MAX 256

/* A caller of the office listener: an API key or a client certificate, bound to an office. */
struct client {
    const char *name;
    const char *office;
    const char *role;       /* officer, consul, team, auditor, operator */
    const char *person;     /* user id for the audit; NULL: the name */
    const char *key_sha256; /* of the API key, hexadecimal; NULL: none */
    const char
        *certificate; /* SHA-256 fingerprint of its client certificate; NULL: none */
};

struct listen_settings {
    const char *address;
    int64_t port; /* -1: not opened; 0: the kernel chooses */
    const char *cert, *key, *ca;
    bool tls12;
    bool client_certificate; /* required */
    int64_t workers;
    int64_t queue;
};

struct store_section {
    const char *folder;
    int64_t readers;
    int64_t gather_ms;
    uint64_t octets_max;
};

struct http_section {
    int64_t connections, per_address;
    int64_t head_ms, body_ms, write_ms, idle_ms;
    uint64_t spool_max;
    const char *spool;
};

struct dispatch_section {
    const struct strlist *spacing;
    int64_t jitter, lease_ms, poll_ms, connect_ms, total_ms, give_up_ms;
};

struct notice_section {
    const char *smtp, *from, *smtp_user, *smtp_password, *ca;
    int64_t again_ms;
};

struct log_section {
    int level;
};

struct folder_section {
    int64_t poll_ms;  /* how often incoming/ is looked at */
    int64_t again_ms; /* a document not acknowledged is shown again after */
};

struct control_section {
    const char *socket;
    const struct strlist *operators; /* uids or names besides root and our own */
};

struct daemon_settings {
    struct settings *all; /* owns every text below */
    struct snapshot_source source;
    struct own own;
    struct store_section store;
    struct listen_settings partners, office;
    struct control_section control;
    struct http_section http;
    struct dispatch_section dispatch_texts;
    struct dispatch_settings dispatch;
    struct notice_section notice;
    struct folder_section folder;
    struct log_section log;
    struct signer_key_file keys[SIGNER_KEYS_MAX];
    size_t key_count;
    struct signer_kek_file keks[SIGNER_KEKS_MAX];
    size_t kek_count;
    struct office *offices;
    size_t office_count;
    struct client *clients;
    size_t client_count;
};

/* ERR_CONFIG, naming file and line. */
bool daemon_settings_load(const char *path, struct daemon_settings *ret,
                          struct err *err) NODISCARD;
void daemon_settings_free(struct daemon_settings *settings); /* for AUTO */

void daemon_settings_print(const struct daemon_settings *settings, struct buf *out);
void daemon_settings_defaults(struct buf *out);

struct http_limits daemon_http_limits(const struct daemon_settings *settings);

#endif
