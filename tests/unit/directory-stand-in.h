/*
 * A directory and look-ups for tests of the user database: a table that a test fills, also with
 * what a real directory would never give out, and look-ups that it ends when it likes.
 */
#pragma once

#include <errno.h>
#include <string.h>

#include "kratosd/directory.h"
#include "kratosd/lookup.h"
#include "kratosd/reserved.h"

#define PEOPLE_MAX 20000
#define LOOKUPS_MAX 32

typedef struct person {
        char name[USER_NAME_MAX + 1];
        uid_t uid;
        gid_t gid;
        bool inactive;
        bool denied;            /* sshd would not let it in */
        posix document;         /* its words are not owned */
        const char *group;      /* of which it is a member, or NULL */
        bool reported_as_other; /* the directory is out of its mind */
} person;

struct directory {
        person people[PEOPLE_MAX];
        size_t count;
        bool enumerates;
        bool settled; /* nothing has changed since it was last asked, as far as it says */
        uint64_t changes;
        bool all_forbidden; /* the configuration allows no number any more */
        int error;          /* every question's answer, if not 0 */
        unsigned asked;
        const char *hidden; /* a member who may not be told of any more */
};

struct lookup {
        lookups *owner;
        char name[USER_NAME_MAX + 1];
        lookup_done done;
        void *userdata;
};

struct lookups {
        lookup *waiting[LOOKUPS_MAX];
        bool offline; /* there is nobody to ask */
        int error;
        unsigned begun, cancelled;
};

static person *add_person(directory *d, const char *name, uid_t uid)
{
        person *p = &d->people[d->count++];

        *p = (person){ .uid = uid, .gid = uid };
        strcpy(p->name, name);
        p->document.not_before = INT64_MIN;
        p->document.not_after = INT64_MAX;
        return p;
}

directory_user *directory_user_free(directory_user *u)
{
        free(u->home);
        free(u->shell);
        free(u);
        return NULL;
}

static int give_user(directory *d, person *p, directory_user **ret)
{
        directory_user *u;

        d->asked++;
        if (d->error)
                return d->error;
        if (!p)
                return DIRECTORY_UNKNOWN;
        u = calloc(1, sizeof(*u));
        if (!u)
                return -ENOMEM;
        strcpy(u->name, p->reported_as_other ? "mallory" : p->name);
        u->uid = p->uid;
        u->gid = p->gid;
        u->active = !p->inactive;
        u->has_ssh_keys = u->active && !p->denied && p->document.keys.count > 0;
        u->document = &p->document;
        if (asprintf(&u->home, "/home/%s", p->name) < 0)
                abort();
        u->shell = strdup("/bin/bash");
        *ret = u;
        return DIRECTORY_FOUND;
}

static person *find_name(directory *d, const char *name)
{
        for (size_t i = 0; i < d->count; i++)
                if (strcmp(d->people[i].name, name) == 0)
                        return &d->people[i];
        return NULL;
}

static person *find_number(directory *d, uid_t uid)
{
        for (size_t i = 0; i < d->count; i++)
                if (d->people[i].uid == uid)
                        return &d->people[i];
        return NULL;
}

int directory_find_user(directory *d, const char *name, directory_user **ret)
{
        return give_user(d, find_name(d, name), ret);
}

int directory_find_uid(directory *d, uid_t uid, directory_user **ret)
{
        return give_user(d, find_number(d, uid), ret);
}

int directory_changes(directory *d, uint64_t *ret)
{
        if (!d->settled)
                d->changes++;
        *ret = d->changes;
        return 0;
}

bool directory_allows_number(const directory *d, uid_t number)
{
        return !d->all_forbidden && !number_is_reserved(number);
}

static int give_group(directory *d, const person *p, directory_group *ret)
{
        d->asked++;
        if (d->error)
                return d->error;
        if (!p)
                return DIRECTORY_UNKNOWN;
        strcpy(ret->name, p->reported_as_other ? "mallory" : p->name);
        ret->gid = p->uid;
        return DIRECTORY_FOUND;
}

int directory_find_group(directory *d, const char *name, directory_group *ret)
{
        return give_group(d, find_name(d, name), ret);
}

int directory_find_gid(directory *d, gid_t gid, directory_group *ret)
{
        return give_group(d, find_number(d, gid), ret);
}

int directory_each_user(directory *d, directory_each_user_t each, void *userdata)
{
        int r = d->error;

        for (size_t i = 0; r == 0 && i < d->count; i++) {
                directory_user u = { .uid = d->people[i].uid, .gid = d->people[i].gid };

                strcpy(u.name, d->people[i].name);
                r = each(&u, userdata);
        }
        return r;
}

int directory_each_group(directory *d, directory_each_group_t each, void *userdata)
{
        int r = d->error;

        for (size_t i = 0; r == 0 && i < d->count; i++) {
                directory_group g = { .gid = d->people[i].uid };

                strcpy(g.name, d->people[i].name);
                r = each(&g, userdata);
        }
        return r;
}

int directory_check_member(directory *d, const char *name)
{
        return d->hidden && strcmp(d->hidden, name) == 0 ? DIRECTORY_UNKNOWN : 0;
}

int directory_each_membership(directory *d, const char *user, const char *group,
        directory_each_membership_t each, void *userdata)
{
        int r = d->error;

        for (size_t i = 0; r == 0 && i < d->count; i++) {
                const person *p = &d->people[i];

                if (p->group && (!user || strcmp(user, p->name) == 0) &&
                        (!group || strcmp(group, p->group) == 0))
                        r = each(p->name, p->group, userdata);
        }
        return r;
}

bool directory_enumerates(const directory *d)
{
        return d->enumerates;
}

int lookup_begin(
        lookups *l, uid_t asker, const char *name, lookup_done done, void *userdata, lookup **ret)
{
        size_t i = 0;

        (void)asker;
        l->begun++;
        if (l->error)
                return l->error;
        while (i < LOOKUPS_MAX && l->waiting[i])
                i++;
        if (l->offline || i == LOOKUPS_MAX)
                return LOOKUP_NOTHING;
        *ret = l->waiting[i] = calloc(1, sizeof(lookup));
        if (!*ret)
                return -ENOMEM;
        **ret = (lookup){ .owner = l, .done = done, .userdata = userdata };
        strcpy((*ret)->name, name);
        return LOOKUP_WAITING;
}

__attribute__((unused)) static lookup *forget(lookup *one)
{
        for (size_t i = 0; i < LOOKUPS_MAX; i++)
                if (one->owner->waiting[i] == one)
                        one->owner->waiting[i] = NULL;
        free(one);
        return NULL;
}

lookup *lookup_cancel(lookup *one)
{
        if (!one)
                return NULL;
        one->owner->cancelled++;
        return forget(one);
}

/* Ends the look-ups of a name, or with NULL all. */
__attribute__((unused)) static void end_lookups(lookups *l, const char *name)
{
        for (size_t i = 0; i < LOOKUPS_MAX; i++) {
                lookup one;

                if (!l->waiting[i] || (name && strcmp(l->waiting[i]->name, name) != 0))
                        continue;
                one = *l->waiting[i];
                forget(l->waiting[i]);
                one.done(one.userdata);
        }
}
