/*
 * country.h - a country in its three ISO 3166-1 spellings. Data: the code list "country", where XX
 * is a stateless person. (A country's own words are national values of that list.)
 */
#ifndef MODEL_COUNTRY_H
#define MODEL_COUNTRY_H

#include "base/attr.h"

struct code;
struct codes;

#define COUNTRY_STATELESS "XX"

/* NULL: not a country of the list. By "MD", "MDA", "498". */
const struct code *country_find(const struct codes *codes, const char *any_spelling);

#endif
