/*
 * The daemon's own user: what root's commands become before they do or read something in the
 * daemon's stead, so that they meet what it will meet. Nothing is owned here.
 */
#pragma once

/* Becomes the system user kratosd, for good, and makes new files that user's alone; where the
 * process is not root's, does nothing. -ENOENT where there is no such user; -errno. */
int daemon_user_become(void);
