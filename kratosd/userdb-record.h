/*
 * User and group records: how systemd's documents (USER_RECORD, GROUP_RECORD) want an account to be
 * written. Whoever asks for one owns it. What may be told to whom is decided here too, and so is
 * whether something may be told at all. (rule 37)
 */
#pragma once

#include "directory.h"
#include "json.h"

/* False for what must never be told, whoever says that it is ours: a reserved name or number, or a
 * name that is none. */
bool user_is_tellable(const directory_user *user);
bool group_is_tellable(const directory_group *group);
bool account_is_tellable(const char *name, uid_t uid, gid_t gid);
bool membership_is_tellable(const char *user, const char *group);

/* The parameters of a reply with a record, for a peer with this uid: the privileged section, the
 * SSH keys of a user who may come in by them, is for root and the user alone; "incomplete" says
 * that it was left out. NULL for want of memory. */
json_object *user_reply(const directory_user *user, const char *service, uid_t peer);
json_object *group_reply(const directory_group *group, const char *service);
json_object *membership_reply(const char *user, const char *group);
