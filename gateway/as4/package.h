/*
 * package.h - one outgoing user message: envelope, signature, content key, wire octets.
 *
 * The order is that of eDelivery AS4: build, digest, sign, then encrypt; the envelope is
 * serialised once. Nothing large is held: the wire body is a source computed from the frozen
 * package (envelope, content key, IVs) and the signed octets of the parts, always the same.
 */
#ifndef AS4_PACKAGE_H
#define AS4_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "as4/digests.h"
#include "as4/header.h"
#include "as4/pmode.h"
#include "as4/signing.h"
#include "base/attr.h"
#include "base/buf.h"

struct cert;
struct err;
struct source;

#define AS4_CEK_MAX       32 /* octets, AES-256 */
#define AS4_IV            12
#define AS4_TAG           16
#define AS4_BOUNDARY_TEXT 64 /* with NUL; 70 is the limit of MIME */
#define AS4_ENVELOPE_MAX  (1024 * 1024)
#define AS4_FROZEN_MAX    (2 * AS4_ENVELOPE_MAX)

/* What becomes of one part's octets before they are signed. */
enum as4_compress {
    AS4_COMPRESS_AUTO, /* XML is gzipped, everything else goes as application/octet-stream */
    AS4_COMPRESS_YES, /* gzip; refused above the P-Mode's part_max */
    AS4_COMPRESS_NO,
    AS4_COMPRESSED, /* `octets` are the gzip octets already (of a message made earlier) */
};

struct as4_part_spec {
    const struct source *octets; /* borrowed until the package is freed */
    enum as4_compress compress;
    const char *mime_type;  /* before compression; also the property MimeType */
    const char *charset;    /* NULL: "UTF-8" for XML and text, none for others */
    const char *content_id; /* NULL: one is made */
    const struct eb_property *properties; /* further ones, passed through */
    size_t property_count;
};

struct as4_spec {
    const struct pmode *pmode;
    const char *host;              /* right of '@' in the ids we make: [A-Za-z0-9.-] */
    const char *message_id;        /* NULL: made */
    const char *ref_to_message_id; /* second leg of a two-way only, else NULL */
    const char *conversation_id;   /* not empty */
    int64_t timestamp_ms;
    const struct eb_property *properties; /* besides the four-corner ones */
    size_t property_count;
    const struct as4_part_spec *parts;
    size_t part_count;

    const struct as4_signing *signing;
    const struct cert *encrypt_cert; /* the partner's */
};

struct as4_wire_part {
    char *content_id;
    unsigned char iv[AS4_IV];
    uint64_t size; /* signed octets: of the gzip, where compressed */
    bool compressed;
    const struct source *octets; /* the signed octets; store these when compressed */
    struct source *owned;        /* what `octets` points to, when the package made it */
};

struct as4_package {
    char *message_id;
    int64_t timestamp_ms;
    struct buf envelope; /* octets of the root part, final */
    char boundary[AS4_BOUNDARY_TEXT];
    char *root_id;
    char *content_type; /* header value of the request */
    enum pmode_cipher cipher;
    unsigned char cek[AS4_CEK_MAX];
    struct as4_wire_part *parts;
    size_t part_count; /* 0: plain application/soap+xml, no MIME */
    struct as4_digests digests;
};

/*
 * Build and sign. Reads every part once (twice when it compresses a large one).
 * ERR_CONFIG when the P-Mode or a certificate cannot do what it says, ERR_REJECT
 * "as4.part-too-large" / "as4.parts" / "as4.value" for what the caller gave, ERR_RETRY
 * from the signer or the sources.
 */
NODISCARD bool as4_package_make(const struct as4_spec *spec, struct as4_package **ret,
                                struct err *err);
void as4_package_free(struct as4_package **package); /* wipes the key; for AUTO */

/* The request body: size known beforehand, the same octets each time, constant memory. Borrows
 * package and parts. The digest of each part is checked again on the way: a part whose octets
 * are not those that were signed ends the stream with ERR_BUG "as4.part-changed". */
struct source *as4_package_wire(const struct as4_package *package) NODISCARD;

/* All but the parts' octets, as one blob: it holds the content key, so the store seals it. */
NODISCARD bool as4_package_freeze(const struct as4_package *package, struct buf *out,
                                  struct err *err);
/* `parts`: the signed octets in order, borrowed; another count or size: ERR_BUG "as4.frozen". */
NODISCARD bool as4_package_thaw(const void *data, size_t len,
                                const struct source *const *parts, size_t part_count,
                                struct as4_package **ret, struct err *err);

#endif
