/* The second opinion of tests/support, built with the tests of this folder. */
#include "support/evp_verify.c"
