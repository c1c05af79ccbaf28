/*
 * ctl.h - trmctl: nouns and verbs over the control socket, and work on files without a daemon.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/* The exit status (sysexits(3)): 0 good, 1 failure, 2 findings, 64 usage, 66 no input, 69 daemon
 * not reachable, 75 passing trouble, 77 not allowed, 78 configuration. */
int ctl_main(int argc, char **argv);

#endif
