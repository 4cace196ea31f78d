#include "adoption.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "numbers.h"
#include "reserved.h"

/* One identity on its way to an account. */
typedef struct candidate {
        directory *directory;
        store *store;
        const kratos_identity *identity;
        posix *document;
        const char *text; /* the document's */
        account_row row;
} candidate;

#define OUTSIDE "a number of its is outside UIDRange= and AllowUIDs="

static int refuse(const char **ret_why, const char *why)
{
        *ret_why = why;
        return ADOPTION_REFUSED;
}

/* Whether the configuration takes people of a schema: of all, unless it names some. An
 * administrator's own word (adopt_by_hand) comes without a schema. */
static bool takes_schema(const config *c, const char *schema)
{
        for (size_t i = 0; i < c->schemas.count; i++)
                if (strcmp(c->schemas.words[i], schema) == 0)
                        return true;
        return c->schemas.count == 0 || !schema[0];
}

/* An account by its document, or by the configuration's word for everybody. */
static bool is_account(const candidate *c)
{
        const config *all = directory_config(c->directory);

        return takes_schema(all, c->identity->schema) &&
               (c->identity->document || all->accounts_all);
}

/* The name, which must be this identity's and nobody else's. */
static int find_name(candidate *c, const char **ret_why)
{
        char pinned[USER_NAME_MAX + 1] = "", owner[UUID_LENGTH + 1];
        const char *name = c->document->name;
        int r;

        r = store_find_pinned_name(c->store, c->identity->id, pinned);
        if (r < 0 && r != -ENOENT)
                return r;
        if (!*name)
                name = c->identity->trait_name;
        if (!*name)
                name = pinned; /* an administrator has said so */
        if (!*name)
                return refuse(ret_why, "it has no valid name");
        if (name_is_reserved(name))
                return refuse(ret_why, "its name is reserved");
        if (*pinned && strcmp(pinned, name) != 0)
                return refuse(ret_why, "it had another name here; if it is to be renamed, kratosd "
                                       "--unpin that one");
        r = store_find_pin(c->store, name, owner);
        if (r == 0 && strcmp(owner, c->identity->id) != 0)
                return refuse(ret_why,
                        "its name belongs to another identity here; if that is to end, kratosd "
                        "--unpin it");
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == -ENOENT && (r = store_find_group(c->store, name)) != -ENOENT)
                return r < 0 ? r : refuse(ret_why, "its name is a group's here");
        memcpy(c->row.name, name, strlen(name) + 1);
        return 0;
}

/* Whether a number may be given out: not where this host has such a user or group. */
static int is_free(uid_t number, void *userdata)
{
        return directory_number_is_free(userdata, number);
}

static int claim(candidate *c, const char *owner, uid_t number, const char **ret_why)
{
        int r;

        if (!directory_allows_number(c->directory, number))
                return refuse(ret_why, OUTSIDE);
        r = number_claim(c->store, owner, number);
        if (r == NUMBER_TAKEN)
                return refuse(ret_why, "a number of its belongs to somebody else here");
        if (r == NUMBER_CHANGED)
                return refuse(ret_why, "a number of its is another than it had here before");
        return r;
}

static int find_number(
        candidate *c, const char *owner, bool given, uid_t number, uid_t *ret, const char **ret_why)
{
        const config *range = directory_config(c->directory);
        int r;

        if (given) {
                r = claim(c, owner, number, ret_why);
                if (r == 0)
                        *ret = number;
                return r;
        }
        r = number_find(c->store, owner, range->uid_range.first, range->uid_range.last, is_free,
                c->directory, ret);
        if (r == NUMBER_NONE)
                return refuse(ret_why, "UIDRange= has no number left for it");
        /* One of before may be from a range that is not given any more. */
        if (r == 0 && !directory_allows_number(c->directory, *ret))
                return refuse(ret_why, OUTSIDE);
        return r;
}

static int find_uid(candidate *c, const char **ret_why)
{
        char owner[NUMBER_OWNER_MAX], other[NUMBER_OWNER_MAX];
        const posix *document = c->document;
        int r;

        snprintf(owner, sizeof(owner), "user:%s", c->identity->id);
        r = find_number(c, owner, document->has_uid, document->uid, &c->row.uid, ret_why);
        if (r != 0)
                return r;
        c->row.gid = document->has_gid ? document->gid : c->row.uid;
        if (c->row.gid == c->row.uid)
                return 0;
        if (!directory_allows_number(c->directory, c->row.gid))
                return refuse(ret_why, "its gid is outside UIDRange= and AllowUIDs=");
        r = store_find_owner(c->store, c->row.gid, other);
        if (r == 0 && strncmp(other, "user:", strlen("user:")) == 0)
                return refuse(ret_why, "its gid is another user's own");
        return r == -ENOENT ? 0 : r;
}

/* Gives each of its groups a number. Those whose names are reserved are groups of Kratos's alone,
 * of which the configuration may make something else ([Groups]). */
static int find_groups(candidate *c, const char **ret_why)
{
        for (size_t i = 0; i < c->document->n_groups; i++) {
                const posix_group *group = &c->document->groups[i];
                char owner[NUMBER_OWNER_MAX];
                gid_t gid;
                int r;

                if (name_is_reserved(group->name))
                        continue;
                snprintf(owner, sizeof(owner), "group:%s", group->name);
                r = find_number(c, owner, group->has_gid, group->gid, &gid, ret_why);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* Everything that an account needs, or why it cannot be one. */
static int examine(candidate *c, const char **ret_why)
{
        int r;

        if (c->identity->two_documents)
                return refuse(ret_why, "both metadata_public and metadata_admin have a posix "
                                       "object: which counts?");
        r = posix_parse(c->text, strlen(c->text), &c->document, ret_why);
        if (r != POSIX_OK)
                return r < 0 ? r : ADOPTION_REFUSED;
        /* A name in the document may have been cut there, and then the document says less. */
        if (c->identity->has_nul)
                return refuse(ret_why, "a NUL is in its metadata or traits");
        if (c->document->home && !directory_allows_home(c->directory, c->document->home))
                return refuse(ret_why, "its home is not HomePrefix= and one name below it");
        r = find_name(c, ret_why);
        if (r == 0)
                r = find_uid(c, ret_why);
        return r == 0 ? find_groups(c, ret_why) : r;
}

static int put(candidate *c)
{
        const char *groups[POSIX_GROUPS_MAX];
        char owner[UUID_LENGTH + 1];
        int r = store_find_pin(c->store, c->row.name, owner);

        if (r == -ENOENT)
                r = store_add_pin(c->store, c->row.name, c->row.identity);
        /* Where it is demanded anew, it has not been done. */
        if (r == 0 && !c->document->password_change_now)
                r = store_delete_password_change(c->store, c->row.identity);
        if (r < 0)
                return r;
        for (size_t i = 0; i < c->document->n_groups; i++)
                groups[i] = c->document->groups[i].name;
        return store_put_account(c->store, &c->row, groups, c->document->n_groups);
}

/* What it was before counts no more, but stays to tell whose files are whose. */
static int put_refused(candidate *c, account_row *before, const char *why)
{
        int r = 0;

        if (!before->document || !before->refused)
                log_message(LOG_WARNING, "The identity %s%s%s cannot be an account here: %s",
                        c->identity->id, before->document ? ", which was " : "", before->name, why);
        if (before->document && !before->refused)
                r = store_refuse_account(c->store, before->identity);
        return r < 0 ? r : ADOPTION_REFUSED;
}

static bool is_unchanged(const candidate *c, const account_row *before)
{
        return before->document && !before->refused && before->uid == c->row.uid &&
               before->gid == c->row.gid && strcmp(before->name, c->row.name) == 0 &&
               strcmp(before->document, c->text) == 0;
}

/* Makes it an account, or finds why it cannot be one: then it has taken no name and no number. */
static int make(candidate *c, const account_row *before, const char **ret_why)
{
        int r = store_begin(c->store), ended;

        if (r < 0)
                return r;
        r = examine(c, ret_why);
        if (r == 0 && !is_unchanged(c, before)) {
                c->row.document = (char *)c->text;
                r = put(c);
        }
        if (r == -EEXIST)
                r = refuse(ret_why, "its name or number is another account's");
        ended = store_end(c->store, r == ADOPTION_REFUSED ? -ECANCELED : r);
        return r == 0 ? ended : r;
}

/* Whatever becomes of it, this is what Kratos says of it now. */
static int note_standing(candidate *c)
{
        standing now = { .active = c->identity->active, .checked = time(NULL) };

        return store_put_standing(c->store, c->identity->id, &now);
}

static int take(candidate *c)
{
        _cleanup_account_row_ account_row before = { 0 };
        const char *why = NULL;
        int r = store_find_account_identity(c->store, c->identity->id, &before);

        if (r < 0 && r != -ENOENT)
                return r;
        if (!is_account(c)) {
                if (!before.document)
                        return ADOPTION_NONE;
                r = adoption_end(c->store, before.identity);
                return r < 0 ? r : ADOPTION_NONE;
        }
        c->text = c->identity->document ? c->identity->document : "{}";
        r = note_standing(c);
        if (r == 0)
                r = make(c, &before, &why);
        if (r == ADOPTION_REFUSED)
                return put_refused(c, &before, why);
        if (r == 0 && !before.document)
                log_message(LOG_INFO, "%s is an account: identity %s, uid %u", c->row.name,
                        c->row.identity, c->row.uid);
        return r;
}

int adopt(directory *d, store *s, const kratos_identity *identity)
{
        candidate c = { .directory = d, .store = s, .identity = identity };
        int r;

        memcpy(c.row.identity, identity->id, sizeof(c.row.identity));
        r = store_begin(s);
        if (r < 0)
                return r;
        r = take(&c);
        posix_free(c.document);
        return store_end(s, r);
}

int adoption_end(store *s, const char *identity)
{
        _cleanup_account_row_ account_row row = { 0 };
        int r = store_find_account_identity(s, identity, &row);

        if (r == 0)
                log_message(
                        LOG_NOTICE, "%s is no account any more: identity %s", row.name, identity);
        if (r < 0 && r != -ENOENT)
                return r;
        return store_delete_account(s, identity);
}

/* Makes an account of an identity of which nothing is known. Whoever can ask Kratos about it does
 * so before it is let in. */
static int adopt_unseen(directory *d, store *s, const char *identity)
{
        kratos_identity claimed = { .active = true, .document = (char *)"{}" };
        standing never = { .active = true, .checked = 0 };
        int r;

        memcpy(claimed.id, identity, sizeof(claimed.id));
        r = adopt(d, s, &claimed);
        if (r != ADOPTED)
                return r;
        r = store_put_standing(s, identity, &never);
        return r < 0 ? r : ADOPTED;
}

static int assign(directory *d, store *s, const char *name, const char *identity)
{
        _cleanup_account_row_ account_row known = { 0 };
        char owner[UUID_LENGTH + 1];
        int r = store_find_pin(s, name, owner);

        if (r == -ENOENT)
                r = store_add_pin(s, name, identity);
        else if (r == 0 && strcmp(owner, identity) != 0)
                return ADOPTION_REFUSED;
        if (r == 0)
                r = store_find_account_identity(s, identity, &known);
        if (r == 0)
                return ADOPTED; /* what Kratos said of it counts */
        if (r == -ENOENT)
                r = adopt_unseen(d, s, identity);
        return r == -EEXIST ? ADOPTION_REFUSED : r; /* the identity has another name here */
}

int adopt_by_hand(directory *d, store *s, const char *name, const char *identity)
{
        int r = store_begin(s);

        if (r < 0)
                return r;
        r = assign(d, s, name, identity);
        if (r != ADOPTION_REFUSED)
                return store_end(s, r);
        (void)store_end(s, -ECANCELED); /* the name is not pinned either */
        return ADOPTION_REFUSED;
}

int adoption_unpin(store *s, const char *name)
{
        char owner[UUID_LENGTH + 1] = "";
        int r = store_begin(s);

        if (r < 0)
                return r;
        r = store_find_pin(s, name, owner);
        if (r == 0)
                r = adoption_end(s, owner);
        if (r == 0)
                r = store_delete_pin(s, name);
        if (r == 0)
                log_message(LOG_NOTICE, "%s is nobody's any more: it was the identity %s's", name,
                        owner);
        return store_end(s, r);
}
