/*
 * openapi.c - doc/openapi.yaml as it stood when this was built, so that what is served is what
 * is shipped. The assembler takes the file in; the name is that seen from the project's root.
 */
#include "api/openapi.h"

__asm__(".section .rodata\n"
        ".global openapi_octets\n"
        ".type openapi_octets, @object\n"
        "openapi_octets:\n"
        ".incbin \"gateway/doc/openapi.yaml\"\n"
        ".byte 0\n"
        ".size openapi_octets, . - openapi_octets\n"
        ".previous\n");

extern const char openapi_octets[];

const char *openapi_text(void)
{
    return openapi_octets;
}
