/*
 * support_store.c - see support_store.h. The wrapping hooks are real AES-256-GCM under a key of
 * the bench, so a wrong key or additional data fails as in life.
 */
#include "support_store.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"

/* --- hooks ------------------------------------------------------------------------------------ */

static bool wrap(void *ctx, const void *aad, size_t aad_len,
                 const uint8_t key[SEAL_KEY_OCTETS], struct buf *out, struct err *err)
{
    struct bench *b = ctx;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint8_t octets[12 + SEAL_KEY_OCTETS + 16];
    int len;
    bool ok;

    random_octets(octets, 12);
    ok = EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, b->master, octets) == 1 &&
         EVP_EncryptUpdate(c, NULL, &len, aad, (int)aad_len) == 1 &&
         EVP_EncryptUpdate(c, octets + 12, &len, key, SEAL_KEY_OCTETS) == 1 &&
         EVP_EncryptFinal_ex(c, octets + 12 + len, &len) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16,
                             octets + 12 + SEAL_KEY_OCTETS) == 1;
    EVP_CIPHER_CTX_free(c);
    buf_add(out, octets, sizeof octets);
    return ok || err_set(err, ERR_BUG, "test.wrap", "wrapping failed");
}

static bool unwrap(void *ctx, const void *aad, size_t aad_len, const void *wrapped,
                   size_t len, uint8_t ret_key[SEAL_KEY_OCTETS], struct err *err)
{
    struct bench *b = ctx;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    const uint8_t *octets = wrapped;
    uint8_t tag[16], rest[16];
    int got;
    bool ok = len == 12 + SEAL_KEY_OCTETS + 16;

    if (ok)
        memcpy(tag, octets + 12 + SEAL_KEY_OCTETS, 16);
    ok = ok && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, b->master, octets) == 1 &&
         EVP_DecryptUpdate(c, NULL, &got, aad, (int)aad_len) == 1 &&
         EVP_DecryptUpdate(c, ret_key, &got, octets + 12, SEAL_KEY_OCTETS) == 1 &&
         EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, 16, tag) == 1 &&
         EVP_DecryptFinal_ex(c, rest, &got) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok || err_set(err, ERR_CONFIG, "test.unwrap", "this is another wrapping key");
}

static bool mac(void *ctx, const char *label, const void *data, size_t len,
                uint8_t ret[SEAL_MAC_OCTETS], struct err *err)
{
    struct bench *b = ctx;
    AUTO(mem_free) char *text = mem_alloc(strlen(label) + 1 + len);
    unsigned got = 0;

    memcpy(text, label, strlen(label));
    memcpy(text + strlen(label) + 1, data, len);
    if (HMAC(EVP_sha256(), b->master, 32, (const uint8_t *)text, strlen(label) + 1 + len,
             ret, &got) == NULL)
        return err_set(err, ERR_BUG, "test.mac", "the mac failed");
    return true;
}

/* --- the bench ---------------------------------------------------------------------------------- */

struct held_tx {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct store *store;
    struct store_tx *tx;
    bool over, commit, ok;
    struct err err;
};

void bench_new_folder(char out[64])
{
    snprintf(out, 64, "%s/store-test-XXXXXX", "/tmp");
    assert_non_null(mkdtemp(out));
}

void bench_prepare(struct bench *b, const char *folder)
{
    snprintf(b->folder, sizeof b->folder, "%s", folder);
    b->clock.fixed_ms = NOW;
    memset(b->master, 0x5a, sizeof b->master);
    b->settings = (struct store_settings){ .folder = b->folder,
                                           .node = "MD-GW1",
                                           .clock = &b->clock,
                                           .seal = { b, wrap, unwrap, mac, NULL } };
}

void bench_open(struct bench *b)
{
    struct err err = { 0 };

    b->store = store_open(&b->settings, &err);
    if (b->store == NULL)
        fail_msg("%s: %s", err.code, err.text);
}

void bench_close(struct bench *b)
{
    if (b->held != NULL)
        tx_end(b, false);
    store_close(&b->store);
}

int bench_setup(void **state)
{
    struct bench *b = mem_alloc(sizeof *b);
    char folder[64];

    bench_new_folder(folder);
    bench_prepare(b, folder);
    bench_open(b);
    *state = b;
    return 0;
}

void bench_remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    if (dir == NULL)
        return;
    while ((entry = readdir(dir)) != NULL) {
        AUTO(mem_free) char *path = path_join(folder, entry->d_name);

        unlink(path);
    }
    closedir(dir);
    rmdir(folder);
}

int bench_teardown(void **state)
{
    struct bench *b = *state;

    bench_close(b);
    bench_remove_folder(b->folder);
    mem_free(&b);
    return 0;
}

/* --- a transaction held open ---------------------------------------------------------------------- */

static bool hold(struct store_tx *tx, void *ctx, struct err *err)
{
    struct held_tx *held = ctx;

    pthread_mutex_lock(&held->lock);
    held->tx = tx;
    pthread_cond_broadcast(&held->changed);
    while (!held->over)
        pthread_cond_wait(&held->changed, &held->lock);
    pthread_mutex_unlock(&held->lock);
    return held->commit || err_set(err, ERR_REJECT, "test.undo", "undone by the test");
}

static void *hold_main(void *arg)
{
    struct held_tx *held = arg;

    held->ok = store_run(held->store, hold, held, &held->err);
    return NULL;
}

struct store_tx *tx_begin(struct bench *b)
{
    struct held_tx *held = mem_alloc(sizeof *held);

    assert_null(b->held);
    pthread_mutex_init(&held->lock, NULL);
    pthread_cond_init(&held->changed, NULL);
    held->store = b->store;
    b->held = held;
    assert_int_equal(pthread_create(&held->thread, NULL, hold_main, held), 0);
    pthread_mutex_lock(&held->lock);
    while (held->tx == NULL)
        pthread_cond_wait(&held->changed, &held->lock);
    pthread_mutex_unlock(&held->lock);
    return held->tx;
}

void tx_end(struct bench *b, bool commit)
{
    struct held_tx *held = b->held;
    struct err err;
    bool ok;

    b->held = NULL;
    pthread_mutex_lock(&held->lock);
    held->over = true;
    held->commit = commit;
    pthread_cond_broadcast(&held->changed);
    pthread_mutex_unlock(&held->lock);
    pthread_join(held->thread, NULL);
    ok = held->ok;
    err = held->err;
    pthread_mutex_destroy(&held->lock);
    pthread_cond_destroy(&held->changed);
    mem_free(&held);
    if (commit && !ok)
        fail_msg("commit: %s: %s", err.code, err.text);
}

struct store_tx *tx_next(struct bench *b)
{
    tx_end(b, true);
    return tx_begin(b);
}

/* --- records --------------------------------------------------------------------------------------- */

struct case_row some_case(const char *id)
{
    struct case_row row = { .agreement = "MDUA-1",
                            .agreement_version = "2",
                            .own_office = "MD-COORD",
                            .partner = "UA-GW1",
                            .partner_office = "UA-COORD",
                            .role = "sender",
                            .state = "SENT",
                            .environment = "training" };

    STORE_COPY(row.id, id);
    return row;
}

static struct message some_message(const char *id, const char *case_id, int64_t sequence)
{
    struct message m = { .kind = "M05",
                         .partner = "UA-GW1",
                         .own_office = "MD-COORD",
                         .remote_office = "UA-COORD",
                         .agreement = "MDUA-1",
                         .sequence = sequence };

    STORE_COPY(m.id, id);
    STORE_COPY(m.case_id, case_id);
    return m;
}

struct message some_out(const char *id, const char *case_id, int64_t sequence)
{
    struct message m = some_message(id, case_id, sequence);

    m.direction = MESSAGE_OUT;
    m.state = MESSAGE_WAITING;
    return m;
}

struct message some_in(const char *id, const char *case_id, int64_t sequence)
{
    struct message m = some_message(id, case_id, sequence);

    m.direction = MESSAGE_IN;
    m.state = MESSAGE_READY;
    return m;
}

void add_case(struct store_tx *tx, const char *id)
{
    struct case_row row = some_case(id);
    bool taken;

    OK(case_add(tx, &row, &taken, &err));
    assert_false(taken);
}

void add_message(struct store_tx *tx, struct message m, char row[STORE_ROW_TEXT])
{
    bool taken;

    OK(message_add(tx, &m, &taken, &err));
    assert_false(taken);
    memcpy(row, m.row, STORE_ROW_TEXT);
}

struct message get_message(struct store_tx *tx, const char *row)
{
    struct message m;
    bool found;

    OK(message_get(tx, row, &m, &found, &err));
    assert_true(found);
    return m;
}

/* --- files ------------------------------------------------------------------------------------------ */

static bool file_contains(const char *path, const void *needle, size_t len)
{
    AUTO(buf_free) struct buf all = BUF_INIT(64 * 1024 * 1024);
    struct err err = { 0 };

    return file_read(path, &all, &err) && all.len >= len &&
           memmem(all.data, all.len, needle, len) != NULL;
}

bool folder_contains(const char *folder, const void *needle, size_t len)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    bool found = false;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        AUTO(mem_free) char *path = path_join(folder, entry->d_name);

        found = found || (entry->d_name[0] != '.' && file_contains(path, needle, len));
    }
    closedir(dir);
    return found;
}

void pattern(void *out, size_t len, uint64_t at, uint64_t seed)
{
    uint8_t *octets = out;

    for (size_t i = 0; i < len; i++) {
        uint64_t x = (at + i + 1) * 0x9e3779b97f4a7c15ull + seed;

        octets[i] = (uint8_t)((x ^ (x >> 29)) >> 11);
    }
}
