/*
 * intake.h - one message on its way in: what the steps of receive.c share.
 */
#ifndef AS4_INTAKE_H
#define AS4_INTAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "as4/crypt.h"
#include "as4/receive.h"
#include "as4/security.h"
#include "as4/soap.h"
#include "base/buf.h"
#include "format/mime.h"
#include "pki/xmlsig.h"

/* What a part is made of, from the wire inwards. Each view borrows the one before. */
struct intake_part {
    const struct mime_part *mime;
    struct source *wire;     /* transfer encoding undone */
    struct source *view;     /* decrypted on the way; or, when small: */
    struct source *held;     /* decrypted, in memory */
    struct source *inflated; /* of the one before, when compressed */
    const char *media;       /* before encryption, for the signature transform */
};

/* What a message keeps alive as long as its parts may be read. */
struct as4_message_private {
    struct mime *mime; /* NULL: plain SOAP */
    struct soap soap;
    struct source *envelope;
    struct intake_part *parts; /* in the order of PartInfo */
    size_t part_count;
    struct security security;
    struct cert *cert;
};

struct intake {
    const struct source *body;
    const char *content_type;
    const struct as4_gate *gate;
    struct as4_inbound *result;
    bool done; /* the verdict is in result already */

    struct as4_message *message; /* filled step by step */
    struct as4_peer peer;
    struct buf root; /* octets of the root part */
    struct crypt_key key;
    size_t held; /* octets in memory so far */
};

/* intake_open.c: steps 2 to 6, and the ties between PartInfo and MIME parts. */
NODISCARD bool intake_split(struct intake *in, struct err *err);
NODISCARD bool intake_parse(struct intake *in, struct err *err);
NODISCARD bool intake_header(struct intake *in, struct err *err);
NODISCARD bool intake_parts(struct intake *in, struct err *err);

/* intake_payload.c: steps 14 and 15. */
NODISCARD bool intake_key(struct intake *in, struct err *err);
NODISCARD bool intake_decrypt(struct intake *in, struct err *err);
NODISCARD bool intake_inflate(struct intake *in, struct err *err);

/* The signed octets of a part: held in memory or decrypted while read. */
const struct source *intake_signed(const struct intake_part *part);

#endif
