/*
 * The SSH keys of a person, asked of the running daemon as any other program would ask, for sshd's
 * AuthorizedKeysCommand on hosts that have no userdbctl. Nothing is owned here.
 */
#pragma once

/* kratosd --ssh-keys NAME: prints them, a line each, as authorized_keys(5) has them; none for
 * whoever is not ours, or may not come in. Returns an exit status of sysexits.h. */
int command_ssh_keys(const char *name);
