/* Words: phrases, and what takes the places in them. */
#include "common/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *to_german(const char *message)
{
        static const char *const pairs[][2] = {
                { "Wrong.", "Falsch." },
                { "%1 to %2", "an %2: %1" },
                { "No place", "%1, das Sie %s nicht %n sehen" },
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
                if (strcmp(message, pairs[i][0]) == 0)
                        return pairs[i][1];
        assert_string_not_equal(message, ""); /* of which gettext makes the catalogue's header */
        return message;
}

static void assert_rendered(const char *words, const char *english, const char *german)
{
        char text[PROMPT_TEXT_MAX + 1];

        assert_true(words_render(words, NULL, text));
        assert_string_equal(text, english);
        assert_true(words_render(words, to_german, text));
        assert_string_equal(text, german);
}

static void test_phrases_are_translated_one_by_one(void **state)
{
        char words[PROMPT_TEXT_MAX + 1] = "";

        (void)state;
        words_add(words, N_("Wrong."), NULL, NULL);
        words_add(words, " ", NULL, NULL);
        words_add(words, N_("%1 to %2"), "mail", "a…@example.test");
        assert_string_equal(words, "Wrong.\n \n%1 to %2\tmail\ta…@example.test");
        assert_rendered(
                words, "Wrong. mail to a…@example.test", "Falsch. an a…@example.test: mail");
}

static void test_arguments_are_no_messages_and_make_no_phrases(void **state)
{
        char words[PROMPT_TEXT_MAX + 1] = "";

        (void)state;
        words_add(words, "%1 to %2", "Wrong.", "%1\t%2\nWrong.\x7f");
        assert_rendered(words, "Wrong. to %1?%2?Wrong.?", "an %1?%2?Wrong.?: Wrong.");
}

/* Rule 29: what others wrote is never a format. */
static void test_rule_29_plain_text_stays_as_it_is(void **state)
{
        static const char *const texts[] = { "", "100 %", "%1 %s %n %9", "Ihr Paßwort ist 12 %1" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_rendered(texts[i], texts[i], texts[i]);
        assert_rendered("No place\tx", "No place", "x, das Sie %s nicht %n sehen");
}

static void test_broken_words_are_shown_all_the_same(void **state)
{
        (void)state;
        assert_rendered("\n\n\t\t\n", "", "");
        assert_rendered("%1%2%9\tone", "one", "one");
        assert_rendered("%1%2\t\ttwo\tthree", "two", "two");
        assert_rendered("%\tone", "%", "%");
        assert_rendered("%0 %a\tone", "%0 %a", "%0 %a");
}

static void test_rule_12_too_long(void **state)
{
        char words[PROMPT_TEXT_MAX + 1] = "", text[PROMPT_TEXT_MAX + 1];
        char most[PROMPT_TEXT_MAX + 1], half[PROMPT_TEXT_MAX / 2 + 2] = "";

        (void)state;
        memset(most, 'x', PROMPT_TEXT_MAX);
        most[PROMPT_TEXT_MAX] = '\0';
        words_add(words, most, NULL, NULL);
        words_add(words, "more", NULL, NULL);
        words_add(words, "", NULL, NULL);
        assert_string_equal(words, most);
        assert_true(words_render(words, NULL, text));
        assert_string_equal(text, most);

        /* Whole phrases, and no more than there is room for. */
        memset(half, 'x', sizeof(half) - 1);
        words[0] = '\0';
        words_add(words, "Wrong.", NULL, NULL);
        words_add(words, "%1%1", half, NULL);
        assert_false(words_render(words, NULL, text));
        assert_string_equal(text, "Wrong.");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_phrases_are_translated_one_by_one),
                cmocka_unit_test(test_arguments_are_no_messages_and_make_no_phrases),
                cmocka_unit_test(test_rule_29_plain_text_stays_as_it_is),
                cmocka_unit_test(test_broken_words_are_shown_all_the_same),
                cmocka_unit_test(test_rule_12_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
