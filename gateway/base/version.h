/*
 * version.h - the one place where the program's version stands.
 */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define TRM_VERSION "0.1.0"

#endif
