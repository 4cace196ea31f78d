#include "userdb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "reserved.h"
#include "userdb-list.h"
#include "userdb-record.h"
#include "userdb-replies.h"
#include "varlink.h"

#define BAD_SERVICE USERDB_INTERFACE ".BadService"
#define SERVICE_NOT_AVAILABLE USERDB_INTERFACE ".ServiceNotAvailable"
#define CONFLICTING_RECORD_FOUND USERDB_INTERFACE ".ConflictingRecordFound"
#define ENUMERATION_NOT_SUPPORTED USERDB_INTERFACE ".EnumerationNotSupported"

static const char description[] =
        "# Users, groups and memberships, as systemd's USER_GROUP_API describes them.\n"
        "interface io.systemd.UserDatabase\n"
        "\n"
        "# The user of a name or number, or with \"more\" all users. A record is incomplete where\n"
        "# its privileged section is not for this caller.\n"
        "method GetUserRecord(uid: ?int, userName: ?string, service: string)\n"
        "  -> (record: object, incomplete: bool)\n"
        "\n"
        "# The group of a name or number, or with \"more\" all groups.\n"
        "method GetGroupRecord(gid: ?int, groupName: ?string, service: string)\n"
        "  -> (record: object, incomplete: bool)\n"
        "\n"
        "# Whether a user is in a group, or with \"more\" all memberships of one or of all.\n"
        "method GetMemberships(userName: ?string, groupName: ?string, service: string)\n"
        "  -> (userName: string, groupName: string)\n"
        "\n"
        "error NoRecordFound()\n"
        "error BadService()\n"
        "error ServiceNotAvailable()\n"
        "error ConflictingRecordFound()\n"
        "error EnumerationNotSupported()\n";

static const list_words words = {
        .service = USERDB_SERVICE,
        .none = USERDB_NO_RECORD_FOUND,
        .failed = SERVICE_NOT_AVAILABLE,
};

struct userdb {
        directory *directory;
        lookups *lookups;
        replies *replies;
        varlink *server;
};

/* What a call asks for. Its names are of the form that names of ours have. */
typedef struct query {
        char user[USER_NAME_MAX + 1];  /* "" where not given */
        char group[USER_NAME_MAX + 1]; /* likewise */
        bool has_number;
        uint32_t number; /* the uid or gid */
} query;

/* A call for a user whom the directory does not know, until the look-up has its answer. */
typedef struct waiting {
        userdb *userdb;
        varlink_call *call;
        lookup *lookup; /* NULL once it is over */
        query query;
} waiting;

/* How reading a query can end. */
enum {
        QUERY_OK = 0,
        QUERY_INVALID, /* not of the parameter's type */
        QUERY_NOBODY,  /* no name that anybody of ours can have */
};

static int read_name(json_object *value, char ret[static USER_NAME_MAX + 1])
{
        const char *name = json_text(value);

        if (!value)
                return QUERY_OK;
        if (!name)
                return QUERY_INVALID;
        if (!user_name_is_valid(name))
                return QUERY_NOBODY;
        memcpy(ret, name, strlen(name) + 1);
        return QUERY_OK;
}

static int read_number(json_object *value, query *ret)
{
        int64_t number;

        if (!value)
                return QUERY_OK;
        number = json_object_get_int64(value);
        if (!json_object_is_type(value, json_type_int) || number < 0 || number > UINT32_MAX)
                return QUERY_INVALID;
        ret->has_number = true;
        ret->number = (uint32_t)number;
        return number_is_reserved(ret->number) ? QUERY_NOBODY : QUERY_OK;
}

static int read_parameter(const char *name, json_object *value, query *ret)
{
        if (strcmp(name, "userName") == 0)
                return read_name(value, ret->user);
        if (strcmp(name, "groupName") == 0)
                return read_name(value, ret->group);
        return read_number(value, ret);
}

/* Reads the parameters of these names, which end with "service". Where there is something wrong
 * with them, answers, and returns false. */
static bool read_query(
        varlink_call *call, json_object *parameters, const char *const *names, query *ret)
{
        const char *wrong = varlink_unknown_parameter(parameters, names), *service;
        json_object *value = json_member(parameters, "service");
        bool nobody = false;

        for (size_t i = 0; !wrong && names[i + 1]; i++) {
                int r = read_parameter(names[i], json_member(parameters, names[i]), ret);

                if (r == QUERY_INVALID)
                        wrong = names[i];
                nobody = nobody || r == QUERY_NOBODY;
        }
        service = json_text(value);
        if (!wrong && value && !service)
                wrong = "service";
        if (wrong)
                varlink_invalid_parameter(call, wrong);
        else if (!service || strcmp(service, USERDB_SERVICE) != 0)
                varlink_error(call, BAD_SERVICE);
        else if (nobody || (ret->user[0] && name_is_reserved(ret->user)))
                varlink_error(call, USERDB_NO_RECORD_FOUND);
        else
                return true;
        return false;
}

static bool may_enumerate(const userdb *u, const varlink_call *call)
{
        return varlink_call_takes_more(call) && directory_enumerates(u->directory);
}

/* The error for a look-up in the directory that found nothing, or nothing that may be told. */
static const char *error_of(int r)
{
        return r < 0 ? SERVICE_NOT_AVAILABLE : USERDB_NO_RECORD_FOUND;
}

/* A reply that may be sent again, and for how long. */
typedef struct keepable {
        replies *replies;
        reply_terms terms;
        bool is_unknown; /* for how long */
} keepable;

/* To be begun before the directory is asked: what changes meanwhile ends the reply at once. */
static keepable keepable_begin(const userdb *u)
{
        keepable k = { .replies = u->replies, .terms = { .from = time(NULL), .until = INT64_MAX } };

        k.is_unknown = directory_changes(u->directory, &k.terms.changes) < 0;
        return k;
}

static void keep(uid_t peer, const char *call, size_t call_size, const char *reply,
        size_t reply_size, void *userdata)
{
        const keepable *k = userdata;

        if (!k->is_unknown)
                replies_keep(k->replies, peer, call, call_size, reply, reply_size, &k->terms);
}

/* Until the next of an account's dates. One that is past is so for as long as the clock goes on. */
static void limit(reply_terms *terms, int64_t moment)
{
        if (moment > terms->from && moment < terms->until)
                terms->until = moment;
}

static void reply_user(varlink_call *call, const directory_user *user, keepable *k)
{
        reply_terms *terms = &k->terms;

        snprintf(terms->name, sizeof(terms->name), "%s", user->name);
        terms->uid = user->uid;
        terms->gid = user->gid;
        if (user->document) {
                limit(terms, user->document->not_before);
                limit(terms, user->document->not_after);
        }
        varlink_reply_kept(call, user_reply(user, USERDB_SERVICE, varlink_call_uid(call)), keep, k);
}

static const char *recall(
        uid_t peer, const char *call, size_t size, void *userdata, size_t *ret_size)
{
        const reply_terms *terms;
        const userdb *u = userdata;
        const char *reply;
        uint64_t changes;

        if (directory_changes(u->directory, &changes) < 0 ||
                !replies_find(u->replies, peer, call, size, changes, time(NULL), &reply, ret_size,
                        &terms))
                return NULL;
        return account_is_tellable(terms->name, terms->uid, terms->gid) &&
                               directory_allows_number(u->directory, terms->uid) &&
                               directory_allows_number(u->directory, terms->gid)
                       ? reply
                       : NULL;
}

static void answer_user(
        varlink_call *call, const query *asked, const directory_user *user, keepable *k)
{
        if (!user_is_tellable(user) || (asked->user[0] && strcmp(asked->user, user->name) != 0))
                varlink_error(call, USERDB_NO_RECORD_FOUND);
        else if (asked->has_number && asked->number != user->uid)
                varlink_error(
                        call, asked->user[0] ? CONFLICTING_RECORD_FOUND : USERDB_NO_RECORD_FOUND);
        else
                reply_user(call, user, k);
}

static void release_waiting(void *userdata)
{
        waiting *w = userdata;

        lookup_cancel(w->lookup);
        free(w);
}

static void on_lookup_done(void *userdata)
{
        _cleanup_user_ directory_user *user = NULL;
        waiting *w = userdata;
        keepable k = keepable_begin(w->userdb);
        int r;

        w->lookup = NULL;
        r = directory_find_user(w->userdb->directory, w->query.user, &user);
        if (r == DIRECTORY_FOUND)
                answer_user(w->call, &w->query, user, &k);
        else
                varlink_error(w->call, error_of(r));
}

static void look_up(userdb *u, varlink_call *call, const query *asked)
{
        waiting *w = calloc(1, sizeof(*w));
        int r;

        if (!w) {
                varlink_error(call, SERVICE_NOT_AVAILABLE);
                return;
        }
        w->userdb = u;
        w->call = call;
        w->query = *asked;
        r = lookup_begin(
                u->lookups, varlink_call_uid(call), asked->user, on_lookup_done, w, &w->lookup);
        if (r == LOOKUP_WAITING) {
                varlink_wait(call, release_waiting, w);
                return;
        }
        free(w);
        varlink_error(call, error_of(r));
}

/* For a name that the directory does not know. */
static void answer_unknown(userdb *u, varlink_call *call, const query *asked)
{
        _cleanup_user_ directory_user *other = NULL;
        int r = DIRECTORY_UNKNOWN;

        if (asked->has_number)
                r = directory_find_uid(u->directory, asked->number, &other);
        if (r < 0)
                varlink_error(call, SERVICE_NOT_AVAILABLE);
        else if (r == DIRECTORY_FOUND && user_is_tellable(other))
                varlink_error(call, CONFLICTING_RECORD_FOUND);
        else
                look_up(u, call, asked);
}

static void enumerate(userdb *u, varlink_call *call,
        void (*list)(varlink_call *call, directory *d, const list_words *words))
{
        if (may_enumerate(u, call))
                list(call, u->directory, &words);
        else
                varlink_error(call, ENUMERATION_NOT_SUPPORTED);
}

static void get_user_record(varlink_call *call, json_object *parameters, void *userdata)
{
        static const char *const names[] = { "userName", "uid", "service", NULL };
        _cleanup_user_ directory_user *user = NULL;
        query asked = { 0 };
        userdb *u = userdata;
        keepable k;
        int r;

        if (!read_query(call, parameters, names, &asked))
                return;
        if (!asked.user[0] && !asked.has_number) {
                enumerate(u, call, list_users);
                return;
        }
        k = keepable_begin(u);
        r = asked.user[0] ? directory_find_user(u->directory, asked.user, &user)
                          : directory_find_uid(u->directory, asked.number, &user);
        if (r == DIRECTORY_FOUND)
                answer_user(call, &asked, user, &k);
        else if (r > 0 && asked.user[0])
                answer_unknown(u, call, &asked);
        else
                varlink_error(call, error_of(r));
}

static void reply_group(varlink_call *call, const directory_group *group, keepable *k)
{
        snprintf(k->terms.name, sizeof(k->terms.name), "%s", group->name);
        k->terms.uid = k->terms.gid = group->gid;
        varlink_reply_kept(call, group_reply(group, USERDB_SERVICE), keep, k);
}

static void answer_group(
        varlink_call *call, const query *asked, const directory_group *group, keepable *k)
{
        if (!group_is_tellable(group) ||
                (asked->group[0] && strcmp(asked->group, group->name) != 0))
                varlink_error(call, USERDB_NO_RECORD_FOUND);
        else if (asked->has_number && asked->number != group->gid)
                varlink_error(
                        call, asked->group[0] ? CONFLICTING_RECORD_FOUND : USERDB_NO_RECORD_FOUND);
        else
                reply_group(call, group, k);
}

static void get_group_record(varlink_call *call, json_object *parameters, void *userdata)
{
        static const char *const names[] = { "groupName", "gid", "service", NULL };
        directory_group group, other;
        query asked = { 0 };
        userdb *u = userdata;
        keepable k;
        int r;

        if (!read_query(call, parameters, names, &asked))
                return;
        if (!asked.group[0] && !asked.has_number) {
                enumerate(u, call, list_groups);
                return;
        }
        if (asked.group[0] && name_is_reserved(asked.group)) {
                varlink_error(call, USERDB_NO_RECORD_FOUND);
                return;
        }
        k = keepable_begin(u);
        r = asked.group[0] ? directory_find_group(u->directory, asked.group, &group)
                           : directory_find_gid(u->directory, asked.number, &group);
        if (r == DIRECTORY_FOUND)
                answer_group(call, &asked, &group, &k);
        else if (r > 0 && asked.group[0] && asked.has_number &&
                 directory_find_gid(u->directory, asked.number, &other) == DIRECTORY_FOUND &&
                 group_is_tellable(&other))
                varlink_error(call, CONFLICTING_RECORD_FOUND);
        else
                varlink_error(call, error_of(r));
}

static void get_memberships(varlink_call *call, json_object *parameters, void *userdata)
{
        static const char *const names[] = { "userName", "groupName", "service", NULL };
        query asked = { 0 };
        userdb *u = userdata;
        bool all, one;

        if (!read_query(call, parameters, names, &asked))
                return;
        all = !asked.user[0] && !asked.group[0];
        one = asked.user[0] && asked.group[0];
        if ((all && !may_enumerate(u, call)) || (!one && !varlink_call_takes_more(call)))
                varlink_error(call, ENUMERATION_NOT_SUPPORTED);
        else
                list_memberships(call, u->directory, asked.user[0] ? asked.user : NULL,
                        asked.group[0] ? asked.group : NULL, &words);
}

static const varlink_method methods[] = {
        { "GetUserRecord", get_user_record },
        { "GetGroupRecord", get_group_record },
        { "GetMemberships", get_memberships },
        { 0 },
};

int userdb_new(sd_event *event, varlink_listener *l, directory *d, lookups *k, userdb **ret)
{
        static const varlink_info info = {
                .vendor = "kratosd",
                .product = "kratosd",
                .version = VERSION,
                .url = "https://systemd.io/USER_GROUP_API",
        };
        static const varlink_interface interface = { USERDB_INTERFACE, description, methods };
        _cleanup_(userdb_freep) userdb *u = NULL;
        int r;

        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        u->directory = d;
        u->lookups = k;
        u->replies = replies_new();
        if (!u->replies)
                return -ENOMEM;
        r = varlink_new(event, l, &info, &interface, u, &u->server);
        if (r < 0)
                return r;
        varlink_set_recall(u->server, recall);
        *ret = TAKE_PTR(u);
        return 0;
}

userdb *userdb_free(userdb *u)
{
        if (!u)
                return NULL;
        varlink_free(u->server);
        replies_free(u->replies);
        free(u);
        return NULL;
}
