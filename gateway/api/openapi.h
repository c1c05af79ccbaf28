/*
 * openapi.h - the description of the HTTP interface (doc/openapi.yaml), inside the program.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

const char *openapi_text(void);

#endif
