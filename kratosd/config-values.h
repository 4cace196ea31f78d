/*
 * The kinds of values that a key can have. Each function reads one value into the field of the
 * configuration that belongs to its key, or tells what would be right and leaves the field alone.
 * What a field then holds is the configuration's.
 */
#pragma once

#include "common/interface.h"
#include "config-reader.h"

/* No login program waits longer for Kratos (common/interface.h). */
#define TIMEOUT_MAX_USEC DAEMON_BUDGET_USEC

typedef void (*config_setter)(config_reader *r, const char *key, const char *value, void *field);

void set_servers(config_reader *r, const char *key, const char *value, void *field);
void set_path(config_reader *r, const char *key, const char *value, void *field);
void set_proxy(config_reader *r, const char *key, const char *value, void *field);
void set_user(config_reader *r, const char *key, const char *value, void *field);
void set_span(config_reader *r, const char *key, const char *value, void *field);
void set_timeout(config_reader *r, const char *key, const char *value, void *field);
void set_identifier(config_reader *r, const char *key, const char *value, void *field);
void set_level(config_reader *r, const char *key, const char *value, void *field);
void set_bool(config_reader *r, const char *key, const char *value, void *field);
void set_count(config_reader *r, const char *key, const char *value, void *field);
void set_span_or_none(config_reader *r, const char *key, const char *value, void *field);

/* Gives a field a copy of the value, or NULL for an empty one. */
void set_text(config_reader *r, char **field, const char *value);

/* Adds the words of a value to a list, after those before it; an empty value begins anew, as in
 * systemd's files. Words that the check refuses are told of, with what would be right. */
typedef bool (*word_check)(const char *word);
void add_words(config_reader *r, const char *key, const char *value, word_list *list,
        word_check check, const char *right);

/* Words of which a value is one, and what each means. A word that is NULL ends the list. */
typedef struct config_choice {
        const char *word;
        int meaning;
} config_choice;

/* Finds what a value means. False where it is none of them, which is told, with what would be
 * right. */
bool config_choose(config_reader *r, const char *key, const char *value,
        const config_choice *choices, const char *right, int *ret);
