#include "userdb-list.h"

#include <errno.h>
#include <string.h>

#include "userdb-record.h"
#include "varlink-buffer.h"

enum {
        NOTED_ENOUGH = 1, /* ends the notes early */
        NOT_TOLD = 1,     /* of an entry that is not to be told any more */
};

typedef struct list {
        directory *directory;
        const list_words *words;
        /* Takes an entry out of the notes and makes its reply. 0, NOT_TOLD, -errno. */
        int (*next)(struct list *l, uid_t peer, json_object **ret);
        varlink_buffer notes; /* numbers, or pairs of strings: user and group */
        size_t noted_max;     /* bytes */
        bool first_only;      /* the caller wants to know whether there is one */
        bool checks_members;  /* nobody has looked yet whether they may be told of */
        json_object *held;    /* is told next: only the last reply has no "continues" */
} list;

static void list_free(void *userdata)
{
        list *l = userdata;

        buffer_done(&l->notes);
        json_object_put(l->held);
        free(l);
}

static int note(list *l, const void *bytes, size_t size)
{
        char *room;

        if (size > l->noted_max - buffer_size(&l->notes))
                return NOTED_ENOUGH;
        room = buffer_room(&l->notes, size);
        if (!room)
                return -ENOMEM;
        memcpy(room, bytes, size);
        buffer_grow(&l->notes, size);
        return 0;
}

static int note_user(const directory_user *user, void *userdata)
{
        return note(userdata, &user->uid, sizeof(user->uid));
}

static int note_group(const directory_group *group, void *userdata)
{
        return note(userdata, &group->gid, sizeof(group->gid));
}

static int note_membership(const char *user, const char *group, void *userdata)
{
        char pair[2 * (USER_NAME_MAX + 1)];
        size_t user_size = strlen(user) + 1, group_size = strlen(group) + 1;
        list *l = userdata;
        int r;

        if (!membership_is_tellable(user, group))
                return 0;
        memcpy(pair, user, user_size);
        memcpy(pair + user_size, group, group_size);
        r = note(l, pair, user_size + group_size);
        return r == 0 && l->first_only ? NOTED_ENOUGH : r;
}

static int told(json_object *parameters, json_object **ret)
{
        if (!parameters)
                return -ENOMEM;
        *ret = parameters;
        return 0;
}

static int next_user(list *l, uid_t peer, json_object **ret)
{
        _cleanup_user_ directory_user *user = NULL;
        uid_t uid;
        int r;

        memcpy(&uid, buffer_bytes(&l->notes), sizeof(uid));
        buffer_consume(&l->notes, sizeof(uid));
        r = directory_find_uid(l->directory, uid, &user);
        if (r < 0)
                return r;
        if (r != DIRECTORY_FOUND || user->uid != uid || !user_is_tellable(user))
                return NOT_TOLD;
        return told(user_reply(user, l->words->service, peer), ret);
}

static int next_group(list *l, uid_t peer, json_object **ret)
{
        directory_group group;
        gid_t gid;
        int r;

        (void)peer;
        memcpy(&gid, buffer_bytes(&l->notes), sizeof(gid));
        buffer_consume(&l->notes, sizeof(gid));
        r = directory_find_gid(l->directory, gid, &group);
        if (r < 0)
                return r;
        if (r != DIRECTORY_FOUND || group.gid != gid || !group_is_tellable(&group))
                return NOT_TOLD;
        return told(group_reply(&group, l->words->service), ret);
}

static int next_membership(list *l, uid_t peer, json_object **ret)
{
        const char *user = buffer_bytes(&l->notes), *group = user + strlen(user) + 1;
        int r = l->checks_members ? directory_check_member(l->directory, user) : 0;
        json_object *reply = r == 0 ? membership_reply(user, group) : NULL;

        (void)peer;
        buffer_consume(&l->notes, strlen(user) + strlen(group) + 2);
        if (r != 0)
                return r < 0 ? r : NOT_TOLD;
        return told(reply, ret);
}

/* Tells what is held, and holds the next. */
static int tell_one(varlink_call *call, list *l)
{
        json_object *next = NULL;
        int r;

        r = l->next(l, varlink_call_uid(call), &next);
        if (r != 0)
                return r < 0 ? r : 0;
        if (l->held)
                varlink_reply_continues(call, TAKE_PTR(l->held));
        l->held = next;
        return 0;
}

static void finish(varlink_call *call, list *l)
{
        if (l->held)
                varlink_reply(call, TAKE_PTR(l->held));
        else
                varlink_error(call, l->words->none);
}

static void resume(varlink_call *call, void *userdata)
{
        list *l = userdata;

        for (unsigned i = 0; i < LIST_ENTRIES_PER_ROUND && varlink_call_has_room(call); i++) {
                if (buffer_size(&l->notes) == 0) {
                        finish(call, l);
                        return;
                }
                if (tell_one(call, l) < 0) {
                        varlink_error(call, l->words->failed);
                        return;
                }
        }
}

static list *list_new(directory *d, const list_words *words,
        int (*next)(struct list *l, uid_t peer, json_object **ret), size_t noted_max)
{
        list *l = calloc(1, sizeof(*l));

        if (!l)
                return NULL;
        l->directory = d;
        l->words = words;
        l->next = next;
        l->noted_max = noted_max;
        return l;
}

/* Begins to tell what was noted, with the result of noting it. */
static void begin(varlink_call *call, list *l, int r)
{
        const char *failed = l->words->failed;

        if (r >= 0) {
                varlink_stream(call, resume, list_free, l);
                return;
        }
        list_free(l);
        varlink_error(call, failed);
}

void list_users(varlink_call *call, directory *d, const list_words *words)
{
        list *l = list_new(d, words, next_user, LIST_NUMBERS_MAX * sizeof(uid_t));

        if (l)
                begin(call, l, directory_each_user(d, note_user, l));
        else
                varlink_error(call, words->failed);
}

void list_groups(varlink_call *call, directory *d, const list_words *words)
{
        list *l = list_new(d, words, next_group, LIST_NUMBERS_MAX * sizeof(gid_t));

        if (l)
                begin(call, l, directory_each_group(d, note_group, l));
        else
                varlink_error(call, words->failed);
}

void list_memberships(varlink_call *call, directory *d, const char *user, const char *group,
        const list_words *words)
{
        list *l = list_new(d, words, next_membership, LIST_PAIRS_MAX);

        if (!l) {
                varlink_error(call, words->failed);
                return;
        }
        l->first_only = user && group;
        l->checks_members = !user;
        begin(call, l, directory_each_membership(d, user, group, note_membership, l));
}
