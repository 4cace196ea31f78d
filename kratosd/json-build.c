#include "json-build.h"

static void give_up(json_object **object)
{
        json_object_put(*object);
        *object = NULL;
}

void json_put(json_object **object, const char *name, json_object *value)
{
        const unsigned flags = JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_KEY_IS_CONSTANT;

        if (*object && value && json_object_object_add_ex(*object, name, value, flags) == 0)
                return;
        json_object_put(value);
        give_up(object);
}

void json_put_text(json_object **object, const char *name, const char *value)
{
        json_put(object, name, json_object_new_string(value));
}

void json_put_number(json_object **object, const char *name, uint64_t value)
{
        json_put(object, name, json_object_new_uint64(value));
}

void json_put_bool(json_object **object, const char *name, bool value)
{
        json_put(object, name, json_object_new_boolean(value));
}

void json_append_text(json_object **array, const char *value)
{
        json_object *text = json_object_new_string(value);

        if (*array && text && json_object_array_add(*array, text) == 0)
                return;
        json_object_put(text);
        give_up(array);
}
