/*
 * zone.h - time zones by name ("Europe/Chisinau"), read from the system's zone files.
 *
 * An agreement's date means that day in the zone it names. TZif version 2+, with the rule in
 * its footer for times after the last transition. A zone is immutable and may be shared.
 */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include "base/clock.h"

struct err;
struct zone;

/* Names from [A-Za-z0-9_+-/] without ".."; "UTC" always works. ERR_CONFIG "zone.unknown". */
struct zone *zone_open(const char *name, struct err *err) NODISCARD;
void zone_free(struct zone **zone);

int zone_offset_s(const struct zone *zone, int64_t instant_ms);
struct civil zone_date(const struct zone *zone, int64_t instant_ms);
/* The instant at which that day begins there (the first one, where clocks change). */
int64_t zone_day_start(const struct zone *zone, struct civil day);

#endif
