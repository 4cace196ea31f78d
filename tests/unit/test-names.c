/* The checks at the edge: what may stand in a name, a context field, an id. */
#include "names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "interface.h"

#define N8 "aaaaaaaa"
#define N32 N8 N8 N8 N8

static void test_rule_10_user_names(void **state)
{
        static const char *const good[] = { "a", "_", "alice", "_apt", "a.b-c_d9", N32, "a.",
                "a-" };
        static const char *const bad[] = { "", "Alice", "aLice", "9a", "-a", ".a", "a b", "a:b",
                "a/b", "a\n", "\na", "a\t", "a\x7f", "al\xc3\xaf", "alice$", "alice@example.org",
                " alice", "alice ", N32 "a", "..", "a\\b", "a,b", "a;b", "a\"", "a'", "a%" };

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
                assert_true(user_name_is_valid(good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(user_name_is_valid(bad[i]));
}

static void test_rule_10_every_byte_of_a_name(void **state)
{
        (void)state;
        for (int c = 1; c < 256; c++) {
                char first[] = { (char)c, 'a', '\0' }, second[] = { 'a', (char)c, '\0' };
                bool lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';

                assert_int_equal(user_name_is_valid(first), lower || c == '_');
                assert_int_equal(user_name_is_valid(second),
                        lower || digit || c == '_' || c == '.' || c == '-');
        }
}

static void test_rule_29_context_fields(void **state)
{
        char field[CONTEXT_FIELD_MAX + 2];

        (void)state;
        assert_true(context_field_is_valid(""));
        assert_true(context_field_is_valid("/dev/pts/0"));
        assert_true(context_field_is_valid("fe80::1%eth0"));
        for (int c = 1; c < 256; c++) {
                char text[] = { 'a', (char)c, '\0' };

                assert_int_equal(context_field_is_valid(text), c >= ' ' && c <= '~');
        }
        memset(field, 'x', sizeof(field));
        field[CONTEXT_FIELD_MAX] = '\0';
        assert_true(context_field_is_valid(field));
        field[CONTEXT_FIELD_MAX] = 'x';
        field[CONTEXT_FIELD_MAX + 1] = '\0';
        assert_false(context_field_is_valid(field));
}

static void test_rule_29_uuids(void **state)
{
        static const char good[] = "9f425a8d-7efc-4768-8f23-7647a74fdf13";

        (void)state;
        assert_true(uuid_is_valid(good));
        assert_false(uuid_is_valid(""));
        assert_false(uuid_is_valid("9F425A8D-7EFC-4768-8F23-7647A74FDF13"));
        assert_false(uuid_is_valid("{9f425a8d-7efc-4768-8f23-7647a74fdf13}"));
        assert_false(uuid_is_valid("9f425a8d7efc47688f237647a74fdf13"));
        assert_false(uuid_is_valid("9f425a8d-7efc-4768-8f23-7647a74fdf130"));
        for (size_t i = 0; i < sizeof(good) - 1; i++) {
                char text[sizeof(good)];

                memcpy(text, good, sizeof(good));
                text[i] = '\0';
                assert_false(uuid_is_valid(text));
                text[i] = 'g';
                assert_false(uuid_is_valid(text));
                text[i] = '/';
                assert_false(uuid_is_valid(text));
        }
}

static void test_ids(void **state)
{
        (void)state;
        assert_true(id_is_valid("0123456789abcdef0123456789abcdef"));
        assert_false(id_is_valid(""));
        assert_false(id_is_valid("0123456789abcdef0123456789abcde"));
        assert_false(id_is_valid("0123456789abcdef0123456789abcdef0"));
        assert_false(id_is_valid("0123456789ABCDEF0123456789abcdef"));
        assert_false(id_is_valid("0123456789abcdef 123456789abcdef"));
        assert_false(id_is_valid("../3456789abcdef0123456789abcdef"));
}

static void test_rule_29_tokens(void **state)
{
        char token[TOKEN_MAX + 1];

        (void)state;
        assert_true(token_is_valid("ory_st_AZaz09-", 14));
        assert_false(token_is_valid("", 0));
        for (int c = 0; c < 256; c++) {
                char byte = (char)c;
                bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '_' || c == '-';

                assert_int_equal(token_is_valid(&byte, 1), good);
        }
        assert_false(token_is_valid("abc\0def", 7));
        memset(token, 'x', sizeof(token));
        assert_true(token_is_valid(token, TOKEN_MAX));
        assert_false(token_is_valid(token, TOKEN_MAX + 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_10_user_names),
                cmocka_unit_test(test_rule_10_every_byte_of_a_name),
                cmocka_unit_test(test_rule_29_context_fields),
                cmocka_unit_test(test_rule_29_uuids),
                cmocka_unit_test(test_ids),
                cmocka_unit_test(test_rule_29_tokens),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
