/*
 * The options: which keys there are, in which sections, what each is by default, and what they must
 * be together. The table is a constant that nobody owns.
 */
#pragma once

#include "config-reader.h"

/* Fills a new configuration with the defaults. -ENOMEM. */
int config_set_defaults(config *c);

/* Takes one KEY=VALUE of a section, or tells what is wrong with it. */
void config_take(config_reader *r, const char *section, const char *key, const char *value);

/* Tells what only the whole can show, and fills in what depends on other keys. */
void config_check(config_reader *r);
