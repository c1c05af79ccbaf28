/*
 * id.c - random identifiers.
 *
 * The check character of a CaseId is ISO 7064 MOD 37,36 over the twelve characters, each worth
 * its place in 0-9A-Z (0..35):
 *
 *     P = 36; for each a: S = (P + a) mod 36, 0 counts as 36; P = 2 S mod 37
 *     check = the c with (P + c) mod 36 = 1
 *
 * It finds every single wrong character and every exchange of neighbours. Crockford's alphabet
 * leaves out I, L, O and U; an id whose check character would be one of them is drawn again.
 */
#include "base/id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CASE_ID_CHARS 12

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
static const char digits36[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

void random_octets(void *out, size_t len)
{
    unsigned char *p = out;

    while (len > 0) {
        ssize_t got = getrandom(p, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fputs("level=error event=random.none\n", stderr);
            abort();
        }
        p += got;
        len -= (size_t)got;
    }
}

void uuid_make(char out[UUID_TEXT])
{
    unsigned char b[16];

    random_octets(b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0F) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3F) | 0x80);
    snprintf(out, UUID_TEXT,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12],
             b[13], b[14], b[15]);
}

bool uuid_valid(const char *text)
{
    for (size_t i = 0; i < UUID_TEXT - 1; i++) {
        bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;

        if (hyphen ? text[i] != '-'
                   : text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL)
            return false;
    }
    return text[UUID_TEXT - 1] == '\0';
}

static char check_of(const char chars[CASE_ID_CHARS])
{
    size_t p = 36;

    for (size_t i = 0; i < CASE_ID_CHARS; i++) {
        size_t s = (p + (size_t)(strchr(digits36, chars[i]) - digits36)) % 36;

        p = (s == 0 ? 36 : s) * 2 % 37;
    }
    return digits36[(37 - p) % 36];
}

/* chars: twelve and the check character. */
static void group(const char chars[CASE_ID_CHARS + 1], char out[CASE_ID_TEXT])
{
    snprintf(out, CASE_ID_TEXT, "%.4s-%.4s-%.4s-%c", chars, chars + 4, chars + 8,
             chars[CASE_ID_CHARS]);
}

void case_id_make(char out[CASE_ID_TEXT])
{
    char chars[CASE_ID_CHARS + 1];

    do {
        random_octets(chars, CASE_ID_CHARS);
        for (size_t i = 0; i < CASE_ID_CHARS; i++)
            chars[i] = crockford[(unsigned char)chars[i] % 32];
        chars[CASE_ID_CHARS] = check_of(chars);
    } while (strchr(crockford, chars[CASE_ID_CHARS]) == NULL);
    group(chars, out);
}

/* The character of Crockford's alphabet that a typed one means, or NUL. */
static char meant(char typed)
{
    if (typed >= 'a' && typed <= 'z')
        typed = (char)(typed - 'a' + 'A');
    if (typed == 'O')
        return '0';
    if (typed == 'I' || typed == 'L')
        return '1';
    return typed != '\0' && strchr(crockford, typed) != NULL ? typed : '\0';
}

bool case_id_normal(const char *typed, char out[CASE_ID_TEXT])
{
    char chars[CASE_ID_CHARS + 1];
    size_t count = 0;

    for (; *typed != '\0'; typed++) {
        if (*typed == '-')
            continue;
        if (count == sizeof chars || (chars[count++] = meant(*typed)) == '\0')
            return false;
    }
    if (count != sizeof chars || chars[CASE_ID_CHARS] != check_of(chars))
        return false;
    group(chars, out);
    return true;
}

bool case_id_valid(const char *text)
{
    char normal[CASE_ID_TEXT];

    return case_id_normal(text, normal) && strcmp(text, normal) == 0;
}
