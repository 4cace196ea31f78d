/*
 * JSON texts, read strictly: one value and nothing after it, well-formed, within the limits that
 * the reader names, and with no name twice in one object. Whoever reads a text owns its value; what
 * was taken out of it by member or text lives as long as that. (rule 26)
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

DEFINE_CLEANUP(json_object *, json_object_put);
#define _cleanup_json_ _cleanup_(json_object_putp)

enum json_result {
        JSON_READ = 0,
        JSON_INVALID = 1,
};

/* What a text may hold. */
typedef struct json_limits {
        int depth;     /* of objects and arrays in one another */
        size_t values; /* json-c takes some 300 bytes for each */
} json_limits;

/* Reads a value of any type; NULL for the JSON null. Does not look for names that stand
 * twice. -ENOMEM. */
int json_read(const char *bytes, size_t size, const json_limits *limits, json_object **ret);

/* Reads an object. A name that stands twice in one object, however deep, makes it invalid: which of
 * the two counts is a question that no two readers answer alike. -ENOMEM. */
int json_read_object(const char *bytes, size_t size, const json_limits *limits, json_object **ret);

/* A member of an object; NULL where there is no object, no such member, or null. */
json_object *json_member(json_object *object, const char *name);

/* A string without NUL in it, or NULL. It lives as long as the value. */
const char *json_text(json_object *value);

/* True if a text that was read has a NUL in a string or a name, which it writes as \u0000. json-c
 * cuts a name off there. */
bool json_has_nul(const char *bytes, size_t size);
