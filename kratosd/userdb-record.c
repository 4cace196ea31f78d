#include "userdb-record.h"

#include <string.h>

#include "json-build.h"
#include "reserved.h"
#include "timespan.h"

/* The ends of posix.h's dates, which mean: not set. */
#define NOT_BEFORE_UNSET INT64_MIN
#define SECONDS_PER_DAY (24 * 60 * 60)
#define NOT_AFTER_UNSET INT64_MAX

static bool name_is_tellable(const char *name)
{
        return user_name_is_valid(name) && !name_is_reserved(name);
}

bool account_is_tellable(const char *name, uid_t uid, gid_t gid)
{
        return name_is_tellable(name) && !number_is_reserved(uid) && !number_is_reserved(gid);
}

bool user_is_tellable(const directory_user *user)
{
        return account_is_tellable(user->name, user->uid, user->gid);
}

bool group_is_tellable(const directory_group *group)
{
        return name_is_tellable(group->name) && !number_is_reserved(group->gid);
}

/* The group may be one of the host's own, a privileged one even, where [Groups] says so: only the
 * directory knows. */
bool membership_is_tellable(const char *user, const char *group)
{
        return name_is_tellable(user) && user_name_is_valid(group);
}

/* The midnight after, or at, a time. Whoever reads shadow(5) knows whole days alone and would round
 * down: the account would be over too early for pam_unix. kratosd itself keeps to the second. */
static int64_t end_of_day(int64_t seconds)
{
        int64_t within = seconds > 0 ? seconds % SECONDS_PER_DAY : 0;
        int64_t rest = within ? SECONDS_PER_DAY - within : 0;

        return seconds <= INT64_MAX - rest ? seconds + rest : seconds;
}

/* A date in seconds, which may be before 1970 or too far away to be told. */
static void put_date(json_object **record, const char *name, int64_t seconds)
{
        uint64_t usec = 0;

        if (seconds > 0 && __builtin_mul_overflow((uint64_t)seconds, USEC_PER_SEC, &usec))
                return;
        json_put_number(record, name, usec);
}

static void put_dates(json_object **record, const posix *document)
{
        if (document->not_before != NOT_BEFORE_UNSET)
                put_date(record, "notBeforeUSec", document->not_before);
        if (document->not_after != NOT_AFTER_UNSET)
                put_date(record, "notAfterUSec", end_of_day(document->not_after));
}

static void put_privileged(json_object **record, const posix_list *keys)
{
        json_object *privileged = json_object_new_object();
        json_object *lines = json_object_new_array_ext((int)keys->count);

        for (size_t i = 0; i < keys->count; i++)
                json_append_text(&lines, keys->words[i]);
        json_put(&privileged, "sshAuthorizedKeys", lines);
        json_put(record, "privileged", privileged);
}

static json_object *user_record(const directory_user *user, const char *service)
{
        json_object *record = json_object_new_object();

        json_put_text(&record, "userName", user->name);
        json_put_number(&record, "uid", user->uid);
        json_put_number(&record, "gid", user->gid);
        if (user->document && user->document->gecos)
                json_put_text(&record, "realName", user->document->gecos);
        json_put_text(&record, "homeDirectory", user->home);
        json_put_text(&record, "shell", user->shell);
        json_put_text(&record, "disposition", "regular");
        json_put_text(&record, "service", service);
        if (!user->active)
                json_put_bool(&record, "locked", true);
        if (user->document)
                put_dates(&record, user->document);
        return record;
}

static json_object *reply(json_object *record, bool incomplete)
{
        json_object *parameters = json_object_new_object();

        json_put(&parameters, "record", record);
        json_put_bool(&parameters, "incomplete", incomplete);
        return parameters;
}

json_object *user_reply(const directory_user *user, const char *service, uid_t peer)
{
        json_object *record = user_record(user, service);
        bool trusted = peer == 0 || peer == user->uid;

        if (user->has_ssh_keys && trusted)
                put_privileged(&record, &user->document->keys);
        return reply(record, user->has_ssh_keys && !trusted);
}

json_object *group_reply(const directory_group *group, const char *service)
{
        json_object *record = json_object_new_object();

        json_put_text(&record, "groupName", group->name);
        json_put_number(&record, "gid", group->gid);
        json_put_text(&record, "disposition", "regular");
        json_put_text(&record, "service", service);
        return reply(record, false);
}

json_object *membership_reply(const char *user, const char *group)
{
        json_object *parameters = json_object_new_object();

        json_put_text(&parameters, "userName", user);
        json_put_text(&parameters, "groupName", group);
        return parameters;
}
