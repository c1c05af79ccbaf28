/*
 * id.h - identifiers we give: random, never derived from anything.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#define UUID_TEXT    37 /* with NUL */
#define CASE_ID_TEXT 20 /* with NUL */

/* Octets of the kernel's generator; ends the process when there are none. */
void random_octets(void *out, size_t len);

void uuid_make(char out[UUID_TEXT]); /* version 4, lower case */
bool uuid_valid(const char *text);   /* 8-4-4-4-12 hexadecimal, any case and version */

/*
 * CaseId: 12 random characters of Crockford's base32 (no I, L, O, U) and a check character
 * (ISO 7064 MOD 37,36 restricted to the same alphabet by redraw), grouped for the telephone:
 * "K7QX-92MD-4RTE-5". See id.c for the exact sum.
 */
void case_id_make(char out[CASE_ID_TEXT]);
/* Right form and check character. Lower case, missing hyphens, O for 0 and I or L for 1 are
 * understood by case_id_normal(); case_id_valid() wants the exact form. */
bool case_id_valid(const char *text);
bool case_id_normal(const char *typed, char out[CASE_ID_TEXT]);

#endif
