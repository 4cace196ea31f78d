#include "posix.h"

#include <errno.h>
#include <string.h>

#include "json.h"
#include "posix-keys.h"
#include "posix-values.h"
#include "reserved.h"

/* The deepest of its values is a number in a group in the list of groups. */
static const json_limits limits = { .depth = 8, .values = 4096 };

#define WHY_SIZE "the document is larger than 64 KiB"
#define WHY_JSON                                                                                   \
        "the document is no JSON object, has a name twice in it, or is deep or long beyond use"
#define WHY_NUL "the document has a NUL in it, which no field may have"
#define WHY_UNKNOWN                                                                                \
        "the document has a field that is not known; known are name, uid, gid, groups, shell, "    \
        "home, gecos, sshKeys, hosts, services, notBefore, notAfter and passwordChangeNow"

static void list_done(posix_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->words[i]);
        free(list->words);
}

posix *posix_free(posix *p)
{
        if (!p)
                return NULL;
        list_done(&p->keys);
        list_done(&p->hosts);
        list_done(&p->services);
        free(p->groups);
        free(p->shell);
        free(p->home);
        free(p->gecos);
        free(p);
        return NULL;
}

static int copy_name(json_object *value, char ret[static USER_NAME_MAX + 1])
{
        const char *name = json_text(value);

        if (!name || !user_name_is_valid(name))
                return POSIX_INVALID;
        memcpy(ret, name, strlen(name) + 1);
        return 0;
}

/* json-c makes a double of what has a fraction or an exponent, and the largest integer of what is
 * larger still: one is of another type, the other reserved. */
static int copy_number(json_object *value, uid_t *ret)
{
        int64_t number;

        if (!json_object_is_type(value, json_type_int))
                return POSIX_INVALID;
        number = json_object_get_int64(value);
        if (number < 0 || number > UINT32_MAX || number_is_reserved((uid_t)number))
                return POSIX_INVALID;
        *ret = (uid_t)number;
        return 0;
}

static int copy_checked(json_object *value, bool (*is_valid)(const char *), char **ret)
{
        const char *text = json_text(value);
        char *copy;

        if (!text || !is_valid(text))
                return POSIX_INVALID;
        copy = strdup(text);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

static int copy_list(
        json_object *value, size_t max, bool (*is_valid)(const char *), posix_list *ret)
{
        size_t count;

        if (!json_object_is_type(value, json_type_array))
                return POSIX_INVALID;
        count = json_object_array_length(value);
        if (count > max)
                return POSIX_INVALID;
        ret->words = calloc(count + 1, sizeof(char *));
        if (!ret->words)
                return -ENOMEM;
        for (; ret->count < count; ret->count++) {
                int r = copy_checked(json_object_array_get_idx(value, ret->count), is_valid,
                        &ret->words[ret->count]);

                if (r != 0)
                        return r;
        }
        return 0;
}

/* An item of the list of groups: its name, or an object with its name and number and nothing else.
 */
static int copy_group(json_object *item, posix_group *ret)
{
        int r;

        if (json_object_is_type(item, json_type_string))
                return copy_name(item, ret->name);
        if (!json_object_is_type(item, json_type_object) || json_object_object_length(item) != 2)
                return POSIX_INVALID;
        r = copy_name(json_member(item, "name"), ret->name);
        if (r == 0)
                r = copy_number(json_member(item, "gid"), &ret->gid);
        ret->has_gid = true;
        return r;
}

/* True if a list has a group by this one's name or number. */
static bool has_group(const posix_group *groups, size_t count, const posix_group *group)
{
        for (size_t i = 0; i < count; i++)
                if (strcmp(groups[i].name, group->name) == 0 ||
                        (group->has_gid && groups[i].has_gid && groups[i].gid == group->gid))
                        return true;
        return false;
}

static int read_name(json_object *value, posix *p)
{
        return copy_name(value, p->name);
}

static int read_uid(json_object *value, posix *p)
{
        p->has_uid = true;
        return copy_number(value, &p->uid);
}

static int read_gid(json_object *value, posix *p)
{
        p->has_gid = true;
        return copy_number(value, &p->gid);
}

static int read_groups(json_object *value, posix *p)
{
        size_t count;

        if (!json_object_is_type(value, json_type_array))
                return POSIX_INVALID;
        count = json_object_array_length(value);
        if (count > POSIX_GROUPS_MAX)
                return POSIX_INVALID;
        p->groups = calloc(count + 1, sizeof(posix_group));
        if (!p->groups)
                return -ENOMEM;
        for (; p->n_groups < count; p->n_groups++) {
                posix_group *group = &p->groups[p->n_groups];

                if (copy_group(json_object_array_get_idx(value, p->n_groups), group) != 0 ||
                        has_group(p->groups, p->n_groups, group))
                        return POSIX_INVALID;
        }
        return 0;
}

static int read_shell(json_object *value, posix *p)
{
        return copy_checked(value, shell_is_valid, &p->shell);
}

static int read_home(json_object *value, posix *p)
{
        return copy_checked(value, home_is_valid, &p->home);
}

static int read_gecos(json_object *value, posix *p)
{
        return copy_checked(value, gecos_is_valid, &p->gecos);
}

static bool key_is_valid(const char *line)
{
        return !key_line_fault(line);
}

static int read_keys(json_object *value, posix *p)
{
        return copy_list(value, POSIX_KEYS_MAX, key_is_valid, &p->keys);
}

/* What is wrong with the first line that is; NULL where it is the list itself. */
static const char *explain_keys(json_object *value)
{
        const char *why = NULL;

        if (!json_object_is_type(value, json_type_array))
                return NULL;
        for (size_t i = 0; !why && i < json_object_array_length(value); i++) {
                const char *line = json_text(json_object_array_get_idx(value, i));

                why = line ? key_line_fault(line) : NULL;
        }
        return why;
}

static int read_hosts(json_object *value, posix *p)
{
        p->has_hosts = true;
        return copy_list(value, POSIX_PATTERNS_MAX, host_pattern_is_valid, &p->hosts);
}

static int read_services(json_object *value, posix *p)
{
        p->has_services = true;
        return copy_list(value, POSIX_PATTERNS_MAX, service_pattern_is_valid, &p->services);
}

static int copy_moment(json_object *value, enum day_edge edge, int64_t *ret)
{
        const char *text = json_text(value);

        return text && read_moment(text, edge, ret) ? 0 : POSIX_INVALID;
}

static int read_not_before(json_object *value, posix *p)
{
        return copy_moment(value, DAY_BEGIN, &p->not_before);
}

static int read_not_after(json_object *value, posix *p)
{
        return copy_moment(value, DAY_END, &p->not_after);
}

static int read_password_change_now(json_object *value, posix *p)
{
        if (!json_object_is_type(value, json_type_boolean))
                return POSIX_INVALID;
        p->password_change_now = json_object_get_boolean(value);
        return 0;
}

/* What would be right. */
#define NAME "a login name is wanted, [a-z_][a-z0-9_.-]{0,31}"
#define NUMBER "an integer from 1000 up is wanted, in digits alone, and none that is reserved"
#define GROUPS                                                                                     \
        "a list of at most 128 is wanted, each a name, or an object of a name and a gid; no name " \
        "or gid may be there twice, and no gid may be reserved"
#define SHELL                                                                                      \
        "the absolute path of a program is wanted, of at most 255 letters, digits and /_.+-, "     \
        "without \".\", \"..\" or nothing between slashes"
#define HOME                                                                                       \
        "an absolute path below / is wanted, of at most 255 bytes of UTF-8, without \":\", "       \
        "control characters, and \".\", \"..\" or nothing between slashes"
#define GECOS "at most 255 bytes of UTF-8 are wanted, without \":\" and control characters"
#define KEYS "a list of at most 64 strings is wanted, each a line of authorized_keys"
#define HOSTS "a list of at most 64 patterns is wanted, each of 1 to 64 letters, digits and _.*?-"
#define SERVICES "a list of at most 64 patterns is wanted, each of 1 to 64 letters, digits and _.*-"
#define MOMENT                                                                                     \
        "a time in UTC is wanted, such as 2026-01-31T00:00:00Z, or a date, such as 2026-01-31"

typedef struct field {
        const char *name;
        int (*read)(json_object *value, posix *p);
        const char *right;                          /* what would be */
        const char *(*explain)(json_object *value); /* says it better, or NULL */
} field;

static const field fields[] = {
        { "name", read_name, "name: " NAME, NULL },
        { "uid", read_uid, "uid: " NUMBER, NULL },
        { "gid", read_gid, "gid: " NUMBER, NULL },
        { "groups", read_groups, "groups: " GROUPS, NULL },
        { "shell", read_shell, "shell: " SHELL, NULL },
        { "home", read_home, "home: " HOME, NULL },
        { "gecos", read_gecos, "gecos: " GECOS, NULL },
        { "sshKeys", read_keys, "sshKeys: " KEYS, explain_keys },
        { "hosts", read_hosts, "hosts: " HOSTS, NULL },
        { "services", read_services, "services: " SERVICES, NULL },
        { "notBefore", read_not_before, "notBefore: " MOMENT, NULL },
        { "notAfter", read_not_after, "notAfter: " MOMENT, NULL },
        { "passwordChangeNow", read_password_change_now,
                "passwordChangeNow: true or false is wanted", NULL },
};

static int refuse(const char *why, const char **ret_why)
{
        *ret_why = why;
        return POSIX_INVALID;
}

static int read_field(const char *name, json_object *value, posix *p, const char **ret_why)
{
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
                const field *f = &fields[i];
                int r;

                if (strcmp(f->name, name) != 0)
                        continue;
                r = f->read(value, p);
                if (r != POSIX_INVALID)
                        return r;
                return refuse((f->explain ? f->explain(value) : NULL) ?: f->right, ret_why);
        }
        return refuse(WHY_UNKNOWN, ret_why);
}

static int read_object(const char *json, size_t size, json_object **ret, const char **ret_why)
{
        _cleanup_json_ json_object *object = NULL;
        int r;

        if (size > POSIX_SIZE_MAX)
                return refuse(WHY_SIZE, ret_why);
        r = json_read_object(json, size, &limits, &object);
        if (r == JSON_INVALID)
                return refuse(WHY_JSON, ret_why);
        if (r < 0)
                return r;
        if (json_has_nul(json, size))
                return refuse(WHY_NUL, ret_why);
        *ret = TAKE_PTR(object);
        return 0;
}

int posix_parse(const char *json, size_t size, posix **ret, const char **ret_why)
{
        _cleanup_json_ json_object *object = NULL;
        _cleanup_posix_ posix *p = NULL;
        int r;

        r = read_object(json, size, &object, ret_why);
        if (r != 0)
                return r;
        p = calloc(1, sizeof(posix));
        if (!p)
                return -ENOMEM;
        p->not_before = INT64_MIN;
        p->not_after = INT64_MAX;
        json_object_object_foreach(object, name, value)
        {
                r = read_field(name, value, p, ret_why);
                if (r != 0)
                        return r;
        }
        *ret = TAKE_PTR(p);
        return 0;
}
