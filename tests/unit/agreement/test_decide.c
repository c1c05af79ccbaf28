/* The decision: every refusal beside its counterpart, every rule on a field, and narrowing. */
#include "support_agreement.h"

#include "agreement/agreement_private.h"
#include "base/buf.h"
#include "format/xml.h"

#define CHILD_BORN(day) \
    "<Person><Name type='legal'><Surname>Rusu</Surname></Name><BirthDate " \
    "precision='day'>" day "</BirthDate></Person>"
#define CASE_CHILD   "<Case><Beneficiary code='THB_CHILD'/></Case>"
#define GUARDIAN_YES CONSENT_MD("repatriation", "GIVEN", "AUTHORITY", "2026-11-03", "")
#define TRAVEL \
    "<Travel><PlannedOn>2026-12-01</PlannedOn><Reception form='x-y/1' field='f'>A. " \
    "B.</Reception></Travel>"
#define ANSWER(path, state) \
    "<InfoResponse><Answer><Path>" path "</Path><State code='" state \
    "'/></Answer></InfoResponse>"

/* --- the message as a whole ----------------------------------------------------------------- */

struct row {
    const char *name;
    const char *agreement, *from, *to; /* NULL: MDUA-1, MD-COORD, UA-COORD */
    const char *kind, *sections;
    const char *now;               /* NULL: 2026-11-24T09:00:00Z */
    const char *state;             /* of the case */
    const char *leg;               /* an operator's word */
    const char *sender, *receiver; /* parties of the case */
    const char *consents;          /* kept of the case; NULL: those of the message */
    const char *environment;
    const char *code; /* NULL: passes */
};

static struct row rows[] = {
    { .name = "an adult's request passes", .kind = "M01", .sections = M01_ADULT },

    { .name = "M02 is no document",
      .kind = "M02",
      .sections = "",
      .code = "agreement.kind-unknown" },
    { .name = "M27 does not exist",
      .kind = "M27",
      .sections = "",
      .code = "agreement.kind-unknown" },
    { .name = "environment training at a demo gateway",
      .kind = "M01",
      .sections = M01_ADULT,
      .environment = "training",
      .code = "agreement.environment" },
    { .name = "an office of no party",
      .kind = "M01",
      .to = "AL-ONAC",
      .sections = M01_ADULT,
      .code = "agreement.office-unknown" },
    { .name = "two offices of one party",
      .kind = "M01",
      .to = "MD-CONS",
      .sections = M01_ADULT,
      .code = "agreement.no-leg" },
    { .name = "AL to BY has no leg of the relay",
      .agreement = "IOM-RELAY",
      .from = "AL-ONAC",
      .to = "BY-COORD",
      .kind = "M01",
      .sections = M01_ADULT,
      .code = "agreement.no-leg" },

    /* validity, in the agreement's zone (Chisinau, UTC+2 in winter) */
    { .name = "the minute before it is in force",
      .kind = "M03",
      .sections = "<CaseTaken/>",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA",
      .now = "2025-12-31T21:59:59Z",
      .code = "agreement.not-yet" },
    { .name = "the minute it is in force",
      .kind = "M03",
      .sections = "<CaseTaken/>",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA",
      .now = "2025-12-31T22:00:00Z" },
    { .name = "the last minute",
      .kind = "M03",
      .sections = "<CaseTaken/>",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA",
      .now = "2031-12-31T21:59:59Z" },
    { .name = "the minute after",
      .kind = "M03",
      .sections = "<CaseTaken/>",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA",
      .now = "2031-12-31T22:00:00Z",
      .code = "agreement.expired" },
    { .name = "a closure after the end",
      .kind = "M21",
      .sections = "<Case/>",
      .now = "2032-06-01T00:00:00Z" },

    /* legs */
    { .name = "suspended, open cases frozen: request",
      .agreement = "BYUA-1",
      .from = "UA-COORD",
      .to = "BY-COORD",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .code = "agreement.leg-suspended" },
    { .name = "suspended, frozen: a consent change passes",
      .agreement = "BYUA-1",
      .from = "UA-COORD",
      .to = "BY-COORD",
      .kind = "M18",
      .sections = "<Consent form='UA-napravlennia/2.0' item='Tsil=1'><State "
                  "code='WITHDRAWN'/></Consent>" },
    { .name = "suspended, open cases closed: answer",
      .agreement = "MDUABY-3",
      .from = "UA-COORD",
      .to = "BY-COORD",
      .kind = "M06",
      .sections = ANSWER("Health", "UNKNOWN"),
      .sender = "BY",
      .receiver = "UA",
      .code = "agreement.leg-suspended" },
    { .name = "suspended, closing: cancellation passes",
      .agreement = "MDUABY-3",
      .from = "BY-COORD",
      .to = "UA-COORD",
      .kind = "M20",
      .sections = "<Case/>" },
    { .name = "the other legs of it are active",
      .agreement = "MDUABY-3",
      .from = "MD-COORD",
      .to = "BY-COORD",
      .kind = "M01",
      .sections = M01_ADULT },
    { .name = "an operator suspends",
      .kind = "M01",
      .sections = M01_ADULT,
      .leg = "SUSPENDED",
      .code = "agreement.leg-suspended" },
    { .name = "suspended by an operator, open case finishes",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .leg = "SUSPENDED" },
    { .name = "an operator cannot open what states suspended",
      .agreement = "BYUA-1",
      .from = "BY-COORD",
      .to = "UA-COORD",
      .kind = "M01",
      .sections = M01_ADULT,
      .leg = "ACTIVE",
      .code = "agreement.leg-suspended" },
    { .name = "an operator's word nobody knows suspends",
      .kind = "M01",
      .sections = M01_ADULT,
      .leg = "MAYBE",
      .code = "agreement.leg-suspended" },
    { .name = "terminated: no new case",
      .kind = "M01",
      .sections = M01_ADULT,
      .leg = "TERMINATED",
      .code = "agreement.leg-terminated" },
    { .name = "terminated: open cases finish",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .leg = "TERMINATED" },
    { .name = "a draft sends nothing",
      .kind = "M21",
      .sections = "<Case/>",
      .leg = "DRAFT",
      .code = "agreement.leg-draft" },
    { .name = "provisional is as active",
      .kind = "M01",
      .sections = M01_ADULT,
      .leg = "PROVISIONAL" },

    /* direction, offices, states */
    { .name = "the sender of the case does not decide",
      .kind = "M04",
      .sections = "<Decision/>",
      .sender = "MD",
      .receiver = "UA",
      .code = "agreement.direction" },
    { .name = "its receiver does",
      .kind = "M04",
      .sections = "<Decision/>",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA" },
    { .name = "a consulate refers nobody",
      .kind = "M01",
      .from = "MD-CONS",
      .sections = M01_ADULT,
      .code = "agreement.office-send" },
    { .name = "a consulate asks",
      .kind = "M05",
      .from = "MD-CONS",
      .sections = "<InfoRequest/>" },
    { .name = "a social service reports travel after acceptance only",
      .kind = "M16",
      .from = "UA-NSS",
      .to = "MD-COORD",
      .sections = TRAVEL,
      .sender = "MD",
      .receiver = "UA",
      .consents = YES_RETURN,
      .state = "UNDER_REVIEW",
      .code = "agreement.office-send" },
    { .name = "then it does",
      .kind = "M16",
      .from = "UA-NSS",
      .to = "MD-COORD",
      .sections = CASE_ADULT TRAVEL,
      .sender = "MD",
      .receiver = "UA",
      .consents = YES_RETURN,
      .state = "IN_TRANSIT" },
    { .name = "a consulate is no addressee of requests",
      .kind = "M01",
      .to = "UA-CONS",
      .sections = M01_ADULT,
      .code = "agreement.office-receive" },
    { .name = "no travel before acceptance",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "UNDER_REVIEW",
      .code = "agreement.case-state" },
    { .name = "nor in a declined case",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "DECLINED",
      .code = "agreement.case-state" },
    { .name = "travel once accepted",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "ACCEPTED" },

    /* the person */
    { .name = "no category of person",
      .kind = "M01",
      .sections = PERSON STATUS YES_RETURN,
      .code = "agreement.beneficiary" },
    { .name = "a category nobody agreed on",
      .kind = "M01",
      .sections = "<Case><Beneficiary code='TOURIST'/></Case>" PERSON STATUS YES_RETURN,
      .code = "agreement.beneficiary" },
    { .name = "suspected is too little in MDUA-1",
      .kind = "M01",
      .sections = CASE_ADULT PERSON
      "<Trafficking><Status code='SUSPECTED'/></Trafficking>" YES_RETURN,
      .code = "agreement.status" },
    { .name = "and enough in ALMD-1",
      .agreement = "ALMD-1",
      .to = "AL-ONAC",
      .kind = "M01",
      .sections = CASE_ADULT PERSON
      "<Trafficking><Status code='SUSPECTED'/></Trafficking>" YES_RETURN },
    { .name = "not a victim",
      .kind = "M01",
      .sections = CASE_ADULT PERSON
      "<Trafficking><Status code='NOT_VICTIM'/></Trafficking>" YES_RETURN,
      .code = "agreement.status" },
    { .name = "a status that ended was one",
      .kind = "M01",
      .sections = CASE_ADULT PERSON
      "<Trafficking><Status code='EXPIRED'/></Trafficking>" YES_RETURN },
    { .name = "a person in difficulty needs none",
      .kind = "M01",
      .sections = "<Case><Beneficiary code='PERSON_DIFF'/></Case>" PERSON YES_RETURN },
    { .name = "an adult does",
      .kind = "M01",
      .sections = CASE_ADULT PERSON YES_RETURN,
      .code = "agreement.required" },
    { .name = "no birth date",
      .kind = "M01",
      .sections = CASE_ADULT
      "<Person><Name type='legal'><Full>X</Full></Name></Person>" STATUS YES_RETURN,
      .code = "agreement.required" },

    /* consent, its counterparts one by one */
    { .name = "no consent",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS,
      .code = "agreement.consent-missing" },
    { .name = "consent for health alone is no base",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("healthData", "GIVEN", "SELF",
                                                      "2026-11-03", ""),
      .code = "agreement.consent-missing" },
    { .name = "assistance is a base",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("assistance", "GIVEN", "SELF",
                                                      "2026-11-03", "") },
    { .name = "refused",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("repatriation", "REFUSED", "SELF",
                                                      "2026-11-03", ""),
      .code = "agreement.consent-refused" },
    { .name = "withdrawn",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("repatriation", "WITHDRAWN", "SELF",
                                                      "2026-11-03", ""),
      .code = "agreement.consent-withdrawn" },
    { .name = "given, with a day of withdrawal today",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn><WithdrawnOn>2026-11-24</WithdrawnOn></Consent>",
      .code = "agreement.consent-withdrawn" },
    { .name = "withdrawn from tomorrow on",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn><WithdrawnOn>2026-11-25</WithdrawnOn></Consent>" },
    { .name = "a later refusal beats an earlier yes",
      .kind = "M01",
      .sections =
          M01_ADULT CONSENT_MD("repatriation", "REFUSED", "SELF", "2026-11-10", ""),
      .code = "agreement.consent-withdrawn" },
    { .name = "a later yes beats an earlier refusal",
      .kind = "M01",
      .sections =
          M01_ADULT CONSENT_MD("repatriation", "REFUSED", "SELF", "2026-11-01", "") },
    { .name = "a refusal of another purpose changes nothing",
      .kind = "M01",
      .sections = M01_ADULT CONSENT_MD("followUp", "REFUSED", "SELF", "2026-11-10", "") },
    { .name = "given tomorrow",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("repatriation", "GIVEN", "SELF",
                                                      "2026-11-25", ""),
      .code = "agreement.consent-future" },
    { .name = "given today, which began at 22:00 UTC",
      .kind = "M01",
      .now = "2026-11-24T22:00:00Z",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("repatriation", "GIVEN", "SELF",
                                                      "2026-11-25", "") },
    { .name = "undated",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/></Consent>",
      .code = "agreement.consent-undated" },
    { .name = "dated with what is no day",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("repatriation", "GIVEN", "SELF",
                                                      "2026-02-30", ""),
      .code = "agreement.consent-undated" },
    { .name = "the last minute of its last day",
      .kind = "M01",
      .now = "2026-12-01T21:59:59Z",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn><ValidUntil>2026-12-01</ValidUntil></Consent>" },
    { .name = "midnight in Chisinau",
      .kind = "M01",
      .now = "2026-12-01T22:00:00Z",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn><ValidUntil>2026-12-01</ValidUntil></Consent>",
      .code = "agreement.consent-expired" },
    { .name = "twelve months without a term",
      .kind = "M01",
      .now = "2027-11-02T21:59:59Z",
      .sections = M01_ADULT },
    { .name = "and a day",
      .kind = "M01",
      .now = "2027-11-02T22:00:00Z",
      .sections = M01_ADULT,
      .code = "agreement.consent-expired" },
    { .name = "a longer term than the agreement's does not count",
      .kind = "M01",
      .now = "2027-11-02T22:00:00Z",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='MD-referral/1.2' item='repatriation'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn><ValidUntil>2030-01-01</ValidUntil></Consent>",
      .code = "agreement.consent-expired" },
    { .name = "for another office",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD(
          "repatriation", "GIVEN", "SELF", "2026-11-03", "<Recipient>UA-NSS</Recipient>"),
      .code = "agreement.consent-recipient" },
    { .name = "for this office among others",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD(
          "repatriation", "GIVEN", "SELF", "2026-11-03",
          "<Recipient>UA-NSS</Recipient><Recipient>UA-COORD</Recipient>") },
    { .name = "on a form nobody declared",
      .kind = "M01",
      .sections =
          CASE_ADULT PERSON STATUS "<Consent form='XX-form/9' item='repatriation'><State "
                                   "code='GIVEN'/><Giver code='SELF'/>"
                                   "<GivenOn>2026-11-03</GivenOn></Consent>",
      .code = "agreement.consent-undeclared" },
    { .name = "on the other party's form",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS
      "<Consent form='UA-napravlennia/2.0' item='Tsil=1'><State code='GIVEN'/><Giver "
      "code='SELF'/>"
      "<GivenOn>2026-11-03</GivenOn></Consent>",
      .code = "agreement.consent-undeclared" },
    { .name = "at an item nobody declared",
      .kind = "M01",
      .sections = CASE_ADULT PERSON STATUS CONSENT_MD("everything", "GIVEN", "SELF",
                                                      "2026-11-03", ""),
      .code = "agreement.consent-undeclared" },
    { .name = "base consent withdrawn: nothing but what winds up",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .consents = CONSENT_MD("repatriation", "WITHDRAWN", "SELF", "2026-11-03", ""),
      .state = "UNDER_REVIEW",
      .code = "agreement.consent-withdrawn" },
    { .name = "the cancellation passes",
      .kind = "M20",
      .sections = "<Case/>",
      .consents = CONSENT_MD("repatriation", "WITHDRAWN", "SELF", "2026-11-03", "") },
    { .name = "one purpose withdrawn, the base stands",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .consents =
          YES_RETURN CONSENT_MD("healthData", "WITHDRAWN", "SELF", "2026-11-03", "") },

    /* children: 2008-11-24 is 18 on the day of the tests */
    { .name = "a child with the authority's consent",
      .kind = "M01",
      .sections = CASE_CHILD CHILD_BORN("2010-06-20") STATUS GUARDIAN_YES },
    { .name = "a child that signed itself",
      .kind = "M01",
      .sections = CASE_CHILD CHILD_BORN("2010-06-20") STATUS YES_RETURN,
      .code = "agreement.consent-minor" },
    { .name = "said to be an adult, born as a child",
      .kind = "M01",
      .sections = CASE_ADULT CHILD_BORN("2010-06-20") STATUS YES_RETURN,
      .code = "agreement.consent-minor" },
    { .name = "the minute before it is 18 in Chisinau",
      .kind = "M01",
      .now = "2026-11-23T21:59:59Z",
      .sections = CASE_CHILD CHILD_BORN("2008-11-24") STATUS GUARDIAN_YES },
    { .name = "the minute it is 18",
      .kind = "M01",
      .now = "2026-11-23T22:00:00Z",
      .sections = CASE_CHILD CHILD_BORN("2008-11-24") STATUS GUARDIAN_YES,
      .code = "agreement.consent-own" },
    { .name = "with the own consent then",
      .kind = "M01",
      .now = "2026-11-23T22:00:00Z",
      .sections = CASE_CHILD CHILD_BORN("2008-11-24") STATUS YES_RETURN },
    { .name = "and not the minute before",
      .kind = "M01",
      .now = "2026-11-23T21:59:59Z",
      .sections = CASE_CHILD CHILD_BORN("2008-11-24") STATUS YES_RETURN,
      .code = "agreement.consent-minor" },
    { .name = "only the year is known: ask",
      .kind = "M01",
      .sections =
          CASE_CHILD "<Person><Name type='legal'><Full>X</Full></Name><BirthDate "
                     "precision='year'>2008</BirthDate></Person>" STATUS GUARDIAN_YES,
      .code = "agreement.age-unknown" },
    { .name = "only the year is known: both signed",
      .kind = "M01",
      .sections = CASE_CHILD
      "<Person><Name type='legal'><Full>X</Full></Name><BirthDate "
      "precision='year'>2008</BirthDate></Person>" STATUS GUARDIAN_YES YES_RETURN },
    { .name = "only the year is known, and it is a child's",
      .kind = "M01",
      .sections =
          CASE_CHILD "<Person><Name type='legal'><Full>X</Full></Name><BirthDate "
                     "precision='year'>2010</BirthDate></Person>" STATUS GUARDIAN_YES },
    { .name = "only the month is known, and passed",
      .kind = "M01",
      .sections =
          CASE_CHILD "<Person><Name type='legal'><Full>X</Full></Name><BirthDate "
                     "precision='month'>2008-10</BirthDate></Person>" STATUS YES_RETURN },
    { .name = "no guardian named before travel",
      .kind = "M13",
      .sections = CASE_CHILD CHILD_BORN("2010-06-20") TRAVEL,
      .consents = GUARDIAN_YES,
      .state = "ACCEPTED",
      .code = "agreement.guardian" },
    { .name = "an adult needs none",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "ACCEPTED" },
    { .name = "a child without reception by name",
      .kind = "M14",
      .from = "UA-COORD",
      .to = "MD-COORD",
      .sender = "MD",
      .receiver = "UA",
      .sections = CASE_CHILD "<Travel><PlannedOn>2026-12-01</PlannedOn></Travel>",
      .consents = GUARDIAN_YES,
      .state = "ACCEPTED",
      .code = "agreement.reception" },

    /* third party: the one that is neither sender nor receiver of the case's M01 */
    { .name = "the third learns of the journey",
      .agreement = "ALMDUA-3",
      .from = "MD-COORD",
      .to = "UA-COORD",
      .sender = "MD",
      .receiver = "AL",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "ACCEPTED" },
    { .name = "not of questions",
      .agreement = "ALMDUA-3",
      .from = "MD-COORD",
      .to = "UA-COORD",
      .sender = "MD",
      .receiver = "AL",
      .kind = "M05",
      .sections = "<InfoRequest/>",
      .code = "agreement.third-party" },
    { .name = "the receiver does",
      .agreement = "ALMDUA-3",
      .from = "MD-COORD",
      .to = "AL-ONAC",
      .sender = "MD",
      .receiver = "AL",
      .kind = "M05",
      .sections = "<InfoRequest/>" },
    { .name = "in MDUABY-3 the third gets nothing",
      .agreement = "MDUABY-3",
      .from = "MD-COORD",
      .to = "BY-COORD",
      .sender = "MD",
      .receiver = "UA",
      .kind = "M13",
      .sections = CASE_ADULT TRAVEL,
      .consents = YES_RETURN,
      .state = "ACCEPTED",
      .code = "agreement.third-party" },
};

static struct decide_input input_of(const struct row *row, const xmlDoc *doc,
                                    const xmlDoc *consents)
{
    struct decide_input in = test_input(doc);

    if (row->agreement != NULL)
        in.agreement = test_agreement(row->agreement);
    if (row->from != NULL)
        in.from_office = row->from;
    if (row->to != NULL)
        in.to_office = row->to;
    if (row->now != NULL)
        in.now_ms = AT(row->now);
    if (row->environment != NULL)
        in.environment = row->environment;
    in.case_state = row->state;
    in.leg_override = row->leg;
    in.case_sender = row->sender;
    in.case_receiver = row->receiver;
    in.consents = consents;
    return in;
}

static void test_row(void **state)
{
    const struct row *row = *state;
    AUTO(xml_doc_free) xmlDoc *doc = test_referral(row->kind, row->sections);
    AUTO(xml_doc_free)
    xmlDoc *consents = row->consents == NULL ? NULL : test_referral("M18", row->consents);
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    struct decide_input in = input_of(row, doc, consents);
    struct err err = { 0 };
    bool passes;

    passes = decide(&in, &verdicts);
    if (row->code == NULL && !passes)
        fail_msg("refused: %s: %s", verdicts.refusals[0].code, verdicts.refusals[0].text);
    if (row->code == NULL)
        return;
    assert_false(passes);
    if (!test_refused(&verdicts, row->code))
        fail_msg("refused for %s instead: %s", verdicts.refusals[0].code,
                 verdicts.refusals[0].text);
    assert_false(verdicts_err(&verdicts, &err));
    assert_int_equal(err.kind, ERR_DENIED);
    assert_string_equal(err.code, verdicts.refusals[0].code);
}

static void test_kind_forbidden(void **state)
{
    AUTO(mem_free) char *text = test_file("agreements/MDUA-1.json");
    AUTO(mem_free)
    char *without =
        test_edit(text, "\"zone\"", "\"messages\": { \"M05\": null }, \"zone\"");
    AUTO(fileset_free)
    struct fileset *tree = test_tree_with("agreements/MDUA-1.json", without);
    AUTO(agreement_free) struct agreement *a = test_agreement_of(tree, "MDUA-1");
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M05", "<InfoRequest/>");
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    struct decide_input in = test_input(doc);

    (void)state;
    in.agreement = a;
    assert_false(decide(&in, &verdicts));
    assert_true(test_refused(&verdicts, "agreement.kind-forbidden"));
}

static struct agreement *with_leg(const char *by, struct fileset **ret_tree)
{
    AUTO(mem_free) char *text = test_file("agreements/MDUA-1.json");
    AUTO(mem_free)
    char *other =
        test_edit(text,
                  "\"state\": \"ACTIVE\", \"validFrom\": \"2026-01-01\", \"validTo\": "
                  "\"2031-12-31\"",
                  by);

    *ret_tree = test_tree_with("agreements/MDUA-1.json", other);
    return test_agreement_of(*ret_tree, "MDUA-1");
}

static void test_leg_dates(void **state)
{
    static const struct {
        const char *by, *code;
    } legs[] = {
        { "\"state\": \"ACTIVE\", \"validFrom\": \"2026-11-25\"",
          "agreement.leg-not-yet" },
        { "\"state\": \"ACTIVE\", \"validFrom\": \"2026-11-24\"", NULL },
        { "\"state\": \"ACTIVE\", \"validFrom\": \"2026-01-01\", \"validTo\": "
          "\"2026-11-23\"",
          "agreement.leg-expired" },
        { "\"state\": \"ACTIVE\", \"validFrom\": \"2026-01-01\", \"validTo\": "
          "\"2026-11-24\"",
          NULL },
        { "\"state\": \"TERMINATED\", \"validFrom\": \"2026-01-01\"",
          "agreement.leg-terminated" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(legs); i++) {
        AUTO(fileset_free) struct fileset *tree = NULL;
        AUTO(agreement_free) struct agreement *a = with_leg(legs[i].by, &tree);
        AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", M01_ADULT);
        AUTO(verdicts_free) struct verdicts verdicts = { 0 };
        struct decide_input in = test_input(doc);

        in.agreement = a;
        assert_int_equal(decide(&in, &verdicts), legs[i].code == NULL);
        if (legs[i].code != NULL)
            assert_string_equal(verdicts.refusals[0].code, legs[i].code);
    }
}

/* --- fields --------------------------------------------------------------------------------- */

struct field_row {
    const char *name;
    const char *agreement, *to;
    const char *kind, *sections, *consents, *state;
    const char *asked; /* comma between */
    const char *path;
    bool carry;
    enum verdict_check check;
    const char *clause; /* NULL: not looked at */
};

#define HEALTH     "<Health><FitToTravel>true</FitToTravel></Health>"
#define YES_HEALTH CONSENT_MD("healthData", "GIVEN", "SELF", "2026-11-03", "")
#define ADDRESS \
    "<Person><Address type='origin'><Country " \
    "code='UA'/><Street>Exemplu</Street></Address></Person>"
#define PHONE_OK \
    "<Person><Phone safe='true'><Number>+373 1</Number>" \
    "<Instructions form='MD-referral/1.2' " \
    "field='contact.phones.instructions'>x</Instructions></Phone></Person>"
#define NOTE(attributes)       "<Note " attributes ">text</Note>"
#define ATTACHMENT(attributes) "<Attachment id='a1' sha256='00' size='1' " attributes "/>"

static struct field_row fields[] = {
    { "a name goes in a request", NULL, NULL, "M01", M01_ADULT, NULL, NULL, NULL,
      "Person/Name/Surname", true, VERDICT_ALLOWED, "7(1)" },
    { "an address does not: the message type", NULL, NULL, "M01", M01_ADULT ADDRESS, NULL,
      NULL, NULL, "Person/Address/Street", false, VERDICT_MESSAGE, "7(1)" },
    { "nor does health", NULL, NULL, "M01", M01_ADULT HEALTH YES_HEALTH, NULL, NULL, NULL,
      "Health/FitToTravel", false, VERDICT_MESSAGE, "7(1)" },
    { "the status and the forms of exploitation go", NULL, NULL, "M01", M01_ADULT, NULL,
      NULL, NULL, "Trafficking/Exploitation", true, VERDICT_ALLOWED, NULL },
    { "the means do not", NULL, NULL, "M01",
      CASE_ADULT PERSON "<Trafficking><Status code='IDENTIFIED'/><Control "
                        "code='DOCS'/></Trafficking>" YES_RETURN,
      NULL, NULL, NULL, "Trafficking/Control", false, VERDICT_MESSAGE, NULL },
    { "the risk level goes", NULL, NULL, "M01",
      M01_ADULT "<Risk><Level code='HIGH'/></Risk>", NULL, NULL, NULL, "Risk/Level", true,
      VERDICT_ALLOWED, NULL },
    { "the factors do not", NULL, NULL, "M01",
      M01_ADULT "<Risk><Level code='HIGH'/><Factor code='DEBT'/></Risk>", NULL, NULL,
      NULL, "Risk/Factor", false, VERDICT_MESSAGE, NULL },

    { "health goes as an answer with its consent", NULL, NULL, "M06",
      CASE_ADULT PERSON HEALTH ANSWER("Health", "PROVIDED"), YES_RETURN YES_HEALTH,
      "UNDER_REVIEW", "Health", "Health/FitToTravel", true, VERDICT_ALLOWED, NULL },
    { "not without", NULL, NULL, "M06",
      CASE_ADULT PERSON HEALTH ANSWER("Health", "PROVIDED"), YES_RETURN, "UNDER_REVIEW",
      "Health", "Health/FitToTravel", false, VERDICT_CONSENT, "5(1)" },
    { "not when it names another office", NULL, NULL, "M06",
      CASE_ADULT HEALTH ANSWER("Health", "PROVIDED"),
      YES_RETURN CONSENT_MD("healthData", "GIVEN", "SELF", "2026-11-03",
                            "<Recipient>UA-MOZ</Recipient>"),
      "UNDER_REVIEW", "Health", "Health/FitToTravel", false, VERDICT_CONSENT, NULL },
    { "not when the person left the category out", NULL, NULL, "M06",
      CASE_ADULT
      "<Needs><Service code='DOCS' state='NEEDED'/></Needs>" ANSWER("Needs", "PROVIDED"),
      CONSENT_MD("repatriation", "GIVEN", "SELF", "2026-11-03",
                 "<Category code='IDENT'/>"),
      "UNDER_REVIEW", "Needs", "Needs/Service", false, VERDICT_CONSENT, NULL },
    { "an agreement that leaves health out", "BYMD-1", "BY-COORD", "M06",
      CASE_ADULT HEALTH ANSWER("Health", "PROVIDED"), YES_RETURN YES_HEALTH,
      "UNDER_REVIEW", "Health", "Health/FitToTravel", false, VERDICT_EXCLUDED, "3(9)" },
    { "what nobody asked", NULL, NULL, "M06",
      CASE_ADULT HEALTH ANSWER("Health", "PROVIDED"), YES_RETURN YES_HEALTH,
      "UNDER_REVIEW", "Person/BirthPlace", "Health/FitToTravel", false, VERDICT_ASKED,
      "7(6)" },
    { "what is answered as refused", NULL, NULL, "M06",
      CASE_ADULT HEALTH ANSWER("Health", "REFUSED"), YES_RETURN YES_HEALTH,
      "UNDER_REVIEW", "Health", "Health/FitToTravel", false, VERDICT_ASKED, NULL },
    { "the former name that was asked", NULL, NULL, "M06",
      CASE_ADULT
      "<Person><Name type='former'><Surname>X</Surname></Name></Person>" ANSWER(
          "Person/Name[type=former]/Surname", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Person/Name[type=former]/Surname",
      "Person/Name/Surname", true, VERDICT_ALLOWED, NULL },
    { "not the alias beside it", NULL, NULL, "M06",
      CASE_ADULT "<Person><Name type='alias'><Surname>X</Surname></Name></Person>" ANSWER(
          "Person/Name[type=former]/Surname", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Person/Name[type=former]/Surname",
      "Person/Name/Surname", false, VERDICT_ASKED, NULL },

    { "the street before acceptance", NULL, NULL, "M06",
      CASE_ADULT ADDRESS ANSWER("Person/Address", "PROVIDED"), YES_RETURN, "UNDER_REVIEW",
      "Person/Address", "Person/Address/Street", false, VERDICT_FIELD, "8(1)" },
    { "the country then", NULL, NULL, "M06",
      CASE_ADULT ADDRESS ANSWER("Person/Address", "PROVIDED"), YES_RETURN, "UNDER_REVIEW",
      "Person/Address", "Person/Address/Country", true, VERDICT_ALLOWED, NULL },
    { "the street once accepted", NULL, NULL, "M06",
      CASE_ADULT ADDRESS ANSWER("Person/Address", "PROVIDED"), YES_RETURN, "ACCEPTED",
      "Person/Address", "Person/Address/Street", true, VERDICT_ALLOWED, NULL },
    { "the street when the case was declined", NULL, NULL, "M06",
      CASE_ADULT ADDRESS ANSWER("Person/Address", "PROVIDED"), YES_RETURN, "DECLINED",
      "Person/Address", "Person/Address/Street", false, VERDICT_FIELD, NULL },

    { "a consul does not see circumstances", NULL, "UA-CONS", "M06",
      CASE_ADULT "<Trafficking><Control code='DOCS'/></Trafficking>" ANSWER("Trafficking",
                                                                            "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Trafficking", "Trafficking/Control", false,
      VERDICT_OFFICE, "9(2)" },
    { "but the risk level", NULL, "UA-CONS", "M06",
      CASE_ADULT "<Risk><Level code='HIGH'/></Risk>" ANSWER("Risk", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Risk", "Risk/Level", true, VERDICT_ALLOWED, NULL },

    { "family goes with tracing", NULL, NULL, "M06",
      CASE_ADULT "<Family><Member><Kinship code='MOTHER'/></Member></Family>" ANSWER(
          "Family", "PROVIDED"),
      YES_RETURN CONSENT_MD("familyTracing", "GIVEN", "SELF", "2026-11-03", ""),
      "UNDER_REVIEW", "Family", "Family/Member/Kinship", true, VERDICT_ALLOWED, NULL },
    { "and not with the return", NULL, NULL, "M06",
      CASE_ADULT "<Family><Member><Kinship code='MOTHER'/></Member></Family>" ANSWER(
          "Family", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Family", "Family/Member/Kinship", false,
      VERDICT_CONSENT, NULL },
    { "nor with identity, return and assistance together", NULL, NULL, "M06",
      CASE_ADULT
      "<Family><Member><Name type='legal'><Full>M</Full></Name></Member></Family>" ANSWER(
          "Family", "PROVIDED"),
      YES_RETURN CONSENT_MD("identityCheck", "GIVEN", "SELF", "2026-11-03", "")
          CONSENT_MD("assistance", "GIVEN", "SELF", "2026-11-03", ""),
      "UNDER_REVIEW", "Family", "Family/Member/Name/Full", false, VERDICT_CONSENT,
      "5(1)" },
    { "the parents' names go with identity in M07", NULL, NULL, "M07",
      CASE_ADULT PERSON "<Family><Member><Kinship code='MOTHER'/><Name "
                        "type='legal'><Full>M</Full></Name></Member></Family>",
      YES_RETURN CONSENT_MD("identityCheck", "GIVEN", "SELF", "2026-11-03", ""), NULL,
      NULL, "Family/Member/Name/Full", true, VERDICT_ALLOWED, NULL },
    { "the guardian of an adult does not go with the return", NULL, NULL, "M06",
      CASE_ADULT "<Family><Guardian><Phone>1</Phone></Guardian></Family>" ANSWER(
          "Family", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Family", "Family/Guardian/Phone", false,
      VERDICT_CONSENT, NULL },
    { "the guardian of a child goes with the return", NULL, NULL, "M01",
      CASE_CHILD CHILD_BORN(
          "2010-06-20") "<Family><Guardian><Name "
                        "type='legal'><Full>G</Full></Name></Guardian></Family>" STATUS
                            GUARDIAN_YES,
      NULL, NULL, NULL, "Family/Guardian/Name/Full", true, VERDICT_ALLOWED, NULL },
    { "that of an adult does not", NULL, NULL, "M01",
      CASE_ADULT PERSON
      "<Family><Guardian><Name "
      "type='legal'><Full>G</Full></Name></Guardian></Family>" STATUS YES_RETURN,
      NULL, NULL, NULL, "Family/Guardian/Name/Full", false, VERDICT_MESSAGE, NULL },
    { "a guardian is no official among the contacts", NULL, NULL, "M01",
      M01_ADULT "<Contact role='GUARDIAN'><Name>G</Name></Contact>", NULL, NULL, NULL,
      "Contact/Name", false, VERDICT_MESSAGE, NULL },
    { "a case manager is", NULL, NULL, "M01",
      M01_ADULT "<Contact role='SENDING_CASE_MANAGER'><Name>G</Name></Contact>", NULL,
      NULL, NULL, "Contact/Name", true, VERDICT_ALLOWED, NULL },

    { "a child's guardian's consent at 18 covers no field", NULL, NULL, "M06",
      CASE_CHILD CHILD_BORN("2008-11-24") ANSWER("Person", "PROVIDED"), GUARDIAN_YES,
      "UNDER_REVIEW", "Person", "Person/Name/Surname", false, VERDICT_CONSENT, NULL },

    { "risk level in an update needs consent", NULL, NULL, "M11",
      CASE_ADULT "<Risk><Level code='HIGH'/></Risk>",
      CONSENT_MD("healthData", "GIVEN", "SELF", "2026-11-03", ""), "ACCEPTED", NULL,
      "Risk/Level", false, VERDICT_CONSENT, NULL },
    { "unless life is in danger", NULL, NULL, "M11",
      CASE_ADULT "<Risk><Level code='CRITICAL'/><Factor code='REPRISAL'/></Risk>",
      CONSENT_MD("healthData", "GIVEN", "SELF", "2026-11-03", ""), "ACCEPTED", NULL,
      "Risk/Factor", true, VERDICT_ALLOWED, "5(6)" },
    { "and then no more than level and factors", NULL, NULL, "M11",
      CASE_ADULT "<Risk><Level code='CRITICAL'/><AssessedBy>X</AssessedBy></Risk>",
      CONSENT_MD("healthData", "GIVEN", "SELF", "2026-11-03", ""), "ACCEPTED", NULL,
      "Risk/AssessedBy", false, VERDICT_CONSENT, NULL },

    { "a note the agreement declares", NULL, NULL, "M01",
      M01_ADULT NOTE("form='MD-referral/1.2' field='notes'"), NULL, NULL, NULL, "Note",
      true, VERDICT_ALLOWED, NULL },
    { "a note nobody declared", NULL, NULL, "M01",
      M01_ADULT NOTE("form='MD-referral/1.2' field='memo'"), NULL, NULL, NULL, "Note",
      false, VERDICT_TEXT, NULL },
    { "a field that only begins so", NULL, NULL, "M01",
      M01_ADULT NOTE("form='MD-referral/1.2' field='notes2'"), NULL, NULL, NULL, "Note",
      false, VERDICT_TEXT, NULL },
    { "a field with the condition of its mapping", NULL, NULL, "M01",
      M01_ADULT NOTE(
          "form='UA-napravlennia/2.0' field='Prymitka[rozdil=potreby]' about='NEEDS'"),
      NULL, NULL, NULL, "Note", true, VERDICT_ALLOWED, NULL },
    { "the part of the form that has no category", NULL, NULL, "M01",
      M01_ADULT NOTE("form='UA-napravlennia/2.0' field='Prymitka[rozdil=inshe]'"), NULL,
      NULL, NULL, "Note", false, VERDICT_TEXT, NULL },
    { "a note of an unknown form", NULL, NULL, "M01",
      M01_ADULT NOTE("form='XX-x/1' field='notes'"), NULL, NULL, NULL, "Note", false,
      VERDICT_TEXT, NULL },
    { "a note with an officer's category", NULL, NULL, "M01",
      M01_ADULT NOTE("category='IDENT'"), NULL, NULL, NULL, "Note", true, VERDICT_ALLOWED,
      NULL },
    { "one whose officer says health", NULL, NULL, "M01",
      M01_ADULT NOTE("category='HEALTH' form='MD-referral/1.2' field='notes'"), NULL,
      NULL, NULL, "Note", false, VERDICT_MESSAGE, NULL },
    { "one whose officer says what is none", NULL, NULL, "M01",
      M01_ADULT NOTE("category='SECRET' form='MD-referral/1.2' field='notes'"), NULL,
      NULL, NULL, "Note", false, VERDICT_TEXT, NULL },
    { "an answer's note is about the handling", NULL, NULL, "M05",
      "<InfoRequest/>" NOTE("form='MD-referral/1.2' field='notes'"), NULL, NULL, NULL,
      "Note", true, VERDICT_ALLOWED, NULL },
    { "a field's text that its officer calls health", NULL, NULL, "M06",
      CASE_ADULT
      "<Risk><Level code='HIGH'/><Measures category='HEALTH'>x</Measures></Risk>" ANSWER(
          "Risk", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Risk", "Risk/Measures", false, VERDICT_CONSENT, NULL },
    { "a category does not open another section", NULL, NULL, "M06",
      CASE_ADULT "<Health><Description category='NEEDS'>x</Description></Health>" ANSWER(
          "Health", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Health", "Health/Description", false, VERDICT_CONSENT,
      NULL },

    { "a scan of the consent", NULL, NULL, "M01",
      M01_ADULT ATTACHMENT("category='CONSENT' mediaType='application/pdf'"), NULL, NULL,
      NULL, "Attachment", true, VERDICT_ALLOWED, NULL },
    { "a program", NULL, NULL, "M01",
      M01_ADULT ATTACHMENT("category='CONSENT' mediaType='application/x-msdownload'"),
      NULL, NULL, NULL, "Attachment", false, VERDICT_ATTACHMENT, "16(1)" },
    { "an attachment without category", NULL, NULL, "M01",
      M01_ADULT ATTACHMENT("mediaType='application/pdf' kind='OTHER'"), NULL, NULL, NULL,
      "Attachment", false, VERDICT_ATTACHMENT, "16(1)" },
    { "one of a kind the agreement knows", NULL, NULL, "M01",
      M01_ADULT ATTACHMENT("mediaType='application/pdf' kind='DOCUMENT'"), NULL, NULL,
      NULL, "Attachment", true, VERDICT_ALLOWED, NULL },
    { "a medical paper called a document", NULL, NULL, "M01",
      M01_ADULT ATTACHMENT("category='DOCS' mediaType='application/pdf' kind='MEDICAL'"),
      NULL, NULL, NULL, "Attachment", false, VERDICT_MESSAGE, NULL },
    { "a photograph", NULL, NULL, "M01",
      CASE_ADULT
      "<Person><Name type='legal'><Full>X</Full></Name><BirthDate "
      "precision='day'>1992-03-15</BirthDate><Photo attachment='a1'/></Person>" STATUS
          YES_RETURN ATTACHMENT("category='IDENT' mediaType='image/jpeg'"),
      NULL, NULL, NULL, "Attachment", false, VERDICT_MESSAGE, NULL },

    { "ethnicity never", NULL, NULL, "M01",
      M01_ADULT "<NationalExtension form='MD-referral/1.2' field='extensions' "
                "category='IDENT'>x</NationalExtension>",
      NULL, NULL, NULL, "NationalExtension", false, VERDICT_NEVER, "Annex MD 14" },
    { "a national field by its category", NULL, NULL, "M01",
      M01_ADULT "<NationalExtension form='AL-referim/1.0' field='X' "
                "category='IDENT'>x</NationalExtension>",
      NULL, NULL, NULL, "NationalExtension", true, VERDICT_ALLOWED, NULL },
    { "a national field without one", NULL, NULL, "M01",
      M01_ADULT
      "<NationalExtension form='AL-referim/1.0' field='X'>x</NationalExtension>",
      NULL, NULL, NULL, "NationalExtension", false, VERDICT_UNKNOWN, NULL },
    { "an element nobody knows", NULL, NULL, "M01", M01_ADULT "<Horoscope>x</Horoscope>",
      NULL, NULL, NULL, "Horoscope", false, VERDICT_UNKNOWN, NULL },

    { "a telephone with its instructions", NULL, NULL, "M06",
      CASE_ADULT PHONE_OK ANSWER("Person/Phone", "PROVIDED"), YES_RETURN, "UNDER_REVIEW",
      "Person/Phone", "Person/Phone/Number", true, VERDICT_ALLOWED, NULL },
    { "instructions come along when only the number was asked", NULL, NULL, "M06",
      CASE_ADULT PHONE_OK ANSWER("Person/Phone/Number", "PROVIDED"), YES_RETURN,
      "UNDER_REVIEW", "Person/Phone/Number", "Person/Phone/Instructions", true,
      VERDICT_ALLOWED, NULL },
    { "no number when the instructions may not go", NULL, NULL, "M06",
      CASE_ADULT "<Person><Phone safe='true'><Number>+373 1</Number><Instructions "
                 "category='HEALTH'>x</Instructions></Phone></Person>" ANSWER(
                     "Person/Phone", "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Person/Phone", "Person/Phone/Number", false,
      VERDICT_BOUND, "8(4)" },
    { "no number when general instructions may not go", NULL, NULL, "M06",
      CASE_ADULT
      "<Person><Phone safe='true'><Number>+373 1</Number></Phone><ContactInstructions "
      "category='HEALTH'>x</ContactInstructions></Person>" ANSWER("Person/Phone",
                                                                  "PROVIDED"),
      YES_RETURN, "UNDER_REVIEW", "Person/Phone", "Person/Phone/Number", false,
      VERDICT_BOUND, "8(4)" },
    { "no relative when it may not be said that he must not be called", NULL, NULL, "M06",
      CASE_ADULT "<Family><Member><Kinship code='SPOUSE'/><NoContactReason "
                 "category='CRIMINAL'>x</NoContactReason></Member></Family>" ANSWER(
                     "Family", "PROVIDED"),
      YES_RETURN CONSENT_MD("familyTracing", "GIVEN", "SELF", "2026-11-03", ""),
      "UNDER_REVIEW", "Family", "Family/Member/Kinship", false, VERDICT_BOUND, "8(5)" },
};

static void split(const char *text, struct strlist *ret)
{
    struct str rest = str_of(text), item;

    while (str_next(&rest, ',', &item)) {
        AUTO(mem_free) char *path = mem_strndup(item.ptr, item.len);

        strlist_add(ret, path);
    }
}

static void test_field(void **state)
{
    const struct field_row *row = *state;
    AUTO(xml_doc_free) xmlDoc *doc = test_referral(row->kind, row->sections);
    AUTO(xml_doc_free)
    xmlDoc *consents = row->consents == NULL ? NULL : test_referral("M18", row->consents);
    AUTO(verdicts_free) struct verdicts verdicts = { 0 };
    AUTO(strlist_free) struct strlist asked = { 0 };
    struct decide_input in = test_input(doc);
    const struct verdict *v;

    if (row->agreement != NULL)
        in.agreement = test_agreement(row->agreement);
    if (row->to != NULL)
        in.to_office = row->to;
    in.case_state = row->state;
    in.consents = consents;
    if (row->asked != NULL)
        split(row->asked, &asked);
    in.asked = &asked;
    (void)decide(&in, &verdicts);
    v = test_verdict(&verdicts, row->path);
    if (v->carry != row->carry || v->check != row->check)
        fail_msg("%s by %s: %s", v->carry ? "carried" : "withheld",
                 verdict_check_name(v->check), v->reason);
    if (row->clause != NULL)
        assert_string_equal(v->clause, row->clause);
    assert_true(v->carry || v->reason[0] != '\0');
}

/* A third party gets TRAVEL and ADMIN only: health beside the journey stays. */
static void test_third_party_fields(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M13", CASE_ADULT HEALTH TRAVEL);
    AUTO(xml_doc_free) xmlDoc *consents = test_referral("M18", YES_RETURN YES_HEALTH);
    AUTO(verdicts_free) struct verdicts third = { 0 }, second = { 0 }, without = { 0 };
    AUTO(xml_doc_free)
    xmlDoc *none =
        test_referral("M18", CONSENT_MD("assistance", "GIVEN", "SELF", "2026-11-03", ""));
    struct decide_input in = test_input(doc);

    (void)state;
    in.agreement = test_agreement("ALMDUA-3");
    in.case_sender = "MD";
    in.case_receiver = "AL";
    in.case_state = "ACCEPTED";
    in.consents = consents;
    assert_true(decide(&in, &third));
    assert_true(test_verdict(&third, "Travel/PlannedOn")->carry);
    assert_true(test_verdict(&third, "Case/Beneficiary")->carry);
    assert_false(test_verdict(&third, "Health/FitToTravel")->carry);
    assert_int_equal(test_verdict(&third, "Health/FitToTravel")->check, VERDICT_THIRD);
    assert_string_equal(test_verdict(&third, "Health/FitToTravel")->clause, "13(1)");

    in.to_office = "AL-ONAC";
    assert_true(decide(&in, &second));
    assert_true(test_verdict(&second, "Health/FitToTravel")->carry);

    in.to_office = "UA-COORD";
    in.consents = none;
    assert_false(decide(&in, &without));
    assert_false(test_verdict(&without, "Travel/PlannedOn")->carry);
}

/* --- the receiver --------------------------------------------------------------------------- */

static void test_receiver_refuses(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", M01_ADULT HEALTH);
    AUTO(xml_doc_free) xmlDoc *clean = test_referral("M01", M01_ADULT);
    AUTO(verdicts_free) struct verdicts sends = { 0 }, receives = { 0 }, good = { 0 };
    struct decide_input in = test_input(doc);

    (void)state;
    assert_true(decide(&in, &sends));
    assert_int_equal(verdicts_withheld(&sends), 1);
    in.side = DECIDE_RECEIVER;
    assert_false(decide(&in, &receives));
    assert_string_equal(receives.refusals[0].code, "agreement.forbidden");
    assert_non_null(strstr(receives.refusals[0].text, "HEALTH"));
    in.doc = clean;
    assert_true(decide(&in, &good));
}

/* --- narrower ------------------------------------------------------------------------------- */

static void test_narrower(void **state)
{
    AUTO(xml_doc_free)
    xmlDoc *doc =
        test_referral("M06", CASE_ADULT PERSON HEALTH ANSWER("Health", "PROVIDED"));
    AUTO(xml_doc_free) xmlDoc *both = test_referral("M18", YES_RETURN YES_HEALTH);
    AUTO(xml_doc_free)
    xmlDoc *withdrawn =
        test_referral("M18", YES_RETURN CONSENT_MD("healthData", "WITHDRAWN", "SELF",
                                                   "2026-11-03", ""));
    AUTO(strlist_free) struct strlist asked = { 0 };
    AUTO(verdicts_free)
    struct verdicts before = { 0 }, again = { 0 }, now = { 0 }, off = { 0 };
    struct decide_input in = test_input(doc);
    struct narrower n;

    (void)state;
    strlist_add(&asked, "Health");
    in.asked = &asked;
    in.consents = both;
    in.case_state = "UNDER_REVIEW";
    assert_true(decide(&in, &before));
    assert_true(decide(&in, &again));
    assert_false(
        decide_narrower(&before, &again).narrower); /* Person was withheld then too */
    in.consents = withdrawn;
    assert_true(decide(&in, &now));
    n = decide_narrower(&before, &now);
    assert_true(n.narrower);
    assert_string_equal(n.code, "agreement.narrower");
    assert_non_null(strstr(n.text, "Health/FitToTravel"));
    in.leg_override = "DRAFT";
    assert_false(decide(&in, &off));
    n = decide_narrower(&before, &off);
    assert_true(n.narrower);
    assert_string_equal(n.code, "agreement.leg-draft");
}

/* Of a pruned document everything was carried once. */
static void test_narrower_of_a_stored_document(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", M01_ADULT HEALTH);
    AUTO(verdicts_free) struct verdicts first = { 0 }, then = { 0 }, late = { 0 };
    struct decide_input in = test_input(doc);

    (void)state;
    assert_true(decide(&in, &first));
    agreement_prune(in.agreement, doc, &first, NULL);
    in.case_state = "SENT"; /* as it stands when the message is dispatched */
    assert_true(decide(&in, &then));
    assert_false(decide_narrower(NULL, &then).narrower);
    in.now_ms = AT("2027-11-03T12:00:00Z");
    assert_false(decide(&in, &late));
    assert_string_equal(decide_narrower(NULL, &late).code, "agreement.consent-expired");
}

static void test_pure(void **state)
{
    AUTO(xml_doc_free) xmlDoc *doc = test_referral("M01", M01_ADULT HEALTH ADDRESS);
    AUTO(mem_free) char *before = test_print(doc);
    AUTO(verdicts_free) struct verdicts one = { 0 }, two = { 0 };
    AUTO(json_drop) json_t *a = NULL, *b = NULL;
    AUTO(mem_free) char *after = NULL;
    struct decide_input in = test_input(doc);

    (void)state;
    (void)decide(&in, &one);
    (void)decide(&in, &two);
    a = verdicts_json(&one);
    b = verdicts_json(&two);
    assert_true(json_equal(a, b));
    after = test_print(doc);
    assert_string_equal(before, after);
}

int main(void)
{
    static struct CMUnitTest tests[COUNT_OF(rows) + COUNT_OF(fields) + 7];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                          .test_func = test_row,
                                          .initial_state = &rows[i] };
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        tests[n++] = (struct CMUnitTest){ .name = fields[i].name,
                                          .test_func = test_field,
                                          .initial_state = &fields[i] };
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_kind_forbidden);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_leg_dates);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_third_party_fields);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_receiver_refuses);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_narrower);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_narrower_of_a_stored_document);
    tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_pure);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    test_end();
    return failed;
}
