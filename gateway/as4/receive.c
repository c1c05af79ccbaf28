/*
 * receive.c - the order of steps for an incoming message, and the answer each failure gets.
 *
 * The steps are a table: what is done, and which ebMS error it is when it fails. Errors of a
 * lower floor whose code has a meaning of its own on the wire (MIME, XML, header, Security) are
 * translated by a second table; the steps that touch keys are `uniform`: whatever failed there
 * has one answer, so that nobody outside can tell a bad padding from a bad tag from a bad
 * digest. The detail goes to refusal.local, for our log.
 *
 * Trouble of our own (store, signer, memory of a library) is never an ebMS error: 503, so that
 * the peer tries again.
 */
#include "as4/receive.h"

#include <string.h>

#include "as4/intake.h"
#include "as4/keyname.h"
#include "as4/ns.h"
#include "base/body.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/xml.h"
#include "pki/cert.h"

const char *as4_verdict_name(enum as4_verdict verdict)
{
    static const char *const names[] = { [AS4_TAKEN] = "taken",
                                         [AS4_DUPLICATE] = "duplicate",
                                         [AS4_REFUSED] = "refused",
                                         [AS4_SILENT] = "silent" };

    return names[verdict];
}

/* --- steps 7 to 13 ------------------------------------------------------------------------- */

static bool find_peer(struct intake *in, struct err *err)
{
    if (!in->gate->peer(in->gate->ctx, in->message->user, &in->peer))
        return err_set(err, ERR_REJECT, "as4.no-pmode", "no P-Mode fits the message");
    in->result->partner = mem_strdup(in->peer.partner);
    in->result->refusal.pmode_known = true;
    in->result->refusal.pmode = in->peer.pmode;
    in->message->partner = mem_strdup(in->peer.partner);
    in->message->pmode = in->peer.pmode;
    in->message->test = in->peer.pmode.test;
    return true;
}

static bool in_window(const struct intake *in, struct err *err)
{
    int64_t at = in->message->user->timestamp_ms;

    if (at < in->gate->now_ms - in->peer.pmode.past_max_ms)
        return err_set(err, ERR_REJECT, "eb.value",
                       "the timestamp is older than is taken");
    if (at > in->gate->now_ms + in->peer.pmode.future_max_ms)
        return err_set(err, ERR_REJECT, "eb.value", "the timestamp lies in the future");
    return true;
}

static bool check_values(struct intake *in, struct err *err)
{
    const struct eb_user *user = in->message->user;

    if (!in_window(in, err))
        return false;
    if (!eb_message_id_valid(user->message_id, in->peer.pmode.any_message_id))
        return err_set(err, ERR_REJECT, "eb.header",
                       "the MessageId is not of the form x@y");
    if (in->peer.pmode.four_corner &&
        (text_empty(eb_property(&user->properties, "originalSender")) ||
         text_empty(eb_property(&user->properties, "finalRecipient"))))
        return err_set(err, ERR_REJECT, "eb.value",
                       "originalSender and finalRecipient are not both there");
    return true;
}

static bool check_security(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct eb_user *user = in->message->user;
    const char *ids[PMODE_PARTS_MAX];

    if (p->soap.security == NULL)
        return err_set(err, ERR_REJECT, "sec.policy", "there is no wsse:Security");
    for (size_t i = 0; i < user->part_count; i++)
        ids[i] = user->parts[i].content_id;
    return security_read(&p->soap, ids, user->part_count, &in->peer.pmode, &p->security,
                         err);
}

static bool find_certificate(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;

    if (!security_timely(&p->security, in->gate->now_ms, err) ||
        !keyname_signer(&p->security.signer, in->peer.trust, in->gate->now_ms, &p->cert,
                        err))
        return false;
    in->message->signer_cert = p->cert;
    return true;
}

static struct xmlsig_policy policy_of(const struct intake *in)
{
    return (struct xmlsig_policy){ in->peer.pmode.security.sign_accept,
                                   in->peer.pmode.security.digest_accept };
}

/* One public-key operation before anything is decrypted: our private key works for no stranger. */
static bool pass_gate(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct xmlsig_policy policy = policy_of(in);

    if (!xmlsig_gate(p->security.signature, p->cert, &policy, err))
        return false;
    in->result->refusal.sender_known = true;
    return true;
}

static bool check_header(struct intake *in, struct err *err)
{
    struct as4_message_private *p = in->message->private;
    const struct xmlsig_policy policy = policy_of(in);
    struct xmlsig_id ids[AS4_REFERENCES_MAX];
    struct xmlsig_scope scope = { .ids = ids };

    security_scope(&p->security, &p->soap, ids, &scope.id_count);
    if (!xmlsig_check_ids(p->security.signature, &scope, &policy, err))
        return false;
    as4_digests_copy(&in->message->digests, &p->security.references);
    as4_digests_fingerprint(&in->message->digests, in->message->fingerprint);
    return true;
}

static bool again(struct intake *in)
{
    in->result->verdict = AS4_DUPLICATE;
    in->done = true;
    return true;
}

static bool other_content(struct intake *in, struct err *err)
{
    if (in->peer.pmode.resigned_retry_accept && in->result->receipt.len > 0)
        return again(in);
    in->result->refusal.detail = "This MessageId was used before for another message.";
    return err_set(err, ERR_REJECT, "as4.id-reused",
                   "message %s was received before with other content",
                   in->message->user->message_id);
}

static bool check_duplicate(struct intake *in, struct err *err)
{
    in->result->receipt = (struct buf)BUF_INIT(AS4_RECEIPT_MAX);
    switch (in->gate->known(in->gate->ctx, in->peer.partner,
                            in->message->user->message_id, in->message->fingerprint,
                            &in->result->receipt, err)) {
    case AS4_NEW:
        return true;
    case AS4_KNOWN_SAME:
        return again(in);
    case AS4_KNOWN_OTHER:
        return other_content(in, err);
    case AS4_KNOWN_BUSY:
        return err_set(err, ERR_RETRY, "as4.busy",
                       "message %s: another copy is being taken",
                       in->message->user->message_id);
    case AS4_KNOWN_FAILED:
        break;
    }
    return false;
}

/* --- what a failure is called on the wire --------------------------------------------------- */

static const struct {
    const char *prefix; /* of the error's code */
    enum as4_code code;
    int status; /* 0: as the P-Mode says */
} meanings[] = {
    { "as4.media", AS4_PACKAGING_NOT_SUPPORTED, 415 },
    { "soap.version", AS4_PACKAGING_NOT_SUPPORTED, 400 },
    { "soap.", AS4_INVALID_HEADER, 0 },
    { "mime.stray-part", AS4_MIME_INCONSISTENCY, 0 },
    { "mime.part-", AS4_MIME_INCONSISTENCY, 0 },
    { "mime.too-many-parts", AS4_MIME_INCONSISTENCY, 0 },
    { "mime.", AS4_MIME_INCONSISTENCY, 400 },
    { "xml.", AS4_INVALID_HEADER, 400 },
    { "charset.", AS4_INVALID_HEADER, 400 },
    { "eb.value", AS4_VALUE_INCONSISTENT, 0 },
    { "eb.payload", AS4_EXTERNAL_PAYLOAD_ERROR, 0 },
    { "eb.feature", AS4_FEATURE_NOT_SUPPORTED, 0 },
    { "eb.", AS4_INVALID_HEADER, 0 },
    { "sec.policy", AS4_POLICY_NONCOMPLIANCE, 0 },
    { "sec.encryption", AS4_FAILED_DECRYPTION, 0 },
    { "gzip.", AS4_DECOMPRESSION_FAILURE, 0 },
};

struct step {
    bool (*run)(struct intake *in, struct err *err);
    enum as4_code code; /* when the error has no meaning of its own */
    bool uniform;       /* always that code */
};

static const struct step steps[] = {
    { intake_split, AS4_MIME_INCONSISTENCY, false },
    { intake_parse, AS4_INVALID_HEADER, false },
    { intake_header, AS4_INVALID_HEADER, false },
    { find_peer, AS4_PROCESSING_MODE_MISMATCH, false },
    { check_values, AS4_VALUE_INCONSISTENT, false },
    { intake_parts, AS4_MIME_INCONSISTENCY, false },
    { check_security, AS4_FAILED_AUTHENTICATION, false },
    { find_certificate, AS4_FAILED_AUTHENTICATION, true },
    { pass_gate, AS4_FAILED_AUTHENTICATION, true },
    { check_header, AS4_FAILED_AUTHENTICATION, true },
    { check_duplicate, AS4_OTHER, true },
    { intake_key, AS4_FAILED_DECRYPTION, true },
    { intake_decrypt, AS4_FAILED_DECRYPTION, true },
    { intake_inflate, AS4_DECOMPRESSION_FAILURE, false },
};

static void translate(struct as4_refusal *refusal, const struct step *step)
{
    refusal->code = step->code;
    for (size_t i = 0; !step->uniform && i < COUNT_OF(meanings); i++) {
        if (!text_starts(refusal->local.code, meanings[i].prefix))
            continue;
        refusal->code = meanings[i].code;
        if (meanings[i].status != 0)
            refusal->http_status = meanings[i].status;
        return;
    }
}

static void refuse(struct intake *in, const struct step *step, const struct err *err)
{
    struct as4_refusal *refusal = &in->result->refusal;

    in->result->verdict = AS4_REFUSED;
    buf_free(&in->result->receipt);
    refusal->local = *err;
    refusal->http_status = refusal->pmode_known ? refusal->pmode.error_status : 200;
    refusal->ref_to_message_id = mem_strdup(in->result->message_id);
    translate(refusal, step);
    if (text_eq(err->code, "soap.must-understand")) {
        refusal->header_fault = true;
        refusal->http_status = 500;
    }
    if (err->kind != ERR_REJECT) /* ours to mend, not the sender's */
        refusal->http_status = 503;
}

static struct as4_message *message_new(void)
{
    struct as4_message *m = mem_alloc(sizeof *m);

    m->private = mem_alloc(sizeof *m->private);
    return m;
}

void as4_receive(const struct source *body, const char *content_type,
                 const struct as4_gate *gate, struct as4_inbound *ret)
{
    AUTO(as4_message_free) struct as4_message *message = message_new();
    struct intake in = { .body = body,
                         .content_type = content_type,
                         .gate = gate,
                         .result = ret,
                         .message = message };
    struct err err = { 0 };
    size_t i;

    *ret = (struct as4_inbound){ 0 };
    for (i = 0; i < COUNT_OF(steps) && !in.done; i++) {
        if (!steps[i].run(&in, &err)) {
            refuse(&in, &steps[i], &err);
            in.done = true;
        }
    }
    if (!in.done) {
        ret->verdict = AS4_TAKEN;
        ret->message = TAKE(message);
    }
    buf_free(&in.root);
    mem_wipe(&in.key, sizeof in.key);
}

/* --- freeing ------------------------------------------------------------------------------- */

static void part_free(struct intake_part *part)
{
    source_free(&part->inflated);
    source_free(&part->held);
    source_free(&part->view);
    source_free(&part->wire);
}

static void private_free(struct as4_message_private **private)
{
    struct as4_message_private *p = *private;

    for (size_t i = 0; i < p->part_count; i++)
        part_free(&p->parts[i]);
    mem_free(&p->parts);
    security_free(&p->security);
    cert_free(&p->cert);
    soap_free(&p->soap);
    mime_free(&p->mime);
    source_free(&p->envelope);
    mem_free(private);
}

void as4_message_free(struct as4_message **message)
{
    struct as4_message *m = *message;

    if (m == NULL)
        return;
    eb_user_free(&m->user);
    mem_free(&m->partner);
    mem_free(&m->parts);
    as4_digests_free(&m->digests);
    private_free(&m->private);
    mem_free(message);
}

void as4_inbound_free(struct as4_inbound *inbound)
{
    as4_message_free(&inbound->message);
    buf_free(&inbound->receipt);
    as4_refusal_clear(&inbound->refusal);
    mem_free(&inbound->partner);
    mem_free(&inbound->message_id);
}

const xmlNode *as4_message_signed_info(const struct as4_message *message)
{
    return xml_child(message->private->security.signature, NS_DS, "SignedInfo");
}
