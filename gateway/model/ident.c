/*
 * ident.c - the five personal numbers, as a table of examiners.
 *
 * Sums: BY-IN, IDNP and UNZR use weights 7, 3, 1 (digits as they are, A is 10 ... Z is 35) modulo 10;
 * RNOKPP uses -1, 5, 7, 9, 4, 6, 10, 5, 7 modulo 11 modulo 10; NID picks a letter of
 * WABCDEFGHIJKLMNOPQRSTUV by a sum with weights 1, 1, 2 ... 8 modulo 23, where a letter is worth its
 * place in that row. A number whose date does not exist has no birth date, and nothing else changes.
 */
#include "model/ident.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "model/name.h"

#define TYPED_MAX 64 /* octets of a number as typed that are looked at */

struct scheme {
    const char *name, *country;
    const char *form; /* 9 digit, A capital letter, X either, anything else itself */
    bool strict;
    void (*examine)(const char *number, struct ident_facts *facts);
};

static int worth(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 10 : c - '0';
}

static int sum731(const char *number, size_t len)
{
    static const int weights[] = { 7, 3, 1 };
    int sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += worth(number[i]) * weights[i % 3];
    return sum % 10;
}

static int two(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static void set_birth(struct ident_facts *facts, int year, int month, int day)
{
    struct civil civil = { year, month, day };

    if (!civil_valid(civil))
        return;
    facts->has_birth = true;
    facts->birth = (struct date){ year, month, day, DATE_DAY };
}

static void set_check(struct ident_facts *facts, bool right)
{
    facts->check = right ? IDENT_OK : IDENT_FAILED;
}

/* 1 sex and century, 2-7 DDMMYY, 8 region, 9-11 serial, 12-13 citizenship, 14 check. */
static void examine_by(const char *n, struct ident_facts *facts)
{
    int first = n[0] - '0';

    if (first < 1 || first > 6 || strchr("ABCEHKM", n[7]) == NULL ||
        (strncmp(n + 11, "PB", 2) != 0 && strncmp(n + 11, "BA", 2) != 0 &&
         strncmp(n + 11, "BI", 2) != 0)) {
        facts->check = IDENT_FORM;
        return;
    }
    set_check(facts, sum731(n, 13) == n[13] - '0');
    facts->sex = first % 2 == 1 ? 'M' : 'F';
    facts->foreigner = n[11] == 'B';
    set_birth(facts, 1800 + (first - 1) / 2 * 100 + two(n + 5), two(n + 3), two(n + 1));
}

/* First digit 0 or 2 for natural persons; no birth date inside. */
static void examine_idnp(const char *n, struct ident_facts *facts)
{
    if (n[0] != '0' && n[0] != '2') {
        facts->check = IDENT_FORM;
        return;
    }
    set_check(facts, sum731(n, 12) == n[12] - '0');
}

/* 1-5 days since 31 December 1899, 6-8 serial, 9 parity is the sex, 10 check. */
static void examine_rnokpp(const char *n, struct ident_facts *facts)
{
    static const int weights[] = { -1, 5, 7, 9, 4, 6, 10, 5, 7 };
    int sum = 0, days = 0;
    struct civil birth;

    for (int i = 0; i < 9; i++)
        sum += (n[i] - '0') * weights[i];
    for (int i = 0; i < 5; i++)
        days = days * 10 + (n[i] - '0');
    set_check(facts, ((sum % 11) + 11) % 11 % 10 == n[9] - '0');
    facts->sex = (n[8] - '0') % 2 == 1 ? 'M' : 'F';
    if (days == 0)
        return;
    birth = civil_of_days(civil_days((struct civil){ 1899, 12, 31 }) + days);
    set_birth(facts, birth.year, birth.month, birth.day);
}

/* YYYYMMDD-NNNNC. */
static void examine_unzr(const char *n, struct ident_facts *facts)
{
    char plain[13];

    memcpy(plain, n, 8);
    memcpy(plain + 8, n + 9, 4);
    plain[12] = '\0';
    set_check(facts, sum731(plain, 12) == n[13] - '0');
    set_birth(facts, two(n) * 100 + two(n + 2), two(n + 4), two(n + 6));
}

static int nid_worth(char c)
{
    static const char row[] = "WABCDEFGHIJKLMNOPQRSTUV";
    const char *at = strchr(row, c);

    if (c >= '0' && c <= '9')
        return c - '0';
    return at == NULL ? -1 : (int)(at - row);
}

static int nid_decade(char c)
{
    return c >= '0' && c <= '9' ? 1800 + (c - '0') * 10 : 1900 + (c - 'A') * 10;
}

/* 1 decade, 2 year, 3-4 month (+50 women, +30 foreigners), 5-6 day, 7-9 serial, 10 check letter. */
static void examine_nid(const char *n, struct ident_facts *facts)
{
    static const int weights[] = { 1, 1, 2, 3, 4, 5, 6, 7, 8 };
    int month = two(n + 2), sum = 0, letter = nid_worth(n[9]);
    bool form = (month >= 1 && month <= 12) || (month >= 31 && month <= 42) ||
                (month >= 51 && month <= 62) || (month >= 81 && month <= 92);

    if (!form || n[0] == 'X' || n[0] == 'Y' || n[0] == 'Z') {
        facts->check = IDENT_FORM;
        return;
    }
    for (int i = 0; i < 9; i++)
        sum += nid_worth(n[i]) * weights[i];
    set_check(facts, letter >= 0 && sum % 23 == letter);
    facts->sex = month > 50 ? 'F' : 'M';
    month -= month > 50 ? 50 : 0;
    facts->foreigner = month > 30;
    month -= month > 30 ? 30 : 0;
    set_birth(facts, nid_decade(n[0]) + (n[1] - '0'), month, two(n + 4));
}

static const struct scheme schemes[] = {
    [IDENT_OTHER] = { "OTHER", "", NULL, false, NULL },
    [IDENT_BY_IN] = { "BY-IN", "BY", "9999999A999AA9", true, examine_by },
    [IDENT_IDNP] = { "IDNP", "MD", "9999999999999", true, examine_idnp },
    [IDENT_RNOKPP] = { "RNOKPP", "UA", "9999999999", true, examine_rnokpp },
    [IDENT_UNZR] = { "UNZR", "UA", "99999999-99999", true, examine_unzr },
    [IDENT_NID] = { "NID", "AL", "X99999999A", false, examine_nid },
};

const char *ident_scheme_name(enum ident_scheme scheme)
{
    return schemes[scheme].name;
}

const char *ident_scheme_country(enum ident_scheme scheme)
{
    return schemes[scheme].country;
}

bool ident_scheme_strict(enum ident_scheme scheme)
{
    return schemes[scheme].strict;
}

enum ident_scheme ident_scheme_find(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(schemes); i++)
        if (text_eq(schemes[i].name, name))
            return (enum ident_scheme)i;
    return IDENT_OTHER;
}

const char *ident_check_name(enum ident_check check)
{
    static const char *const names[] = { "unchecked", "ok", "failed", "failed" };

    return names[check];
}

static bool fits(const char *number, const char *form)
{
    for (; *form != '\0'; form++, number++) {
        bool digit = *number >= '0' && *number <= '9';
        bool letter = *number >= 'A' && *number <= 'Z';

        if (*form == '9'   ? !digit
            : *form == 'A' ? !letter
            : *form == 'X' ? !digit && !letter
                           : *number != *form)
            return false;
    }
    return *number == '\0';
}

/* Capital Latin letters for look-alikes and small ones. */
static void normalise(struct str typed, struct ident_facts *facts, struct buf *out)
{
    char copy[TYPED_MAX + 1];

    memcpy(copy, typed.ptr, typed.len);
    copy[typed.len] = '\0';
    facts->homoglyphs = lookalike_to_latin(copy, out);
    for (size_t i = 0; i < out->len; i++)
        if (out->data[i] >= 'a' && out->data[i] <= 'z')
            out->data[i] = (char)(out->data[i] - 'a' + 'A');
}

void ident_examine(enum ident_scheme scheme, const char *number, struct ident_facts *ret)
{
    AUTO(buf_free) struct buf normal = BUF_SECRET_INIT(TYPED_MAX * 4);
    struct str typed = str_trim(str_of(number));

    *ret = (struct ident_facts){ .check = IDENT_UNCHECKED };
    if (scheme == IDENT_OTHER)
        return;
    ret->check = IDENT_FORM;
    if (typed.len == 0 || typed.len > TYPED_MAX)
        return;
    normalise(typed, ret, &normal);
    if (!fits(buf_str(&normal), schemes[scheme].form))
        return;
    schemes[scheme].examine(buf_str(&normal), ret);
    if (ret->check != IDENT_FORM)
        memcpy(ret->normal, buf_str(&normal), normal.len + 1);
}

bool ident_contradicts_birth(const struct ident_facts *facts, struct date birth)
{
    return facts->has_birth && !date_possible(facts->birth, birth);
}

bool ident_contradicts_sex(const struct ident_facts *facts, char sex)
{
    return facts->sex != 0 && sex != 0 && facts->sex != sex;
}

int mrz_check_digit(const char *text, size_t len)
{
    static const int weights[] = { 7, 3, 1 };
    int sum = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c != '<' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z'))
            return -1;
        sum += (c == '<' ? 0 : worth(c)) * weights[i % 3];
    }
    return sum % 10;
}
