#include "json.h"

#include <errno.h>
#include <json-c/json_visit.h>
#include <string.h>

DEFINE_CLEANUP(json_tokener *, json_tokener_free);
#define _cleanup_tokener_ _cleanup_(json_tokener_freep)

/* How often one of these characters stands outside strings, in a text that is or may be JSON. */
static size_t count_outside(const char *bytes, size_t size, const char *which)
{
        bool quoted = false;
        size_t count = 0;

        for (size_t i = 0; i < size; i++) {
                if (quoted && bytes[i] == '\\')
                        i++;
                else if (bytes[i] == '"')
                        quoted = !quoted;
                else if (!quoted && bytes[i] && strchr(which, bytes[i]))
                        count++;
        }
        return count;
}

static int count_member(json_object *value, int flags, json_object *parent, const char *key,
        size_t *index, void *userdata)
{
        (void)value;
        (void)parent;
        (void)index;
        if (key && !(flags & JSON_C_VISIT_SECOND))
                ++*(size_t *)userdata;
        return JSON_C_VISIT_RETURN_CONTINUE;
}

/* A NUL would end the text for json-c, and whatever came after would go unread. A value at the very
 * end, such as null, is complete only with a byte after it. */
int json_read(const char *bytes, size_t size, const json_limits *limits, json_object **ret)
{
        _cleanup_tokener_ json_tokener *tokener = json_tokener_new_ex(limits->depth);
        _cleanup_json_ json_object *value = NULL;

        if (!tokener)
                return -ENOMEM;
        if (memchr(bytes, 0, size) || count_outside(bytes, size, "{[,") > limits->values)
                return JSON_INVALID;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        value = json_tokener_parse_ex(tokener, bytes, (int)size);
        if (json_tokener_get_error(tokener) == json_tokener_continue)
                value = json_tokener_parse_ex(tokener, "\n", 1);
        if (json_tokener_get_error(tokener) != json_tokener_success)
                return JSON_INVALID;
        *ret = TAKE_PTR(value);
        return 0;
}

int json_read_object(const char *bytes, size_t size, const json_limits *limits, json_object **ret)
{
        _cleanup_json_ json_object *object = NULL;
        size_t members = 0;
        int r;

        r = json_read(bytes, size, limits, &object);
        if (r != 0)
                return r;
        if (!json_object_is_type(object, json_type_object))
                return JSON_INVALID;
        if (json_c_visit(object, 0, count_member, &members) < 0 ||
                members != count_outside(bytes, size, ":"))
                return JSON_INVALID;
        *ret = TAKE_PTR(object);
        return 0;
}

json_object *json_member(json_object *object, const char *name)
{
        json_object *value = NULL;

        if (!json_object_is_type(object, json_type_object))
                return NULL;
        json_object_object_get_ex(object, name, &value);
        return value;
}

const char *json_text(json_object *value)
{
        const char *string;

        if (!json_object_is_type(value, json_type_string))
                return NULL;
        string = json_object_get_string(value);
        return strlen(string) == (size_t)json_object_get_string_len(value) ? string : NULL;
}

bool json_has_nul(const char *bytes, size_t size)
{
        static const char escape[] = "u0000";

        for (size_t i = 0; i + sizeof(escape) - 1 < size; i++)
                if (bytes[i] == '\\' && memcmp(bytes + ++i, escape, sizeof(escape) - 1) == 0)
                        return true;
        return false;
}
