/*
 * JSON that the daemon writes, where no secret is in it: objects are filled member by member, and
 * whether memory sufficed is asked once, at the end. Whoever makes an object owns it. (Secrets are
 * written by body.c.)
 */
#pragma once

#include <stdint.h>

#include "json.h"

/* Adds a member, whose name must live as long as the object and not stand in it yet. Takes the
 * value over. Where the object is NULL, or there is no memory, *object becomes NULL. */
void json_put(json_object **object, const char *name, json_object *value);

/* Likewise, for values of one kind each. */
void json_put_text(json_object **object, const char *name, const char *value);
void json_put_number(json_object **object, const char *name, uint64_t value);
void json_put_bool(json_object **object, const char *name, bool value);

/* Adds to the end of an array, as json_put. */
void json_append_text(json_object **array, const char *value);
