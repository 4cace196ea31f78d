/*
 * A configuration file of a test's own, and what is complained of while it is read: shared by the
 * programs that test the configuration, each of which owns a folder for it.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "folder.h"
#include "kratosd/config.h"

#define COMPLAINTS_MAX 32
#define LEAST "[Kratos]\nPublicURL=https://k\n"

static char file[PATH_MAX];

/* What was complained of while the last file was read. */
static struct {
        char file[PATH_MAX];
        unsigned line;
        bool warning;
        char sentence[512];
} heard[COMPLAINTS_MAX];
static unsigned n_heard;

static void hear(
        const char *name, unsigned line, bool warning, const char *sentence, void *userdata)
{
        assert_ptr_equal(userdata, &n_heard);
        assert_true(n_heard < COMPLAINTS_MAX);
        snprintf(heard[n_heard].file, sizeof(heard[n_heard].file), "%s", name);
        heard[n_heard].line = line;
        heard[n_heard].warning = warning;
        snprintf(heard[n_heard].sentence, sizeof(heard[n_heard].sentence), "%s", sentence);
        n_heard++;
}

static void put(const char *path, const char *text, size_t size)
{
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), size);
}

static int load_bytes(const char *text, size_t size, config **ret)
{
        n_heard = 0;
        put(file, text, size);
        return config_load(file, hear, &n_heard, ret);
}

static config *load(const char *text)
{
        config *c = NULL;

        if (load_bytes(text, strlen(text), &c) != 0)
                fail_msg("refused: %s", n_heard ? heard[0].sentence : "without a word");
        assert_non_null(c);
        return c;
}

/* One complaint: of this line (0: of the whole), with these words in it. */
static void check_heard(unsigned which, unsigned line, bool warning, const char *words)
{
        assert_true(which < n_heard);
        if (heard[which].line != line || heard[which].warning != warning ||
                !strstr(heard[which].sentence, words))
                fail_msg("line %u instead of %u: %s: %s", heard[which].line, line,
                        heard[which].warning ? "warning" : "error", heard[which].sentence);
        assert_string_equal(heard[which].file, file);
}

static void refuse(const char *text, unsigned line, const char *words)
{
        config *c = NULL;

        assert_int_equal(load_bytes(text, strlen(text), &c), -EINVAL);
        assert_null(c);
        if (n_heard != 1)
                fail_msg("%u complaints of:\n%s", n_heard, text);
        check_heard(0, line, false, words);
}

/* One mistake in a file that is good otherwise. It stands in line 4. */
static void refuse_key(const char *section, const char *key, const char *words)
{
        char text[2048];

        snprintf(text, sizeof(text), LEAST "[%s]\n%s\n", section, key);
        refuse(text, 4, words);
        assert_memory_equal(heard[0].sentence, key, strcspn(key, "="));
}

static inline void warn(const char *text, unsigned line, const char *words)
{
        assert_null(config_unref(load(text)));
        assert_int_equal(n_heard, 1);
        check_heard(0, line, true, words);
}

/* All words of a list, with a space after each. */
static inline void check_words(const word_list *list, const char *expected)
{
        char text[4096] = "";

        for (size_t i = 0; i < list->count; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", list->words[i]);
        assert_string_equal(text, expected);
}

static int begin_file(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(file, sizeof(file), "%s/kratosd.conf", folder);
        return 0;
}
