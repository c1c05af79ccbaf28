/*
 * trmctl.c - the tool's main: everything is in ctl.
 */
#include <signal.h>

#include "ctl/ctl.h"

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    return ctl_main(argc, argv);
}
