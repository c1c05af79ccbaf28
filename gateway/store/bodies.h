/*
 * bodies.h - the octets of a message by name: rows of 256 KiB, each sealed.
 *
 * Names: "national", "canonical", "package", "receipt", "evidence", "loss-full",
 * "loss-travel", "deliverable", "decision", "attachment/1" ... What is small is put in the
 * transaction; what may be large is staged: a sink that writes sealed rows in short
 * transactions of its own, invisible until body_attach() in the transaction that makes the
 * message. What is staged and never attached is swept. A body never changes.
 */
#ifndef STORE_BODIES_H
#define STORE_BODIES_H

#include "base/body.h"
#include "store/store.h"

#define BODY_ROW_OCTETS  (256 * 1024)
#define BODY_PUT_MAX     (8 * 1024 * 1024)            /* octets put in a transaction */
#define BODY_OCTETS_MAX  (INT64_C(256) * 1024 * 1024) /* octets of a staged body */
#define BODY_UPLOADS_MAX 64                           /* waiting uploads of one office */

struct body_info {
    char message[STORE_ROW_TEXT]; /* "" for an upload */
    char name[STORE_NAME_TEXT];
    uint64_t octets;
    char sha256[STORE_HASH_TEXT]; /* of the clear octets */
    int64_t created_ms;
};

/* ERR_REJECT "body.taken" when the message has one of this name (bodies never change),
 * "body.too-large". */
NODISCARD bool body_put(struct store_tx *tx, const char *message_row, const char *name,
                        const void *data, size_t len, struct err *err);
/* Adds all of it to out, whose ceiling holds. */
NODISCARD bool body_load(struct store_tx *tx, const char *message_row, const char *name,
                         struct buf *out, bool *ret_found, struct err *err);
/* A source over the rows, usable outside the transaction and by other threads until the store
 * is closed; NULL in *ret when there is none. Reading one whose case was erased fails with
 * ERR_REJECT "body.gone". */
NODISCARD bool body_source(struct store_tx *tx, const char *message_row, const char *name,
                           struct source **ret, struct err *err);
typedef bool body_info_cb(void *ctx, const struct body_info *info);
NODISCARD bool body_each(struct store_tx *tx, const char *message_row, body_info_cb *each,
                         void *ctx, struct err *err);
/* Lets go of one body (say the content of a refused message). Its rows are swept later, its key
 * goes at once when it has one of its own. */
NODISCARD bool body_remove(struct store_tx *tx, const char *message_row, const char *name,
                           struct err *err);

/* Not to be used inside a work or a read; one thread at a time. */
struct body_stage;
NODISCARD bool body_stage_open(struct store *store, struct body_stage **ret,
                               struct err *err);
struct sink *body_stage_sink(struct body_stage *stage); /* borrowed */
/* Writes the last row; needed before attaching. */
NODISCARD bool body_stage_finish(struct body_stage *stage, struct err *err);
uint64_t body_stage_octets(const struct body_stage *stage);
const char *body_stage_sha256(const struct body_stage *stage); /* after finish */
/* Reads what was staged, after finish; the stage must live on. */
struct source *body_stage_source(struct body_stage *stage) NODISCARD;
/* Drops the rows unless attached. For AUTO. */
void body_stage_free(struct body_stage **stage);

/* In the final transaction. ERR_REJECT "body.taken" as above; ERR_BUG "body.stage" before
 * finish. */
NODISCARD bool body_attach(struct store_tx *tx, const char *message_row, const char *name,
                           struct body_stage *stage, struct err *err);

/*
 * An upload waits for its document: staged octets under (office, id) until expires_ms. The same
 * id again with the same digest changes nothing, with another is *ret_other. More than
 * BODY_UPLOADS_MAX: ERR_REJECT "body.uploads".
 */
NODISCARD bool upload_put(struct store_tx *tx, const char *office, const char *id,
                          const char *media_type, struct body_stage *stage,
                          int64_t expires_ms, bool *ret_other, struct err *err);
struct upload {
    char media_type[STORE_NAME_TEXT];
    uint64_t octets;
    char sha256[STORE_HASH_TEXT];
    int64_t expires_ms;
};
/* ret_source may be NULL; else a source as from body_source(), owned. */
NODISCARD bool upload_get(struct store_tx *tx, const char *office, const char *id,
                          struct upload *ret, struct source **ret_source, bool *ret_found,
                          struct err *err);
/* Makes it a body of the message. */
NODISCARD bool upload_attach(struct store_tx *tx, const char *office, const char *id,
                             const char *message_row, const char *name, bool *ret_found,
                             struct err *err);

#endif
