/*
 * What Belarus's and Albania's forms must do with documents from elsewhere: one change of a small canonical
 * referral each, and what then stands in the form, what must not stand there, and what the losses say.
 * The golden cases show whole documents; these are the edges: no room, no equivalent, no permission.
 */
#include "support_mapping.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/charset.h"
#include "format/xml.h"

#define NS "urn:trm:referral:1"

struct write_case {
    const char *name, *cc;
    const char *kind;     /* NULL: M01 */
    const char *body;     /* sections after Case; NULL: only what every M01 has */
    const char *has[6];   /* stands in the written form */
    const char * not [5]; /* does not */
    const char *loss; /* canonical path of a loss that must be told; NULL: not asked */
};

#define HEAD \
    "<Header><MessageId>11111111-2222-4333-8444-555555555555</MessageId>" \
    "<CaseId>AAAA-BBBB-CCCC-7</CaseId><InReplyTo " \
    "officeNumber=\"x-1\"/><Sequence>1</Sequence>" \
    "<CreatedAt>2026-11-05T09:10:00Z</CreatedAt><OfficeNumber>n-77</OfficeNumber>" \
    "<Sender gateway=\"MD-GW1\" office=\"MD-COORD\"/><Receiver gateway=\"IOM-GW1\" " \
    "office=\"IOM-MISSION\"/>" \
    "<Agreement id=\"IOM-RELAY\" version=\"1\" digest=\"\" leg=\"MD-IOM\"/></Header>" \
    "<Case><NationalId country=\"MD\">MD-0201</NationalId><Beneficiary " \
    "code=\"THB_ADULT\"/>" \
    "<Reason code=\"RETURN\"/><Urgency code=\"URGENT\"/></Case>"
#define PERSON(inner) "<Person>" inner "</Person>"
#define NAME \
    "<Name type=\"legal\" " \
    "script=\"Latn\"><Surname>Rusu</Surname><Given>Ana</Given></Name>"
#define CONSENT(form, item, purposes, state) \
    "<Consent form=\"" form "\" item=\"" item "\">" purposes "<State code=\"" state \
    "\"/>" \
    "<Giver " \
    "code=\"SELF\"/><GivenOn>2026-11-03</GivenOn><ValidUntil>2027-11-02</ValidUntil></" \
    "Consent>"
#define PURPOSE(code) "<Purpose code=\"" code "\"/>"
#define TEN(x)        x x x x x x x x x x
#define HUNDRED(x)    TEN(TEN(x))

static const struct write_case cases[] = {
    /* safe contact: never the one without the other */
    { "instructions that fit nowhere take the number with them",
      "AL",
      NULL,
      PERSON(
          NAME
          "<Phone safe=\"true\"><Number>+373 600 00 001</Number><Instructions>" HUNDRED(
              "abcd ") "</Instructions></Phone>"),
      { "<Telefoni>-</Telefoni>", "<KontaktISigurt>-</KontaktISigurt>",
        "<UdhezimeKontakti>-</UdhezimeKontakti>", "<Shenime>-</Shenime>" },
      { "+373 600" },
      "Person/Phone/Number" },
    { "instructions that fit nowhere take the number with them",
      "BY",
      NULL,
      PERSON(
          NAME
          "<Phone safe=\"true\"><Number>+373 600 00 001</Number><Instructions>" HUNDRED(
              "abcd efg ") "</Instructions></Phone>"),
      { "<Анкета" },
      { "+373 600", "abcd", "БезопаснаяСвязь>б" },
      "Person/Phone/Number" },
    { "what does not fit goes on in the note",
      "BY",
      NULL,
      PERSON(NAME
             "<Phone safe=\"true\"><Number>+373 600 00 001</Number><Instructions>" TEN(
                 TEN("abc ")) "zeta</Instructions></Phone>"),
      { "<Телефон>+373 600 00 001</Телефон>", "<БезопаснаяСвязь>безопасно; abc",
        "<Примечание>Безопасная связь: ... abc", "zeta</Примечание>" },
      { NULL },
      NULL },
    { "an unsafe number says so",
      "BY",
      NULL,
      PERSON(NAME "<Phone safe=\"false\"><Number>+373 600 00 001</Number></Phone>"),
      { "<Телефон>+373 600 00 001</Телефон>",
        "<БезопаснаяСвязь>ЗВОНИТЬ НЕБЕЗОПАСНО</БезопаснаяСвязь>" },
      { NULL },
      NULL },
    { "what nobody said is not called safe",
      "BY",
      NULL,
      PERSON(NAME "<Phone><Number>+373 600 00 001</Number></Phone>"),
      { "<БезопаснаяСвязь>безопасность звонка не указана</БезопаснаяСвязь>" },
      { ">безопасно<", "ЗВОНИТЬ" },
      NULL },
    { "what nobody said is not called safe",
      "AL",
      NULL,
      PERSON(NAME "<Phone><Number>+373 600 00 001</Number></Phone>"),
      { "<KontaktISigurt>jo</KontaktISigurt>",
        "<UdhezimeKontakti>pa udhëzime të tjera</UdhezimeKontakti>" },
      { NULL },
      NULL },
    { "of two numbers the safe one is written",
      "AL",
      NULL,
      PERSON(NAME "<Phone safe=\"false\"><Number>+373 600 00 001</Number></Phone>"
                  "<Phone safe=\"true\"><Number>+373 600 00 002</Number></Phone>"),
      { "<Telefoni>+373 600 00 002</Telefoni>", "<KontaktISigurt>po</KontaktISigurt>" },
      { "+373 600 00 001" },
      "Person/Phone/Number" },
    { "of two numbers the safe one is written",
      "BY",
      NULL,
      PERSON(NAME "<Phone safe=\"false\"><Number>+373 600 00 001</Number></Phone>"
                  "<Phone safe=\"true\"><Number>+373 600 00 002</Number></Phone>"),
      { "<Телефон>+373 600 00 002</Телефон>" },
      { "+373 600 00 001" },
      "Person/Phone/Number" },
    { "instructions for the person without a number reach the note",
      "AL",
      NULL,
      PERSON(NAME
             "<ContactInstructions>only through the social worker</ContactInstructions>"),
      { "<Shenime>only through the social worker</Shenime>", "<Telefoni>-</Telefoni>" },
      { NULL },
      NULL },
    { "no contact stands before the name and with it",
      "BY",
      NULL,
      PERSON(NAME) "<Family><Member><Kinship code=\"SPOUSE\"/><Name type=\"legal\" "
                   "script=\"Latn\">"
                   "<Surname>Rusu</Surname><Given>Ion</Given></Name><MayContact>false</"
                   "MayContact>"
                   "</Member></Family>",
      { "Супруг(а), СВЯЗЬ ЗАПРЕЩЕНА - Rusu Ion" },
      { NULL },
      NULL },
    { "no contact stands with the name",
      "AL",
      NULL,
      PERSON(NAME) "<Family><Member><Kinship code=\"SPOUSE\"/><Name type=\"legal\" "
                   "script=\"Latn\">"
                   "<Surname>Rusu</Surname><Given>Ion</Given></Name><MayContact>false</"
                   "MayContact>"
                   "</Member></Family>",
      { "<Familjari1>Rusu Ion, bashkëshorti (mos kontakto)</Familjari1>" },
      { NULL },
      NULL },
    { "a relative that does not fit whole is not cut",
      "AL",
      NULL,
      PERSON(NAME) "<Family><Member><Kinship code=\"SPOUSE\"/><Name type=\"legal\" "
                   "script=\"Latn\">"
                   "<Surname>" TEN(
                       "Rusulescu") "</Surname><Given>Ion</Given></Name>"
                                    "<MayContact>false</MayContact></Member></Family>",
      { "<Familjari1>-</Familjari1>" },
      { "Rusulescu" },
      "Family/Member" },

    /* consent is never widened */
    { "consent to return alone is no «да»",
      "BY",
      NULL,
      PERSON(NAME) CONSENT("MD-referral/1.2", "repatriation", PURPOSE("RETURN"), "GIVEN"),
      { "<Согласие/>" },
      { ">да<" },
      "Consent/State/@code" },
    { "return, identity and assistance are «да»",
      "BY",
      NULL,
      PERSON(NAME) CONSENT("MD-referral/1.2", "repatriation", PURPOSE("RETURN"), "GIVEN")
          CONSENT("MD-referral/1.2", "identityCheck", PURPOSE("IDENTITY"), "GIVEN")
              CONSENT("MD-referral/1.2", "assistance", PURPOSE("ASSIST"), "GIVEN"),
      { "<Согласие дата=\"03.11.2026\" лицо=\"лично\" "
        "действуетДо=\"02.11.2027\">да</Согласие>" },
      { NULL },
      NULL },
    { "one of the three refused is no «да»",
      "BY",
      NULL,
      PERSON(NAME) CONSENT("MD-referral/1.2", "repatriation", PURPOSE("RETURN"), "GIVEN")
          CONSENT("MD-referral/1.2", "identityCheck", PURPOSE("IDENTITY"), "REFUSED")
              CONSENT("MD-referral/1.2", "assistance", PURPOSE("ASSIST"), "GIVEN"),
      { "<Согласие/>" },
      { ">да<" },
      NULL },
    { "an item without purposes covers nothing",
      "BY",
      NULL,
      PERSON(NAME) CONSENT("UA-napravlennia/2.0", "Tsil=1", "", "GIVEN"),
      { "<Согласие/>" },
      { ">да<" },
      NULL },
    { "each purpose belongs to its institution",
      "AL",
      NULL,
      PERSON(NAME) CONSENT("MD-referral/1.2", "healthData", PURPOSE("HEALTH"), "GIVEN")
          CONSENT("MD-referral/1.2", "criminalProceedings", PURPOSE("CRIMINAL"),
                  "REFUSED"),
      { "<PelqimiShendetesia>po</PelqimiShendetesia>",
        "<PelqimiPolicia>jo</PelqimiPolicia>",
        "<PelqimiAutoritetiHuaj>-</PelqimiAutoritetiHuaj>",
        "<PelqimiOjf>-</PelqimiOjf>" },
      { NULL },
      NULL },
    { "tracing has no institution",
      "AL",
      NULL,
      PERSON(NAME)
          CONSENT("MD-referral/1.2", "familyTracing", PURPOSE("TRACING"), "GIVEN"),
      { "<PelqimiAutoritetiHuaj>-</PelqimiAutoritetiHuaj>" },
      { ">po<" },
      "Consent/State/@code" },

    /* codes */
    { "two codes of one value stand once",
      "BY",
      NULL,
      PERSON(NAME) "<Trafficking><Exploitation code=\"SEX_PROST\"/><Exploitation "
                   "code=\"SEX_ONLINE\"/>"
                   "<Exploitation code=\"ARMED\"/></Trafficking>",
      { "<ВидЭксплуатации>01, 98</ВидЭксплуатации>" },
      { "01, 01" },
      NULL },
    { "food and clothes are one needed service, given food another",
      "AL",
      NULL,
      PERSON(NAME) "<Needs><Service state=\"NEEDED\" code=\"FOOD\"/><Service "
                   "state=\"REQUESTED\" code=\"CLOTHES\"/>"
                   "<Service state=\"PROVIDED\" code=\"FOOD\"/><Service "
                   "state=\"OFFERED\" code=\"JOB\"/>"
                   "<Service state=\"DECLINED_BY_PERSON\" code=\"PSYCH\"/></Needs>",
      { "<Sherbimi1>B1</Sherbimi1>", "<Dhene1>jo</Dhene1>", "<Sherbimi2>B1</Sherbimi2>",
        "<Dhene2>po</Dhene2>", "<Sherbimi3>-</Sherbimi3>" },
      { ">E3<", ">C2<" },
      "Needs/Service/@code" },
    { "what was declined or only offered is not written",
      "BY",
      NULL,
      PERSON(NAME) "<Needs><Service state=\"REQUESTED\" code=\"PSYCH\"/><Service "
                   "state=\"OFFERED\" code=\"JOB\"/>"
                   "<Service state=\"DECLINED_BY_PERSON\" code=\"MED_CARE\"/></Needs>",
      { "<ВидПомощи>04</ВидПомощи>", "<ОказаннаяПомощь/>" },
      { "06", ">03<" },
      "Needs/Service/@code" },
    { "the lowest risk is four",
      "AL",
      NULL,
      PERSON(NAME) "<Risk><Level code=\"LOW\"/></Risk>",
      { "<NiveliRrezikut>4</NiveliRrezikut>" },
      { NULL },
      NULL },
    { "the worst risk is one",
      "AL",
      NULL,
      PERSON(NAME) "<Risk><Level code=\"CRITICAL\"/></Risk>",
      { "<NiveliRrezikut>1</NiveliRrezikut>" },
      { NULL },
      NULL },
    { "medium risk is rounded up",
      "BY",
      NULL,
      PERSON(NAME) "<Risk><Level code=\"MEDIUM\"/></Risk>",
      { "<КатегорияРиска>П</КатегорияРиска>" },
      { NULL },
      "Risk/Level" },
    { "an unknown risk is not written as a low one",
      "BY",
      NULL,
      PERSON(NAME) "<Risk><Level code=\"UNK\"/></Risk>",
      { "<КатегорияРиска/>" },
      { NULL },
      "Risk/Level" },
    { "a document of no kind the form knows",
      "BY",
      NULL,
      PERSON(NAME "<Document><Kind code=\"NONE\"/><Status code=\"NEVER\"/></Document>"),
      { "<ВидДокумента>ИН</ВидДокумента>" },
      { NULL },
      "Person/Document/Kind" },
    { "a status that ended says until when",
      "BY",
      NULL,
      PERSON(NAME) "<Trafficking><Status code=\"EXPIRED\"><Country "
                   "code=\"UA\"/><ValidUntil>2026-10-01</ValidUntil>"
                   "</Status></Trafficking>",
      { "<Статус>2</Статус>", "Статус установлен: Украина, действует до 01.10.2026" },
      { NULL },
      "Trafficking/Status" },
    { "a state the list does not name is written in words",
      "AL",
      NULL,
      PERSON(NAME "<Citizenship code=\"JP\"/>"),
      { "<Shtetesia>Japoni</Shtetesia>" },
      { NULL },
      NULL },
    { "a stateless person",
      "BY",
      NULL,
      PERSON(NAME "<Citizenship code=\"XX\"/>"),
      { "<Гражданство>ЛБГ</Гражданство>" },
      { NULL },
      NULL },

    /* names, numbers, dates */
    { "a father's name is no patronymic",
      "BY",
      NULL,
      PERSON("<Name type=\"legal\" "
             "script=\"Latn\"><Surname>Lungu</Surname><Given>Ana</Given>"
             "<FatherName>Vasile</FatherName></Name>"),
      { "<ФамилияЛат>Lungu</ФамилияЛат>", "<Отчество/>" },
      { "Vasile" },
      "Person/Name/FatherName" },
    { "a patronymic is no father's name",
      "AL",
      NULL,
      PERSON("<Name type=\"legal\" script=\"Cyrl\" "
             "lang=\"uk\"><Surname>Згурська</Surname><Given>Наталія</Given>"
             "<Patronymic>Іванівна</Patronymic></Name>"),
      { "<Emri>Nataliia</Emri>", "<Atesia>-</Atesia>", "<Mbiemri>Zghurska</Mbiemri>" },
      { "Ivan" },
      "Person/Name/Patronymic" },
    { "a Ukrainian spelling in the Russian field is told",
      "BY",
      NULL,
      PERSON("<Name type=\"legal\" script=\"Cyrl\" "
             "lang=\"uk\"><Surname>Ґудзь</Surname><Given>Наталія</Given></Name>"),
      { "<Фамилия>Ґудзь</Фамилия>", "<ФамилияЛат/>", "<Прозвішча/>" },
      { NULL },
      "Person/Name" },
    { "letters the encoding lacks are plain, never a question mark",
      "BY",
      NULL,
      PERSON("<Name type=\"legal\" "
             "script=\"Latn\"><Surname>Țurcanu</Surname><Given>Ștefania</Given></Name>"),
      { "<ФамилияЛат>Turcanu</ФамилияЛат>", "<ИмяЛат>Stefania</ИмяЛат>" },
      { "?urcanu", "?tef" },
      "Person/Name" },
    { "only the year is known",
      "BY",
      NULL,
      PERSON(NAME "<BirthDate precision=\"year\">1998</BirthDate>"),
      { "<ДатаРождения>00.00.1998</ДатаРождения>" },
      { NULL },
      NULL },
    { "the mark of the year stands before a note that is cut",
      "AL",
      NULL,
      PERSON(NAME "<BirthDate precision=\"year\">1998</BirthDate>") "<Note>" HUNDRED(
          "nota ") "</Note>",
      { "<Datelindja>01.01.1998</Datelindja>", "<Shenime>VETEM VITI" },
      { NULL },
      "Note" },
    { "a number of the wrong form does not break the document",
      "AL",
      NULL,
      PERSON(NAME "<Identifier scheme=\"NID\" country=\"AL\">12-34</Identifier>"),
      { "<NID>-</NID>" },
      { "12-34" },
      "Person/Identifier" },
    { "a number that says no state has one by its kind",
      "BY",
      NULL,
      PERSON(NAME "<Identifier scheme=\"IDNP\">2999000600779</Identifier>"),
      { "<ИностранныйНомер страна=\"MDA\">2999000600779</ИностранныйНомер>" },
      { NULL },
      NULL },
    { "half a period of reflection does not break the document",
      "AL",
      NULL,
      PERSON(
          NAME) "<Criminal><Reflection><Start>2026-10-20</Start></Reflection></Criminal>",
      { "<PeriudhaReflektimit>-</PeriudhaReflektimit>" },
      { NULL },
      "Criminal/Reflection/Start" },

    /* offices, answers */
    { "an organisation's office has the form's spelling",
      "BY",
      NULL,
      PERSON(NAME),
      { "<Получатель>XX-IOM-MISSION</Получатель>" },
      { ">IOM-MISSION" },
      NULL },
    { "an organisation's office has the form's spelling",
      "AL",
      NULL,
      PERSON(NAME),
      { "<Marresi>XX-IOM-MISSION</Marresi>" },
      { ">IOM-MISSION" },
      NULL },
    { "sent on: refused, with the word, the authority and a reason",
      "AL",
      "M04",
      "<Decision><Outcome "
      "code=\"REDIRECT\"/><RedirectTo>MD-SOC</RedirectTo></Decision><Note>nota</Note>",
      { "<KodiVendimit>JO</KodiVendimit>", "<Arsyeja1>TJT</Arsyeja1>",
        "<AutoritetiTjeter>MD-SOC</AutoritetiTjeter>", "<Shenime>REDIRECT" },
      { NULL },
      NULL },
    { "declined without a reason has another one",
      "BY",
      "M04",
      "<Decision><Outcome code=\"DECLINE\"/></Decision>",
      { "<Итог>Нет</Итог>", "<ПричинаОтказа>10</ПричинаОтказа>" },
      { NULL },
      NULL },
    { "a receipt without a time has its own date",
      "AL",
      "M03",
      "<CaseTaken/>",
      { "<DataMarrjes>05.11.2026</DataMarrjes>" },
      { NULL },
      NULL },
    { "more questions than columns",
      "AL",
      "M05",
      "<InfoRequest><Question><Path>Person/BirthPlace</Path><Purpose "
      "code=\"IDENTITY\"/></Question>"
      "<Question><Path>Person/Name/Patronymic</Path><Purpose "
      "code=\"IDENTITY\"/></Question>"
      "<Question><Path>Person/Sex</Path><Purpose code=\"RETURN\"/></Question>"
      "<Question><Path>Family/Member</Path></Question><Question><Path>Health</Path></"
      "Question>"
      "<Question><Path>Person/MaritalStatus</Path></Question></InfoRequest>",
      { "<Fusha1>Vendlindja</Fusha1>", "<Fusha3>Gjinia</Fusha3>",
        "<Fusha4>Familjari</Fusha4>", "<Fusha5>Shendeti</Fusha5>",
        "<Qellimi>ID</Qellimi>" },
      { "GjendjaCivile" },
      "InfoRequest/Question/Path" },
    { "an answer stands with its value and nothing else",
      "AL",
      "M06",
      PERSON("<MaritalStatus code=\"DIVORCED\"/>") "<InfoResponse><Answer><Path>Person/"
                                                   "MaritalStatus</Path><State "
                                                   "code=\"PROVIDED\"/></Answer></"
                                                   "InfoResponse>",
      { "<Fusha1>GjendjaCivile</Fusha1>", "<Gjendja1>PO</Gjendja1>", "<TeDhenat>",
        "<GjendjaCivile>D</GjendjaCivile>" },
      { "<Emri>" },
      NULL },
};

static void print_form(const struct write_case *t, const struct buf *octets,
                       struct buf *out)
{
    struct err err = { 0 };
    const struct charset *charset =
        charset_find(str_of(text_eq(t->cc, "BY") ? "windows-1251" : "UTF-8"));

    assert_true(charset_decode(charset, octets->data, octets->len, out, &err));
}

static bool loss_at(const struct losses *losses, const char *path)
{
    for (size_t i = 0; i < losses->count; i++)
        if (losses->items[i].path != NULL &&
            strncmp(losses->items[i].path, path, strlen(path)) == 0)
            return true;
    return false;
}

static void test_write(void **state)
{
    const struct write_case *t = *state;
    AUTO(buf_free)
    struct buf text = BUF_INIT(1 << 20), form = BUF_INIT(1 << 20),
               lines = BUF_INIT(1 << 20);
    AUTO(xml_doc_free) xmlDoc *doc = NULL;
    AUTO(translation_free) struct translation write = { 0 };
    struct err err = { 0 };

    buf_addf(&text,
             "<Referral xmlns=\"" NS
             "\" kind=\"%s\" minor=\"0\" environment=\"demo\">%s%s</Referral>",
             t->kind == NULL ? "M01" : t->kind, HEAD, t->body);
    doc = xml_parse_declared(text.data, text.len,
                             &(struct xml_options){ .limits = &xml_limits_national },
                             NULL, &err);
    assert_non_null(doc);
    if (!write_doc(shipped_mapping(t->cc), doc, NULL, &write, &err)) {
        report_print(&write.report, &lines);
        fail_msg("%s\n%s", err.text, buf_str(&lines));
    }
    print_form(t, &write.text, &form);
    for (size_t i = 0; i < COUNT_OF(t->has) && t->has[i] != NULL; i++)
        if (strstr(buf_str(&form), t->has[i]) == NULL)
            fail_msg("%s is not in\n%s", t->has[i], buf_str(&form));
    for (size_t i = 0; i < COUNT_OF(t->not ) && t->not [i] != NULL; i++)
        if (strstr(buf_str(&form), t->not [i]) != NULL)
            fail_msg("%s is in\n%s", t->not [i], buf_str(&form));
    if (t->loss != NULL && !loss_at(&write.losses, t->loss)) {
        loss_lines(&write.losses, &lines);
        fail_msg("no loss at %s in\n%s", t->loss, buf_str(&lines));
    }
}

/* --- own documents come back ----------------------------------------------------------------- */

static const char *const samples[] = {
    "BY/samples/m01-adult-full.xml",      "BY/samples/m01-child-year-only.xml",
    "BY/samples/m01-citizen-minimal.xml", "BY/samples/m03-receipt.xml",
    "BY/samples/m04-decline.xml",         "BY/samples/m05-request.xml",
    "BY/samples/m06-response.xml",        "AL/samples/m01-adult-full.xml",
    "AL/samples/m01-adult-minimal.xml",   "AL/samples/m01-child-windows-1252.xml",
    "AL/samples/m03-receipt.xml",         "AL/samples/m04-accept.xml",
    "AL/samples/m05-request.xml",         "AL/samples/m06-response.xml",
};

/* National, canonical, national, canonical: the same, and no loss on the way out. */
static void test_back(void **state)
{
    const char *sample = *state;
    char cc[3] = { sample[0], sample[1], 0 }, path[256];
    AUTO(buf_free) struct buf in = BUF_INIT(1 << 20), lines = BUF_INIT(1 << 20);
    AUTO(translation_free) struct translation read = { 0 }, write = { 0 }, again = { 0 };
    struct err err = { 0 };

    snprintf(path, sizeof path, NATIONAL_FOLDER "/%s", sample);
    assert_true(octets_of(path, &in));
    assert_true(read_octets(shipped_mapping(cc), path, in.data, in.len, &read, &err));
    assert_int_equal(report_errors(&read.report), 0);
    assert_true(
        write_doc(shipped_mapping(cc), read.canonical, &read.attachments, &write, &err));
    loss_lines(&write.losses, &lines);
    if (write.losses.count > 0)
        fail_msg("%s", buf_str(&lines));
    assert_true(read_octets(shipped_mapping(cc), path, write.text.data, write.text.len,
                            &again, &err));
    assert_int_equal(report_errors(&again.report), 0);
    assert_string_equal(buf_str(&read.text), buf_str(&again.text));
}

/* --- what never leaves ----------------------------------------------------------------------- */

static void test_never(void **state)
{
    static const struct {
        const char *cc, *file, *canary;
    } canaries[] = {
        { "BY", "m01-adult-full.xml", "молдаванка" },
        { "BY", "m01-adult-full.xml", "православная" },
        { "AL", "m01-adult-full.xml", ">02<" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(canaries); i++) {
        AUTO(buf_free) struct buf in = BUF_INIT(1 << 20);
        AUTO(translation_free) struct translation read = { 0 };
        struct err err = { 0 };
        char path[256];
        size_t withheld;

        snprintf(path, sizeof path, NATIONAL_FOLDER "/%s/samples/%s", canaries[i].cc,
                 canaries[i].file);
        assert_true(octets_of(path, &in));
        assert_true(read_octets(shipped_mapping(canaries[i].cc), path, in.data, in.len,
                                &read, &err));
        assert_null(strstr(buf_str(&read.text), canaries[i].canary));
        withheld = losses_count(&read.losses, LOSS_WITHHELD);
        assert_true(withheld >= 1);
    }
}

/* --- names of fields ------------------------------------------------------------------------- */

static void test_field_names(void **state)
{
    static const struct {
        const char *cc, *national, *canonical;
    } names[] = {
        { "BY", "МестоРождения", "Person/BirthPlace" },
        { "BY", "Отчество", "Person/Name/Patronymic" },
        { "BY", "Родственники", "Family/Member" },
        { "BY", "СпособВербовки", "Trafficking/Recruitment/Method" },
        { "BY", "КатегорияРиска", "Risk/Level" },
        { "BY", "Документ", "Person/Document" },
        { "BY", "СемейноеПоложение", "Person/MaritalStatus" },
        { "AL", "Atesia", "Person/Name/FatherName" },
        { "AL", "Vendlindja", "Person/BirthPlace" },
        { "AL", "Familjari", "Family/Member" },
        { "AL", "Dokumenti", "Person/Document" },
        { "AL", "MenyraKontrollit", "Trafficking/Control" },
        { "AL", "Sherbimi", "Needs/Service" },
        { "AL", "Datelindja", "Person/BirthDate" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct mapping *map = shipped_mapping(names[i].cc);

        assert_string_equal(mapping_field_canonical(map, names[i].national),
                            names[i].canonical);
        assert_string_equal(mapping_field_national(map, names[i].canonical),
                            names[i].national);
    }
    assert_null(mapping_field_canonical(shipped_mapping("AL"), "KomitetiQarkut"));
    assert_null(mapping_field_canonical(shipped_mapping("BY"), "Вероисповедание"));
}

int main(void)
{
    static char names[COUNT_OF(cases)][160], back[COUNT_OF(samples)][96];
    struct CMUnitTest tests[COUNT_OF(cases) + COUNT_OF(samples) + 2];
    size_t n = 0;
    int failed;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(names[i], sizeof names[i], "%s: %s", cases[i].cc, cases[i].name);
        tests[n++] = (struct CMUnitTest){ .name = names[i],
                                          .test_func = test_write,
                                          .initial_state = (void *)(uintptr_t)&cases[i] };
    }
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        snprintf(back[i], sizeof back[i], "there and back: %s", samples[i]);
        tests[n++] =
            (struct CMUnitTest){ .name = back[i],
                                 .test_func = test_back,
                                 .initial_state = (void *)(uintptr_t)samples[i] };
    }
    tests[n++] =
        (struct CMUnitTest){ .name = "what never leaves", .test_func = test_never };
    tests[n++] =
        (struct CMUnitTest){ .name = "names of fields", .test_func = test_field_names };
    failed = _cmocka_run_group_tests("BY and AL", tests, n, NULL, NULL);
    shipped_free();
    return failed;
}
