/*
 * support_exchange.c - see support_exchange.h. The store's keys are wrapped by the real signer,
 * as main does it.
 */
#include "support_exchange.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agreement/bundle.h"
#include "as4/pmode.h"
#include "base/file.h"
#include "base/log.h"
#include "exchange/bundles.h"
#include "exchange/wire.h"
#include "format/xml.h"
#include "http/server.h"
#include "model/fileset.h"
#include "model/findings.h"
#include "pki/cert.h"
#include "pki/tls.h"
#include "pki/xmlsig.h"
#include "store/audit.h"
#include "store/bundles.h"
#include "store/seal.h"
#include "store/tasks.h"

char work_dir[64];
char keys_dir[80];

const struct desk_kind desk_md = { "MD-GW1",          "MD", "Europe/Chisinau", "MD-COORD",
                                   "MD-referral/1.2", "ro" };
const struct desk_kind desk_ua = {
    "UA-GW1", "UA", "Europe/Kyiv", "UA-COORD", "UA-napravlennia/2.0", "uk"
};

/* --- a folder and its keys ----------------------------------------------------------------- */

int keys_setup(void **state)
{
    char command[300];

    (void)state;
    snprintf(work_dir, sizeof work_dir, "/tmp/exchange-test-XXXXXX");
    if (mkdtemp(work_dir) == NULL)
        return -1;
    snprintf(keys_dir, sizeof keys_dir, "%s/keys", work_dir);
    snprintf(command, sizeof command,
             "certs/make-test-ca.sh --quiet --rsa2048 %s MD-GW1 UA-GW1 UA-NEXT",
             keys_dir);
    log_set_level(LOG_LEVEL_ERROR);
    xml_init();
    OK(xmlsig_init(&err));
    return system(command);
}

static void drop_packs(void);

int keys_teardown(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", work_dir);
    xmlsig_shutdown();
    drop_packs();
    return system(command);
}

void write_text(const char *path, const char *text)
{
    OK(file_write(path, text, strlen(text), 0600, &err));
}

struct buf tree_file(const char *path)
{
    struct buf all = BUF_INIT(8 * 1024 * 1024);

    OK(file_read(path, &all, &err));
    return all;
}

/* --- sealing as main does it --------------------------------------------------------------- */

static bool wrap(void *ctx, const void *aad, size_t aad_len,
                 const uint8_t key[SEAL_KEY_OCTETS], struct buf *out, struct err *err)
{
    unsigned char wrapped[WRAPPED_CASE_KEY_OCTETS];

    if (!signer_wrap_case_key(ctx, aad, aad_len, key, wrapped, err))
        return false;
    buf_add(out, wrapped, sizeof wrapped);
    return true;
}

static bool unwrap(void *ctx, const void *aad, size_t aad_len, const void *wrapped,
                   size_t len, uint8_t ret_key[SEAL_KEY_OCTETS], struct err *err)
{
    if (len != WRAPPED_CASE_KEY_OCTETS)
        return err_set(err, ERR_CONFIG, "test.unwrap", "a wrapped key of %zu octets",
                       len);
    return signer_unwrap_case_key(ctx, aad, aad_len, wrapped, ret_key, err);
}

static bool mac(void *ctx, const char *label, const void *data, size_t len,
                uint8_t ret[SEAL_MAC_OCTETS], struct err *err)
{
    return signer_mac(ctx, label, 0, data, len, ret, err);
}

/* --- a desk -------------------------------------------------------------------------------- */

static struct signer *open_signer(const char *gateway)
{
    static const char *const names[] = { "sign", "encrypt", "seal" };
    struct signer_key_file keys[3];
    char paths[7][160];
    struct signer *signer = NULL;

    for (size_t i = 0; i < 3; i++) {
        snprintf(paths[2 * i], sizeof paths[0], "%s/%s/%s.key", keys_dir, gateway,
                 names[i]);
        snprintf(paths[2 * i + 1], sizeof paths[0], "%s/%s/%s.pem", keys_dir, gateway,
                 names[i]);
        keys[i] = (struct signer_key_file){ names[i], paths[2 * i], paths[2 * i + 1] };
    }
    snprintf(paths[6], sizeof paths[6], "%s/%s/kek-1.bin", keys_dir, gateway);
    const struct signer_kek_file kek = { 1, paths[6] };
    const struct signer_files files = { keys, 3, &kek, 1 };

    OK((signer = signer_open_files(&files, &err)) != NULL);
    return signer;
}

static void open_store(struct desk *d)
{
    char folder[140];

    snprintf(folder, sizeof folder, "%s/store", d->folder);
    const struct store_settings settings = { .folder = folder,
                                             .node = "node1",
                                             .clock = &d->clock,
                                             .seal = { d->signer, wrap, unwrap, mac,
                                                       NULL } };
    OK((d->store = store_open(&settings, &err)) != NULL);
    d->x.store = d->store;
}

void desk_open(struct desk *d, const struct desk_kind *kind)
{
    static unsigned number;

    *d = (struct desk){ .kind = kind,
                        .environment = "demo",
                        .clock = { .fixed_ms = NOW } };
    snprintf(d->folder, sizeof d->folder, "%s/%s.%u", work_dir, kind->gateway, ++number);
    snprintf(d->partners, sizeof d->partners, "%s/partners", d->folder);
    OK(dir_make(d->partners, 0700, &err));
    snprintf(d->tls_cert, sizeof d->tls_cert, "%s/%s/tls.pem", keys_dir, kind->gateway);
    snprintf(d->tls_key, sizeof d->tls_key, "%s/%s/tls.key", keys_dir, kind->gateway);
    d->signer = open_signer(kind->gateway);
    open_store(d);
    d->offices[d->office_count++] = (struct office){ .id = kind->office,
                                                     .form = kind->form,
                                                     .language = kind->language,
                                                     .role = "coordinator" };
    strlist_add(&d->decrypt, "encrypt");
    d->x.clock = &d->clock;
    d->x.give_up_ms = EXCHANGE_GIVE_UP_MS;
}

void desk_partner(struct desk *d, const struct desk_kind *other, unsigned port,
                  const char *more)
{
    AUTO(mem_free) char *path = mem_printf("%s/%s.json", d->partners, other->gateway);
    AUTO(mem_free) char *keys = mem_printf("%s/%s", keys_dir, other->gateway);
    AUTO(mem_free)
    char *text = mem_printf(
        "{\"partner\": \"%s\", \"country\": \"%s\", \"name\": \"a partner\",\n"
        " \"endpoint\": \"https://localhost:%u/as4\",\n"
        " \"tls\": {\"ca\": \"%s/ca.pem\"},\n"
        " \"sign\": {\"certificates\": [\"%s/sign.pem\"]},\n"
        " \"encrypt\": {\"certificates\": [\"%s/encrypt.pem\"]},\n"
        " \"seal\": {\"certificates\": [\"%s/seal.pem\"]}%s}\n",
        other->gateway, other->country, port, keys_dir, keys, keys, keys, more);

    write_text(path, text);
}

static void fill_source(struct desk *d)
{
    d->source = (struct snapshot_source){
        .own = { .id = d->kind->gateway,
                 .party_type = PMODE_UNREGISTERED,
                 .country = d->kind->country,
                 .host = "gateway.example",
                 .environment = d->environment,
                 .zone = d->kind->zone,
                 .node = "node1" },
        .offices = d->offices,
        .office_count = d->office_count,
        .partners_dir = d->partners,
        .signer = d->signer,
        .sign_key = "sign",
        .seal_key = "seal",
        .decrypt_keys = &d->decrypt,
        .tls_cert = d->tls_cert,
        .tls_key = d->tls_key,
        .clock = &d->clock,
    };
}

void desk_snapshot(struct desk *d)
{
    struct snapshot *s = NULL;

    fill_source(d);
    OK((s = snapshot_build(&d->source, d->store, &err)) != NULL);
    if (d->x.box == NULL)
        d->x.box = snapshot_box_new(s);
    else
        snapshot_replace(d->x.box, s);
}

void desk_restart(struct desk *d)
{
    snapshot_box_free(&d->x.box);
    store_close(&d->store);
    signer_free(&d->signer);
    d->signer = open_signer(d->kind->gateway);
    open_store(d);
    desk_snapshot(d);
}

unsigned desk_listen(struct desk *d)
{
    AUTO(mem_free) char *ca = mem_printf("%s/ca.pem", keys_dir);
    const struct tls_server_settings tls = { .chain_file = d->tls_cert,
                                             .key_file = d->tls_key,
                                             .ca_file = ca,
                                             .peer = TLS_PEER_REQUIRED,
                                             .session_name = "partners" };
    const struct http_limits limits = { .spool_dir = work_dir };

    OK((d->tls = tls_server_new(&tls, &err)) != NULL);
    d->wire = wire_new(&d->x);
    d->service = mem_alloc(sizeof *d->service);
    *d->service = wire_service(d->wire, 2);
    const struct http_listener listener = {
        .name = "partners", .address = "127.0.0.1", .tls = d->tls, .service = d->service
    };
    OK((d->server = http_server_start(&listener, 1, &limits, &err)) != NULL);
    return http_server_port(d->server, "partners");
}

void desk_close(struct desk *d)
{
    if (d->server != NULL)
        http_server_stop(&d->server, 1000);
    wire_free(&d->wire);
    mem_free(&d->service);
    tls_ctx_free(&d->tls);
    snapshot_box_free(&d->x.box);
    store_close(&d->store);
    signer_free(&d->signer);
    strlist_free(&d->decrypt);
}

/* --- agreements ---------------------------------------------------------------------------- */

/* A packed bundle, made once per program. */
static struct packed {
    char *agreement;
    bool other;
    struct buf octets;
} packs[8];

static struct fileset *tree_of(const char *agreement, bool other)
{
    AUTO(fileset_free) struct fileset *all = NULL;
    AUTO(mem_free) char *name = mem_printf("agreements/%s.json", agreement);
    struct fileset *altered = fileset_new();

    OK((all = bundle_tree(".", &err)) != NULL);
    for (size_t i = 0; i < fileset_count(all); i++) {
        const struct file_item *f = fileset_at(all, i);
        AUTO(mem_free) char *longer = mem_printf("%s\n", (const char *)f->data);
        bool longer_here = other && text_eq(f->name, name);

        OK(fileset_add(altered, f->name, longer_here ? longer : f->data,
                       f->len + longer_here, &err));
    }
    return altered;
}

static const struct buf *packed_bundle(const char *agreement, bool other)
{
    AUTO(fileset_free) struct fileset *tree = NULL, *files = NULL;
    size_t i = 0;

    for (; i < COUNT_OF(packs) && packs[i].agreement != NULL; i++)
        if (text_eq(packs[i].agreement, agreement) && packs[i].other == other)
            return &packs[i].octets;
    assert_true(i < COUNT_OF(packs));
    tree = tree_of(agreement, other);
    OK((files = bundle_collect(tree, agreement, &err)) != NULL);
    packs[i] =
        (struct packed){ mem_strdup(agreement), other, BUF_INIT(BUNDLE_OCTETS_MAX) };
    bundle_pack(files, &packs[i].octets);
    return &packs[i].octets;
}

static void drop_packs(void)
{
    for (size_t i = 0; i < COUNT_OF(packs); i++) {
        mem_free(&packs[i].agreement);
        buf_free(&packs[i].octets);
    }
}

struct install_ctx {
    const char *agreement;
    const struct buf *packed;
    char digest[STORE_HASH_TEXT];
};

static bool install_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct install_ctx *c = ctx;
    bool already;

    return bundle_add(tx, c->digest, c->agreement, "1", c->packed->data, c->packed->len,
                      "test", &already, err) &&
           bundle_set_in_force(tx, c->digest, err);
}

static void install(struct desk *d, const char *agreement, bool other)
{
    struct install_ctx c = { .agreement = agreement,
                             .packed = packed_bundle(agreement, other) };

    exchange_sha256(c.packed->data, c.packed->len, c.digest);
    desk_run(d, install_work, &c);
}

void desk_install(struct desk *d, const char *agreement)
{
    install(d, agreement, false);
}

void desk_install_other(struct desk *d, const char *agreement)
{
    install(d, agreement, true);
}

static bool leg_work(struct store_tx *tx, void *ctx, struct err *err)
{
    return leg_set(tx, ctx, err);
}

void desk_leg(struct desk *d, const char *agreement, const char *from, const char *to,
              const char *state)
{
    struct leg_override leg = { .reason = "a test says so", .by = "test" };

    assert_true(STORE_COPY(leg.agreement, agreement));
    assert_true(STORE_COPY(leg.from, from));
    assert_true(STORE_COPY(leg.to, to));
    assert_true(STORE_COPY(leg.state, state));
    desk_run(d, leg_work, &leg);
}

/* --- small things -------------------------------------------------------------------------- */

void desk_run(struct desk *d, store_work *work, void *ctx)
{
    OK(store_run(d->store, work, ctx, &err));
}

struct count_ctx {
    const char *name;
    unsigned count;
};

static bool count_row(void *ctx, const struct audit_row *row)
{
    struct count_ctx *c = ctx;

    c->count += text_eq(row->action, c->name);
    return true;
}

static bool audit_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct count_ctx *c = ctx;
    const struct audit_filter filter = { 0 };

    c->count = 0;
    return audit_select(tx, &filter, count_row, c, err);
}

unsigned audited(struct desk *d, const char *action)
{
    struct count_ctx c = { .name = action };

    OK(store_read(d->store, audit_work, &c, &err));
    return c.count;
}

static bool tasks_work(struct store_tx *tx, void *ctx, struct err *err)
{
    struct count_ctx *c = ctx;
    const struct task_filter filter = { .kind = c->name };
    struct task_list list = { 0 };

    if (!task_select(tx, &filter, &list, err))
        return false;
    c->count = (unsigned)list.count;
    task_list_free(&list);
    return true;
}

unsigned tasks_of(struct desk *d, const char *kind)
{
    struct count_ctx c = { .name = kind };

    OK(store_read(d->store, tasks_work, &c, &err));
    return c.count;
}
