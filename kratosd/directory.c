#include "directory.h"

#include <errno.h>
#include <search.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "log.h"
#include "reserved.h"
#include "store-accounts.h"

/* What sshd calls itself for PAM, whatever its program is called. */
#define SSH_SERVICE "sshd"

/* Accounts that are hidden by a local one, of which it was said that they are. */
#define HIDDEN_MAX 1024

struct directory {
        store *store;
        local_files *local;
        config *config;
        uint64_t configs; /* how many there were */
        void *hidden;     /* a tree of their names, see tsearch(3) */
        size_t n_hidden;
};

int directory_new(store *s, local_files *local, config *c, directory **ret)
{
        directory *d = calloc(1, sizeof(directory));

        if (!d)
                return -ENOMEM;
        d->store = s;
        d->local = local;
        d->config = config_ref(c);
        *ret = d;
        return 0;
}

directory *directory_free(directory *d)
{
        if (!d)
                return NULL;
        tdestroy(d->hidden, free);
        config_unref(d->config);
        free(d);
        return NULL;
}

void directory_set_config(directory *d, config *c)
{
        config_unref(d->config);
        d->config = config_ref(c);
        d->configs++;
}

/* None of the three ever shrinks: their sum is the same only if each is. */
int directory_changes(directory *d, uint64_t *ret)
{
        uint64_t files;
        int r = local_files_changes(d->local, &files);

        if (r < 0)
                return r;
        *ret = files + store_changes(d->store) + d->configs;
        return 0;
}

bool directory_enumerates(const directory *d)
{
        return d->config->enumerate;
}

directory_user *directory_user_free(directory_user *u)
{
        if (!u)
                return NULL;
        free(u->home);
        free(u->shell);
        posix_free(u->document);
        free(u);
        return NULL;
}

static int compare(const void *a, const void *b)
{
        return strcmp(a, b);
}

/* Says once that an account is hidden by a local one, and once that it is there again. */
static void note_hidden(directory *d, const char *name, bool hidden, const char *why)
{
        char **found = tfind(name, &d->hidden, compare), *copy;

        if (hidden && !found && d->n_hidden < HIDDEN_MAX) {
                copy = strdup(name);
                if (!copy || !tsearch(copy, &d->hidden, compare)) {
                        free(copy);
                        return;
                }
                d->n_hidden++;
                log_message(LOG_WARNING, "%s is hidden: %s. Local accounts win", name, why);
        } else if (!hidden && found) {
                copy = *found;
                tdelete(name, &d->hidden, compare);
                d->n_hidden--;
                log_message(LOG_NOTICE, "%s is not hidden any more", name);
                free(copy);
        }
}

const config *directory_config(const directory *d)
{
        return d->config;
}

int directory_number_is_free(directory *d, uid_t number)
{
        int user = local_uid_exists(d->local, number);
        int group = user == 0 ? local_gid_exists(d->local, number) : 0;

        if (user < 0 || group < 0)
                return user < 0 ? user : group;
        return !user && !group;
}

bool directory_allows_number(const directory *d, uid_t number)
{
        return !number_is_reserved(number) && config_number_is_allowed(d->config, number);
}

/* What this host itself has of a user's, as words that go on from its name: NULL for nothing. */
static int find_local(directory *d, const account_row *row, const char **ret_what)
{
        static const char *const words[] = {
                [LOCAL_NOTHING] = NULL,
                [LOCAL_USER_NAME] = "its name is a local user's",
                [LOCAL_GROUP_NAME] = "its name is a local group's",
                [LOCAL_UID] = "its uid is a local user's",
                [LOCAL_UID_AS_GID] = "its uid is a local group's gid",
                [LOCAL_GID] = "its gid is a local group's",
        };
        int match = local_files_match(d->local, row->name, row->uid, row->gid);

        if (match < 0)
                return match;
        *ret_what = words[match];
        return 0;
}

/* Whether a row may be served now. 0, DIRECTORY_UNKNOWN, -errno. */
static int check_row(directory *d, const account_row *row)
{
        const char *local;
        int r;

        if (!user_name_is_valid(row->name) || name_is_reserved(row->name) ||
                !directory_allows_number(d, row->uid) || !directory_allows_number(d, row->gid))
                return DIRECTORY_UNKNOWN;
        r = find_local(d, row, &local);
        if (r < 0)
                return r;
        note_hidden(d, row->name, local != NULL, local);
        return local ? DIRECTORY_UNKNOWN : 0;
}

/* True for a folder that is the prefix and one more component. */
static bool is_below(const char *path, const char *prefix)
{
        size_t length = strlen(prefix);

        return strncmp(path, prefix, length) == 0 && path[length] == '/' && path[length + 1] &&
               !strchr(path + length + 1, '/');
}

bool directory_allows_home(const directory *d, const char *home)
{
        return is_below(home, d->config->home_prefix);
}

static int set_places(const directory *d, directory_user *u)
{
        const posix *document = u->document;

        if (document->home)
                u->home = strdup(document->home);
        else if (asprintf(&u->home, "%s/%s", d->config->home_prefix, u->name) < 0)
                u->home = NULL;
        u->shell = strdup(document->shell ? document->shell : d->config->shell);
        return u->home && u->shell ? 0 : -ENOMEM;
}

/* Whether an account is in force now: what Kratos last said of it, and the document's own dates. */
static bool is_active(const account_row *row, const posix *document)
{
        int64_t now = time(NULL);

        return !row->refused && !row->disabled && now >= document->not_before &&
               now < document->not_after;
}

/* Whether an active user's keys may be told: whom sshd's account phase would turn away here and now
 * has none. (rule 5) */
static bool has_ssh_keys(const directory *d, const directory_user *u)
{
        const char *reason, *sentence;

        return u->active && u->document->keys.count > 0 &&
               access_check_user(d->config, u->name, u->document, SSH_SERVICE, time(NULL), &reason,
                       &sentence) == 0;
}

/* Makes a user of a row that was checked. DIRECTORY_UNKNOWN where its document is no good: a store
 * that was tampered with makes nobody. */
static int make_user(directory *d, const account_row *row, directory_user **ret)
{
        _cleanup_user_ directory_user *u = calloc(1, sizeof(directory_user));
        const char *why;
        int r;

        if (!u)
                return -ENOMEM;
        r = posix_parse(row->document, strlen(row->document), &u->document, &why);
        if (r != POSIX_OK)
                return r < 0 ? r : DIRECTORY_UNKNOWN;
        memcpy(u->name, row->name, sizeof(u->name));
        memcpy(u->identity, row->identity, sizeof(u->identity));
        u->uid = row->uid;
        u->gid = row->gid;
        u->active = is_active(row, u->document);
        u->has_ssh_keys = has_ssh_keys(d, u);
        r = set_places(d, u);
        if (r < 0)
                return r;
        if (!directory_allows_home(d, u->home))
                return DIRECTORY_UNKNOWN;
        *ret = TAKE_PTR(u);
        return 0;
}

/* Takes what a look-up in the store gave. */
static int take_row(directory *d, int found, account_row *row, directory_user **ret)
{
        int r = found == -ENOENT ? DIRECTORY_UNKNOWN : found;

        if (r == 0)
                r = check_row(d, row);
        if (r == 0)
                r = make_user(d, row, ret);
        return r;
}

int directory_find_user(directory *d, const char *name, directory_user **ret)
{
        _cleanup_account_row_ account_row row = { 0 };

        if (!user_name_is_valid(name))
                return DIRECTORY_UNKNOWN;
        return take_row(d, store_find_account(d->store, name, &row), &row, ret);
}

int directory_find_uid(directory *d, uid_t uid, directory_user **ret)
{
        _cleanup_account_row_ account_row row = { 0 };

        if (!directory_allows_number(d, uid))
                return DIRECTORY_UNKNOWN;
        return take_row(d, store_find_account_uid(d->store, uid, &row), &row, ret);
}

/* Whether a group that documents name may be one here. 1, 0, -errno. One that is called like a user
 * of ours is not: its members would be in that user's own group. */
static int group_may_exist(directory *d, const char *name, gid_t gid)
{
        _cleanup_account_row_ account_row namesake = { 0 };
        int by_name, by_gid, r;

        if (!user_name_is_valid(name) || name_is_reserved(name) || !directory_allows_number(d, gid))
                return 0;
        r = store_find_account(d->store, name, &namesake);
        if (r != -ENOENT)
                return r;
        by_name = local_group_exists(d->local, name);
        by_gid = local_gid_exists(d->local, gid);
        if (by_name < 0 || by_gid < 0)
                return by_name < 0 ? by_name : by_gid;
        return !by_name && !by_gid;
}

static void set_group(directory_group *ret, const char *name, gid_t gid)
{
        snprintf(ret->name, sizeof(ret->name), "%s", name);
        ret->gid = gid;
}

/* A group of which an account is a member. */
static int find_shared_group(directory *d, const char *name, directory_group *ret)
{
        char owner[NUMBER_OWNER_MAX];
        uid_t gid;
        int r;

        snprintf(owner, sizeof(owner), "group:%s", name);
        r = store_find_number(d->store, owner, &gid);
        if (r == 0)
                r = store_find_group(d->store, name);
        if (r < 0)
                return r == -ENOENT ? DIRECTORY_UNKNOWN : r;
        r = group_may_exist(d, name, gid);
        if (r <= 0)
                return r < 0 ? r : DIRECTORY_UNKNOWN;
        set_group(ret, name, gid);
        return 0;
}

int directory_find_group(directory *d, const char *name, directory_group *ret)
{
        _cleanup_user_ directory_user *u = NULL;
        int r;

        if (!user_name_is_valid(name))
                return DIRECTORY_UNKNOWN;
        r = directory_find_user(d, name, &u);
        if (r < 0)
                return r;
        if (r == 0 && u->gid == u->uid) {
                set_group(ret, name, u->gid);
                return 0;
        }
        return find_shared_group(d, name, ret);
}

int directory_find_gid(directory *d, gid_t gid, directory_group *ret)
{
        _cleanup_user_ directory_user *u = NULL;
        char owner[NUMBER_OWNER_MAX];
        int r;

        if (!directory_allows_number(d, gid))
                return DIRECTORY_UNKNOWN;
        r = directory_find_uid(d, gid, &u);
        if (r < 0)
                return r;
        if (r == 0 && u->gid == gid) {
                set_group(ret, u->name, gid);
                return 0;
        }
        r = store_find_owner(d->store, gid, owner);
        if (r < 0)
                return r == -ENOENT ? DIRECTORY_UNKNOWN : r;
        if (strncmp(owner, "group:", strlen("group:")) != 0)
                return DIRECTORY_UNKNOWN;
        return find_shared_group(d, owner + strlen("group:"), ret);
}

/* An enumeration: whom to tell, and what came of the last. */
typedef struct each {
        directory *directory;
        directory_each_user_t user;
        directory_each_group_t group;
        directory_each_membership_t membership;
        const char *group_wanted;            /* of memberships; NULL: all */
        char group_known[USER_NAME_MAX + 1]; /* the last one that was looked at */
        int group_result;                    /* and what came of that */
        void *userdata;
} each;

/* What may not be served is passed over. */
static int on_row(const account_row *row, void *userdata)
{
        _cleanup_user_ directory_user *u = NULL;
        const each *e = userdata;
        directory_group own;
        int r = check_row(e->directory, row);

        if (r == 0)
                r = make_user(e->directory, row, &u);
        if (r != 0)
                return r < 0 ? r : 0;
        if (e->user)
                return e->user(u, e->userdata);
        if (u->gid != u->uid)
                return 0;
        set_group(&own, u->name, u->gid);
        return e->group(&own, e->userdata);
}

static int on_group(const char *name, gid_t gid, void *userdata)
{
        const each *e = userdata;
        directory_group group;
        int r = group_may_exist(e->directory, name, gid);

        if (r <= 0)
                return r;
        set_group(&group, name, gid);
        return e->group(&group, e->userdata);
}

int directory_each_user(directory *d, directory_each_user_t callback, void *userdata)
{
        each e = { .directory = d, .user = callback, .userdata = userdata };

        return store_each_account(d->store, on_row, &e);
}

int directory_each_group(directory *d, directory_each_group_t callback, void *userdata)
{
        each e = { .directory = d, .group = callback, .userdata = userdata };
        int r = store_each_account(d->store, on_row, &e);

        return r != 0 ? r : store_each_group(d->store, on_group, &e);
}

int directory_check_member(directory *d, const char *name)
{
        _cleanup_user_ directory_user *u = NULL;

        return directory_find_user(d, name, &u);
}

/* Whether a group of Kratos's may be had here. Its members come one after the other. */
static int check_group(each *e, const char *group)
{
        directory_group own;

        if (strcmp(e->group_known, group) == 0)
                return e->group_result;
        snprintf(e->group_known, sizeof(e->group_known), "%s", group);
        e->group_result = find_shared_group(e->directory, group, &own);
        return e->group_result;
}

/* A membership of a group of Kratos's: in that group, if this host may have it, and in those that
 * the configuration makes of it. */
static int on_membership(const char *user, const char *group, void *userdata)
{
        each *e = userdata;
        const word_list *local = config_local_groups(e->directory->config, group);
        int r = 0;

        if (!e->group_wanted || strcmp(group, e->group_wanted) == 0) {
                r = check_group(e, group);
                if (r == 0)
                        r = e->membership(user, group, e->userdata);
                else if (r == DIRECTORY_UNKNOWN)
                        r = 0;
        }
        for (size_t i = 0; r == 0 && local && i < local->count; i++)
                if (!e->group_wanted || strcmp(local->words[i], e->group_wanted) == 0)
                        r = e->membership(user, local->words[i], e->userdata);
        return r;
}

static bool makes(const group_mapping *mapping, const char *local_group)
{
        for (size_t i = 0; i < mapping->local_groups.count; i++)
                if (strcmp(mapping->local_groups.words[i], local_group) == 0)
                        return true;
        return false;
}

/* The members of one group: its own, and those of all groups of which the configuration makes it.
 */
static int each_member(each *e)
{
        const config *c = e->directory->config;
        int r = store_each_membership(e->directory->store, NULL, e->group_wanted, on_membership, e);

        for (size_t i = 0; r == 0 && i < c->n_groups; i++)
                if (makes(&c->groups[i], e->group_wanted) &&
                        strcmp(c->groups[i].group, e->group_wanted) != 0)
                        r = store_each_membership(
                                e->directory->store, NULL, c->groups[i].group, on_membership, e);
        return r;
}

int directory_each_membership(directory *d, const char *user, const char *group,
        directory_each_membership_t callback, void *userdata)
{
        each e = {
                .directory = d, .membership = callback, .group_wanted = group, .userdata = userdata
        };
        _cleanup_user_ directory_user *u = NULL;
        int r;

        if (!user)
                return group ? each_member(&e)
                             : store_each_membership(d->store, NULL, NULL, on_membership, &e);
        r = directory_find_user(d, user, &u);
        if (r != 0)
                return r < 0 ? r : 0;
        return store_each_membership(d->store, user, NULL, on_membership, &e);
}
