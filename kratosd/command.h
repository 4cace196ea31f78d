/*
 * The administrator's commands: a word about somebody's account, given to the running daemon over
 * the bus, or where none runs, put into its store in its stead. Each prints what became of it and
 * returns an exit status of sysexits.h. Nothing is owned here.
 */
#pragma once

/* kratosd --add-account NAME=IDENTITY: the name is this identity's on this host, though Kratos has
 * not been asked about it, or several identities claim it. */
int command_add_account(const char *assignment);

/* kratosd --unpin NAME: the name is nobody's any more, and belongs to whoever uses it next. */
int command_unpin(const char *name);

/* kratosd --revoke-all: the running daemon ends all sessions at Kratos, and throws nobody out.
 * Waits for Kratos for some seconds, and says how many it has not confirmed by then. */
int command_revoke_all(void);
