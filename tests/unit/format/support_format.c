/* What the tests of this folder share. */
#include "support_format.h"

uint32_t dice_next(struct dice *dice)
{
    dice->state =
        dice->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(dice->state >> 33);
}

void dice_mutate(struct dice *dice, char *data, size_t len)
{
    for (uint32_t n = 1 + dice_next(dice) % 4; n > 0; n--)
        data[dice_next(dice) % len] = (char)dice_next(dice);
}
