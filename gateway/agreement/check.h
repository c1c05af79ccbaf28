/*
 * check.h - what is wrong with an agreement before anybody relies on it.
 *
 * Findings with file, line, clause and remedy: E-CONTRADICTION (two clauses cannot both hold),
 * E-CLAUSE-MISSING (a clause every agreement needs), W-CLAUSE-MISSING, W-NO-EFFECT (a clause that
 * can never decide), W-EXPIRY (ends within the warning time), E-CALENDAR (a year without calendar),
 * E-EXPIRED (has ended), I-NOTE.
 */
#ifndef AGREEMENT_CHECK_H
#define AGREEMENT_CHECK_H

#include <stdint.h>

struct agreement;
struct report;

void agreement_check(const struct agreement *a, int64_t now_ms, struct report *ret);

#endif
