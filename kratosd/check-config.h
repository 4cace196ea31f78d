/*
 * kratosd --check-config: what an administrator asks before a reload or a start. It reads what the
 * daemon would read, as the user that the daemon is, says each mistake on standard error, and keeps
 * nothing.
 */
#pragma once

/* Returns an exit status of sysexits.h: EX_CONFIG where there is a mistake. */
int command_check_config(void);
