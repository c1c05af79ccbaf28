#include "unit/exchange/support_exchange.c"
