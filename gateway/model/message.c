/*
 * message.c - the catalogue as one table.
 *
 * What may be carried is a ceiling: an agreement's matrix, a person's consent and the state of the
 * case only take away from it. Header and case numbers (ADMIN) go with every document.
 */
#include "model/message.h"

#include <string.h>

#include "base/str.h"
#include "model/path.h"

#define C(name) (1u << CATEGORY_##name)
#define ADMIN   C(ADMIN)

/* clang-format off */
static const char *const none[] = { NULL };
static const char *const request_paths[] = {
    "Trafficking/Status", "Trafficking/Exploitation", "Risk/Level", NULL
};
static const char *const guardian[] = { "Family/Guardian", NULL };
static const char *const parents[] = { "Family/Member/Kinship", "Family/Member/Name", NULL };
static const char *const must_request[] = { "Case", "Person", "Consent", NULL };
static const char *const must_taken[] = { "CaseTaken", NULL };
static const char *const must_decision[] = { "Decision", NULL };
static const char *const must_ask[] = { "InfoRequest", NULL };
static const char *const must_answer[] = { "InfoResponse", NULL };

#define WD(answer, n) { answer, MESSAGE_WORKING_DAYS, n }

static const struct message_type types[MESSAGE_COUNT] = {
    { "M01", "ReferralRequest", "a consent for return or assistance is valid",
      MESSAGE_TO_RECEIVER, { WD("M03", 1), WD("M04", 10) },
      ADMIN | C(IDENT) | C(DOCS) | C(NEEDS) | C(CONSENT), request_paths, guardian, must_request,
      NULL, false, true, true },
    { "M02", "TransportAck", "a message passed or failed the machine's checks", MESSAGE_EITHER,
      { { 0 } }, 0, none, none, none, NULL, false, false, false },
    { "M03", "CaseTaken", "an officer has taken the case", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN, none, none, must_taken, "CaseTaken", false, true, true },
    { "M04", "Decision", "the receiver accepts, defers, redirects or declines", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN, none, none, must_decision, "Decision", false, true, true },
    { "M05", "InfoRequest", "something is missing", MESSAGE_EITHER,
      { WD("M06", 5) }, ADMIN, none, none, must_ask, "InfoRequest", false, true, true },
    { "M06", "InfoResponse", "what was asked is answered", MESSAGE_EITHER,
      { { 0 } }, CATEGORY_ALL, none, none, must_answer, "InfoResponse", false, true, true },
    { "M07", "IdentityCheckRequest", "identity and citizenship are to be checked",
      MESSAGE_TO_RECEIVER, { WD("M08", 10) }, ADMIN | C(IDENT) | C(DOCS) | C(PHOTO), parents, none,
      none, NULL, false, true, false },
    { "M08", "IdentityCheckResult", "the check has a result", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN | C(IDENT), none, none, none, NULL, false, true, false },
    { "M09", "TracingRequest", "a consent for tracing is valid", MESSAGE_TO_RECEIVER,
      { WD("M10", 15) }, ADMIN | C(FAMILY) | C(CONTACT), none, none, none, NULL, false, true, false },
    { "M10", "TracingResult", "tracing or assessment has a result", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN | C(FAMILY) | C(RISK), none, none, none, NULL, false, true, false },
    { "M11", "RiskUpdate", "the risk level changed", MESSAGE_EITHER,
      { { "ack", MESSAGE_HOURS, 24 } }, ADMIN | C(RISK), none, none, none, NULL, true, true, false },
    { "M12", "TravelDocumentStatus", "a travel document was asked for, issued or refused",
      MESSAGE_TO_SENDER, { { 0 } }, ADMIN | C(DOCS), none, none, none, NULL, false, true, false },
    { "M13", "TravelProposal", "route and date are proposed", MESSAGE_TO_RECEIVER,
      { WD("M14", 3) }, ADMIN | C(TRAVEL) | C(HEALTH), none, none, none, NULL, false, true, false },
    { "M14", "TravelAgreement", "the reception is confirmed", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN | C(TRAVEL) | C(NEEDS), none, none, none, NULL, false, true, false },
    { "M15", "DepartureNotice", "the person departed, is late, or did not come",
      MESSAGE_TO_RECEIVER, { { 0 } }, ADMIN | C(TRAVEL), none, none, none, NULL, false, true, false },
    { "M16", "HandoverRecord", "the person arrived, or did not", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN | C(TRAVEL), none, none, none, NULL, true, true, false },
    { "M17", "FollowUpReport", "1, 3, 6, 12 months after the return", MESSAGE_TO_SENDER,
      { { 0 } }, ADMIN | C(REINT), none, none, none, NULL, false, true, false },
    { "M18", "ConsentChange", "a consent is new, changed or withdrawn", MESSAGE_EITHER,
      { WD("ack", 1) }, ADMIN | C(CONSENT), none, none, none, NULL, true, true, false },
    { "M19", "Correction", "values that were sent are replaced", MESSAGE_EITHER,
      { WD("ack", 1) }, CATEGORY_ALL, none, none, none, NULL, false, true, false },
    { "M20", "Cancel", "the sender ends the case before handover", MESSAGE_TO_RECEIVER,
      { WD("ack", 1) }, ADMIN, none, none, none, NULL, true, true, false },
    { "M21", "Closure", "a side closes the case", MESSAGE_EITHER,
      { { 0 } }, ADMIN, none, none, none, NULL, false, true, false },
    { "M22", "Reopen", "a closed case goes on within 12 months", MESSAGE_EITHER,
      { WD("M03", 1) }, ADMIN, none, none, none, NULL, false, true, false },
    { "M23", "Erasure", "data are to be erased, or have been", MESSAGE_EITHER,
      { WD("M23", 10) }, ADMIN, none, none, none, NULL, false, true, false },
    { "M24", "StatisticsReport", "once a year, without persons", MESSAGE_EITHER,
      { { 0 } }, ADMIN, none, none, none, NULL, false, true, false },
    { "M25", "Suspension", "the case stands still, or goes on", MESSAGE_EITHER,
      { { 0 } }, ADMIN, none, none, none, NULL, true, true, false },
    { "M26", "Reminder", "a deadline was missed", MESSAGE_EITHER,
      { { 0 } }, ADMIN, none, none, none, NULL, false, true, false },
};
/* clang-format on */

const struct message_type *message_type_find(const char *id_or_name)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (text_eq(types[i].id, id_or_name) || text_eq(types[i].name, id_or_name))
            return &types[i];
    return NULL;
}

const struct message_type *message_type_at(size_t index)
{
    return index < MESSAGE_COUNT ? &types[index] : NULL;
}

static bool listed(const char *const *paths, const char *path)
{
    for (; *paths != NULL; paths++)
        if (path_covers(*paths, path) || path_covers(path, *paths))
            return true;
    return false;
}

static bool first_step_is(const char *path, const char *section)
{
    size_t len = strlen(section);

    return strncmp(path, section, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* The section belongs to messages of another kind. */
static bool foreign_section(const struct message_type *type, const char *path)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (types[i].own != NULL && first_step_is(path, types[i].own))
            return !text_eq(types[i].own, type->own);
    return false;
}

bool message_carries(const struct message_type *type, const char *path,
                     enum category category, bool child)
{
    if (foreign_section(type, path))
        return false;
    if ((type->categories & category_bit(category)) != 0)
        return true;
    return listed(type->paths, path) || (child && listed(type->child_paths, path));
}

static bool is_must(const struct message_type *type, const char *section)
{
    for (const char *const *must = type->must; *must != NULL; must++)
        if (text_eq(*must, section))
            return true;
    return false;
}

enum message_use message_section(const struct message_type *type, const char *section)
{
    if (foreign_section(type, section))
        return MESSAGE_NEVER;
    return is_must(type, section) ? MESSAGE_MUST : MESSAGE_MAY;
}

bool beneficiary_is_child(const char *code)
{
    return text_eq(code, "THB_CHILD") || text_eq(code, "CHILD_UNACC") ||
           text_eq(code, "CHILD_ACC");
}
