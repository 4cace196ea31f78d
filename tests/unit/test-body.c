/* The bodies with passwords and tokens in them: every byte, and what is not UTF-8. */
#include "kratosd/body.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/interface.h"
#include "common/names.h"

static secret *secret_of(const char *bytes, size_t size)
{
        secret *s = NULL;

        assert_int_equal(secret_new(size, &s), 0);
        assert_int_equal(secret_append(s, bytes, size), 0);
        return s;
}

static void test_exact_text(void **state)
{
        _cleanup_secret_ secret *password = secret_of("a\"b\\c\n\x01/\x7f", 9), *body = NULL;

        (void)state;
        assert_int_equal(body_password_login("alice", password, &body), 0);
        assert_string_equal(secret_data(body), "{\"method\":\"password\",\"identifier\":\"alice\","
                                               "\"password_identifier\":\"alice\","
                                               "\"password\":\"a\\\"b\\\\c\\u000a\\u0001/\x7f\"}");
        assert_int_equal(secret_size(body), strlen(secret_data(body)));
        body = secret_free(body);

        assert_int_equal(body_session_token(password, &body), 0);
        assert_string_equal(
                secret_data(body), "{\"session_token\":\"a\\\"b\\\\c\\u000a\\u0001/\x7f\"}");
}

static void check_code_body(enum body_code what, const char *identifier, const char *address,
        const secret *code, const char *text)
{
        _cleanup_secret_ secret *body = NULL;

        assert_int_equal(body_code(what, identifier, address, code, &body), 0);
        assert_string_equal(secret_data(body), text);
}

static void test_steps(void **state)
{
        _cleanup_secret_ secret *code = secret_of("12\"3", 4), *bad = secret_of("\xff", 1),
                                *body = NULL;

        (void)state;
        assert_int_equal(body_totp(code, &body), 0);
        assert_string_equal(secret_data(body), "{\"method\":\"totp\",\"totp_code\":\"12\\\"3\"}");
        body = secret_free(body);
        assert_int_equal(body_lookup_secret(code, &body), 0);
        assert_string_equal(
                secret_data(body), "{\"method\":\"lookup_secret\",\"lookup_secret\":\"12\\\"3\"}");

        check_code_body(
                BODY_SEND, "alice", NULL, NULL, "{\"method\":\"code\",\"identifier\":\"alice\"}");
        check_code_body(BODY_SEND, NULL, "a@b", NULL, "{\"method\":\"code\",\"address\":\"a@b\"}");
        check_code_body(BODY_RESEND, NULL, "a\"b", NULL,
                "{\"method\":\"code\",\"address\":\"a\\\"b\",\"resend\":\"code\"}");
        check_code_body(BODY_VERIFY, "alice", NULL, code,
                "{\"method\":\"code\",\"identifier\":\"alice\",\"code\":\"12\\\"3\"}");
        check_code_body(
                BODY_VERIFY, NULL, NULL, code, "{\"method\":\"code\",\"code\":\"12\\\"3\"}");
        body = secret_free(body);
        assert_int_equal(body_totp(bad, &body), -EINVAL);
        assert_int_equal(body_code(BODY_VERIFY, NULL, NULL, bad, &body), -EINVAL);
}

/* What another reader takes from the body is what was put into it. */
static void check_reading(const char *identifier, const char *bytes, size_t size)
{
        _cleanup_secret_ secret *password = secret_of(bytes, size), *body = NULL;
        json_tokener *tokener = json_tokener_new();
        json_object *object, *value = NULL;

        assert_int_equal(body_password_login(identifier, password, &body), 0);
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        object = json_tokener_parse_ex(tokener, secret_data(body), (int)secret_size(body));
        assert_true(json_object_is_type(object, json_type_object));
        assert_int_equal(json_object_object_length(object), 4);
        assert_true(json_object_object_get_ex(object, "password", &value));
        assert_int_equal(json_object_get_string_len(value), size);
        assert_memory_equal(json_object_get_string(value), bytes, size);
        assert_true(json_object_object_get_ex(object, "identifier", &value));
        assert_string_equal(json_object_get_string(value), identifier);
        assert_true(json_object_object_get_ex(object, "password_identifier", &value));
        assert_string_equal(json_object_get_string(value), identifier);
        json_object_put(object);
        json_tokener_free(tokener);
}

static void test_every_byte(void **state)
{
        char all[128], longest[ANSWER_MAX];

        (void)state;
        for (int i = 0; i < 128; i++) {
                char one = (char)i;

                all[i] = one;
                check_reading("alice", &one, 1);
                memset(longest, i, sizeof(longest));
                check_reading("alice", longest, sizeof(longest));
        }
        check_reading("alice", all, sizeof(all));
        check_reading("alice", all, 0);
}

static void test_identifiers(void **state)
{
        char longest[CONTEXT_FIELD_MAX + USER_NAME_MAX + 1];

        (void)state;
        memset(longest, '"', sizeof(longest));
        longest[sizeof(longest) - 1] = '\0';
        check_reading(longest, "x", 1);
        check_reading("", "x", 1);
        check_reading("a\",\"password\":\"b\\", "x", 1);
}

static void test_beyond_ascii(void **state)
{
        static const char *const texts[] = { "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                "pa\xc3\x9fwort \xe2\x82\xac \xf0\x9f\x98\x80" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                assert_true(utf8_is_valid(texts[i], strlen(texts[i])));
                check_reading("alice", texts[i], strlen(texts[i]));
        }
}

static void refuse(const char *bytes, size_t size)
{
        _cleanup_secret_ secret *password = secret_of(bytes, size);
        secret *body = NULL;

        assert_false(utf8_is_valid(bytes, size));
        assert_int_equal(body_password_login("alice", password, &body), -EINVAL);
        assert_int_equal(body_session_token(password, &body), -EINVAL);
        assert_null(body);
}

static void test_what_is_not_utf8(void **state)
{
        static const char *const texts[] = { "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2",
                "\xc2x", "\xc2\xc2", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe0\xa0", "\xe1\x80x",
                "\xed\xa0\x80", "\xed\xbf\xbf", "\xef\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
                "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80",
                "\xfe", "\xff", "ok\xff", "\xc3\xa9\xc3", "\xf0\x9f\x98\x80\x80" };
        _cleanup_secret_ secret *password = secret_of("x", 1), *body = NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                refuse(texts[i], strlen(texts[i]));
        for (int lead = 0x80; lead < 0x100; lead++) {
                char one = (char)lead;

                refuse(&one, 1);
        }
        assert_int_equal(body_password_login("al\xffice", password, &body), -EINVAL);
        assert_null(body);
}

/* RFC 3629's grammar, byte for byte, against every sequence of two, and three by their first two.
 */
static void test_utf8_of_two_bytes(void **state)
{
        (void)state;
        for (unsigned a = 0x80; a < 0x100; a++)
                for (unsigned b = 0; b < 0x100; b++) {
                        char bytes[] = { (char)a, (char)b, '\x80', '\x80' };
                        bool tail = b >= 0x80 && b <= 0xbf;
                        bool three = a >= 0xe0 && a <= 0xef && tail && !(a == 0xe0 && b < 0xa0) &&
                                     !(a == 0xed && b > 0x9f);
                        bool four = a >= 0xf0 && a <= 0xf4 && tail && !(a == 0xf0 && b < 0x90) &&
                                    !(a == 0xf4 && b > 0x8f);

                        assert_int_equal(utf8_is_valid(bytes, 2), a >= 0xc2 && a <= 0xdf && tail);
                        assert_int_equal(utf8_is_valid(bytes, 3), three);
                        assert_int_equal(utf8_is_valid(bytes, 4), four);
                }
        assert_true(utf8_is_valid("", 0));
        assert_true(utf8_is_valid("\0", 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exact_text),
                cmocka_unit_test(test_steps),
                cmocka_unit_test(test_every_byte),
                cmocka_unit_test(test_identifiers),
                cmocka_unit_test(test_beyond_ascii),
                cmocka_unit_test(test_what_is_not_utf8),
                cmocka_unit_test(test_utf8_of_two_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
