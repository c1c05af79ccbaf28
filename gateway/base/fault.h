/*
 * fault.h - named crash points: every step between two durable points has one.
 *
 * Compiled in only with -DTRM_FAULTS (test builds). The environment then says what happens:
 * TRM_FAULT="name[:nth][:kill|:exit|:fail]"; the default is the first passage and kill -9 of
 * ourselves. "fail" makes fault_fails() return true, for steps that can report.
 * The list of all names is fault_names(), for the test that passes each once.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>

#ifdef TRM_FAULTS
void fault_point(const char *name);
bool fault_fails(const char *name);
#else
static inline void fault_point(const char *name)
{
    (void)name;
}
static inline bool fault_fails(const char *name)
{
    (void)name;
    return false;
}
#endif

/* NULL-terminated, static. A name that is not in this table aborts a test build. */
const char *const *fault_names(void);

#endif
