/*
 * A configuration that is being read: the value as far as it goes, and where its reader stands, so
 * that each mistake is told with its place. It lives while config_load runs, in config.c, and is
 * lent to the files config-*.c, which know the keys and their values.
 */
#pragma once

#include "config.h"

typedef struct config_reader {
        config *config;
        config_complaint complain;
        void *userdata;
        const char *file;
        unsigned line; /* 0: the file as a whole, or what only all files together show */
} config_reader;

/* Tells of a mistake in a sentence, and counts it unless it is only a warning. */
__attribute__((format(printf, 3, 4))) void config_complain(
        config_reader *r, bool warning, const char *format, ...);

/* Tells that a value is none of this key, and what would be right. */
void config_mistaken(config_reader *r, const char *key, const char *value, const char *right);
