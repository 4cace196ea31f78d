/* Identities of Kratos's admin API: right ones are read, and anything else is a bad answer. */
#include "kratosd/answer-identity.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define UUID "11111111-2222-4333-8444-555555555555"
#define OTHER_UUID "99999999-2222-4333-8444-555555555555"
#define HEAD "\"id\":\"" UUID "\",\"schema_id\":\"person\",\"state\":\"active\""
#define IDENTITY(rest) "{" HEAD "," rest "}"
#define POSIX(value) IDENTITY("\"metadata_public\":{\"posix\":" value "}")

static const identity_traits no_traits = { 0 };
static const identity_traits by_name = { .user_name = "/traits/username" };
static const identity_traits by_mail = { .user_name = "/traits/email",
        .strip_domain = "example.org" };

static int read_bytes(
        const char *body, size_t size, const identity_traits *traits, kratos_identity *ret)
{
        _cleanup_free_ char *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, body, size);
        return answer_identity(copy, size, traits, ret);
}

static kratos_identity good(const char *body, const identity_traits *traits)
{
        kratos_identity identity = { 0 };

        if (read_bytes(body, strlen(body), traits, &identity) != KRATOS_OK)
                fail_msg("bad: %s", body);
        return identity;
}

static void bad_bytes(const char *body, size_t size)
{
        kratos_identity identity = { .schema = "untouched" };

        if (read_bytes(body, size, &by_name, &identity) != KRATOS_BAD_ANSWER)
                fail_msg("good: %.300s", body);
        assert_string_equal(identity.schema, "untouched");
        assert_null(identity.document);
}

static void bad(const char *body)
{
        bad_bytes(body, strlen(body));
}

/* An identity as Kratos 1.3 and later gives it. */
static void test_right_answer(void **state)
{
        static const char body[] =
                "{" HEAD ",\"schema_url\":\"http://k/schemas/cGVyc29u\","
                "\"state_changed_at\":\"2026-01-01T00:00:00Z\",\"traits\":{\"username\":\"bob\","
                "\"email\":\"bob@example.org\"},\"verifiable_addresses\":[],"
                "\"recovery_addresses\":null,\"metadata_public\":{\"other\":1,\"posix\":"
                "{\"name\":\"alice\", \"uid\":5000 }},\"metadata_admin\":null,"
                "\"created_at\":\"2026-01-01T00:00:00Z\",\"organization_id\":null,"
                "\"credentials\":{\"password\":{\"type\":\"password\",\"version\":0}}}";
        _cleanup_identity_ kratos_identity identity = good(body, &by_name), copy = { 0 };

        (void)state;
        assert_string_equal(identity.id, UUID);
        assert_string_equal(identity.schema, "person");
        assert_true(identity.active);
        assert_string_equal(identity.document, "{\"name\":\"alice\",\"uid\":5000}");
        assert_false(identity.two_documents);
        assert_string_equal(identity.trait_name, "bob");
        assert_string_equal(identity.claims, "alice");

        assert_int_equal(kratos_identity_copy(&identity, &copy), 0);
        assert_string_equal(copy.document, identity.document);
        assert_ptr_not_equal(copy.document, identity.document);
        assert_string_equal(copy.claims, "alice");
        kratos_identity_done(&copy);
        kratos_identity_done(&copy);
}

static void test_states(void **state)
{
        kratos_identity identity;

        (void)state;
        /* The oldest Kratos had none. */
        identity = good("{\"id\":\"" UUID "\",\"schema_id\":\"x\"}", &no_traits);
        assert_true(identity.active);
        assert_null(identity.document);
        assert_string_equal(identity.claims, "");
        identity = good(
                "{\"id\":\"" UUID "\",\"schema_id\":\"x\",\"state\":\"inactive\"}", &no_traits);
        assert_false(identity.active);
}

/* Each field that is missing or of another type. */
static void test_rule_26_wrong_fields(void **state)
{
        static const char *const ids[] = { "null", "1", "true", "[]", "{}", "\"\"", "\"x\"",
                "\"11111111-2222-4333-8444-55555555555\"",
                "\"11111111-2222-4333-8444-5555555555555\"",
                "\"11111111-2222-4333-8444-55555555555G\"",
                "\"11111111-2222-4333-8444-555555555555\\u0000\"",
                "\"AAAAAAAA-2222-4333-8444-555555555555\"" };
        static const char *const states[] = { "null", "1", "true", "[]", "\"\"", "\"Active\"",
                "\"active \"", "\"active\\u0000\"", "\"deleted\"" };
        static const char *const schemas[] = { "null", "1", "[]", "{}", "\"a\\u0000b\"" };
        char body[512], schema[131];

        (void)state;
        bad("{\"schema_id\":\"x\",\"state\":\"active\"}");
        bad("{\"id\":\"" UUID "\",\"state\":\"active\"}");
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                snprintf(body, sizeof(body), "{\"id\":%s,\"schema_id\":\"x\"}", ids[i]);
                bad(body);
        }
        for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
                snprintf(body, sizeof(body),
                        "{\"id\":\"" UUID "\",\"schema_id\":\"x\",\"state\":%s}", states[i]);
                bad(body);
        }
        for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
                snprintf(body, sizeof(body), "{\"id\":\"" UUID "\",\"schema_id\":%s}", schemas[i]);
                bad(body);
        }
        memset(schema, 's', sizeof(schema));
        for (int length = 128; length <= 129; length++) {
                snprintf(body, sizeof(body), "{\"id\":\"" UUID "\",\"schema_id\":\"%.*s\"}", length,
                        schema);
                if (length == 128)
                        (void)good(body, &no_traits);
                else
                        bad(body);
        }
}

static void test_rule_26_wrong_bodies(void **state)
{
        static const char *const bodies[] = { "", " ", "null", "[]", "1", "\"x\"", "{", "{}",
                "{" HEAD "}}", "{" HEAD "} x", "{" HEAD ",}", "[{" HEAD "}]", "<html>",
                "{" HEAD ",\"id\":\"" OTHER_UUID "\"}",
                IDENTITY("\"metadata_public\":{\"posix\":{\"name\":\"a\",\"name\":\"b\"}}"),
                IDENTITY("\"traits\":\"\xff\"") };
        static char deep[200000];
        size_t end;

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
                bad(bodies[i]);
        bad_bytes("{" HEAD "}\0", sizeof("{" HEAD "}"));
        end = (size_t)sprintf(deep, "{" HEAD ",\"traits\":");
        memset(deep + end, '[', 50000);
        memset(deep + end + 50000, ']', 50000);
        memcpy(deep + end + 100000, "}", 2);
        bad(deep);
        end = (size_t)sprintf(deep, "{" HEAD ",\"traits\":[");
        for (unsigned i = 0; i < 60001; i++)
                end += (size_t)sprintf(deep + end, "1,");
        memcpy(deep + end, "1]}", 4);
        bad(deep);
}

/* Both kinds of metadata have one, or one, or none. */
static void test_metadata(void **state)
{
        static const struct {
                const char *body, *document, *claims;
                bool two;
        } cases[] = {
                { IDENTITY("\"metadata_public\":null,\"metadata_admin\":null"), NULL, "", false },
                { IDENTITY("\"metadata_public\":[{\"posix\":{}}]"), NULL, "", false },
                { IDENTITY("\"metadata_public\":\"posix\""), NULL, "", false },
                { POSIX("null"), NULL, "", false },
                { IDENTITY("\"metadata_admin\":{\"posix\":{\"name\":\"alice\"}}"),
                        "{\"name\":\"alice\"}", "alice", false },
                { IDENTITY(
                          "\"metadata_admin\":{\"posix\":null},\"metadata_public\":{\"posix\":{}}"),
                        "{}", "", false },
                { IDENTITY("\"metadata_admin\":{\"posix\":{\"name\":\"bob\"}},"
                           "\"metadata_public\":{\"posix\":{\"name\":\"alice\"}}"),
                        "{\"name\":\"alice\"}", "alice", true },
                { IDENTITY("\"metadata_admin\":{\"posix\":{}},\"metadata_public\":{\"posix\":1}"),
                        "1", "", true },
                /* What the document is like is not judged here. */
                { POSIX("\"text\""), "\"text\"", "", false },
                { POSIX("[]"), "[]", "", false },
                { POSIX("{\"name\":1}"), "{\"name\":1}", "", false },
                { POSIX("{\"name\":\"Alice\"}"), "{\"name\":\"Alice\"}", "", false },
                { POSIX("{\"name\":\"a\\u0000b\"}"), "{\"name\":\"a\\u0000b\"}", "", false },
                { POSIX("{\"name\":\"a23456789012345678901234567890123\"}"),
                        "{\"name\":\"a23456789012345678901234567890123\"}", "", false },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                _cleanup_identity_ kratos_identity identity = good(cases[i].body, &no_traits);

                assert_int_equal(!identity.document, !cases[i].document);
                if (cases[i].document)
                        assert_string_equal(identity.document, cases[i].document);
                assert_string_equal(identity.claims, cases[i].claims);
                assert_int_equal(identity.two_documents, cases[i].two);
        }
}

static void check_trait(const char *traits, const identity_traits *where, const char *expected)
{
        char body[1024];

        snprintf(body, sizeof(body), IDENTITY("%s"), traits);
        _cleanup_identity_ kratos_identity identity = good(body, where);
        assert_string_equal(identity.trait_name, expected);
        assert_string_equal(identity.claims, expected);
}

static void test_rule_31_trait_names(void **state)
{
        static const identity_traits deep = { .user_name = "/traits/name/list/1" };
        static const identity_traits escaped = { .user_name = "/traits/a~1b" };

        (void)state;
        check_trait("\"traits\":{\"username\":\"alice\"}", &by_name, "alice");
        check_trait("\"traits\":{\"username\":\"alice\"}", &no_traits, "");
        check_trait("\"traits\":{\"name\":{\"list\":[\"bob\",\"alice\"]}}", &deep, "alice");
        check_trait("\"traits\":{\"name\":{\"list\":[\"bob\"]}}", &deep, "");
        check_trait("\"traits\":{\"a/b\":\"alice\"}", &escaped, "alice");
        /* What is no valid name is none, and is not made one. */
        check_trait("\"traits\":null", &by_name, "");
        check_trait("\"traits\":[]", &by_name, "");
        check_trait("\"traits\":{\"username\":null}", &by_name, "");
        check_trait("\"traits\":{\"username\":7}", &by_name, "");
        check_trait("\"traits\":{\"username\":[\"alice\"]}", &by_name, "");
        check_trait("\"traits\":{\"username\":\"Alice\"}", &by_name, "");
        check_trait("\"traits\":{\"username\":\" alice\"}", &by_name, "");
        check_trait("\"traits\":{\"username\":\"alice\\u0000x\"}", &by_name, "");
        check_trait("\"traits\":{\"username\":\"alice@example.org\"}", &by_name, "");
        check_trait(
                "\"traits\":{\"username\":\"a23456789012345678901234567890123\"}", &by_name, "");
}

#define MAIL(address) "\"traits\":{\"email\":\"" address "\"}"
#define VERIFIED(address)                                                                          \
        ",\"verifiable_addresses\":[{\"value\":\"" address "\",\"verified\":true}]"

static void test_rule_31_stripped_domain(void **state)
{
        (void)state;
        check_trait(MAIL("alice@example.org") VERIFIED("alice@example.org"), &by_mail, "alice");
        check_trait(MAIL("alice@Example.ORG") VERIFIED("alice@Example.ORG"), &by_mail, "alice");
        check_trait(MAIL("alice@example.org") ",\"verifiable_addresses\":[1,null,{\"value\":"
                                              "\"b@example.org\",\"verified\":true},{\"value\":"
                                              "\"alice@example.org\",\"verified\":true}]",
                &by_mail, "alice");
        /* Not verified, or another address is; not of the domain. */
        check_trait(MAIL("alice@example.org"), &by_mail, "");
        check_trait(MAIL("alice@example.org") ",\"verifiable_addresses\":null", &by_mail, "");
        check_trait(MAIL("alice@example.org") ",\"verifiable_addresses\":[{\"value\":"
                                              "\"alice@example.org\",\"verified\":false}]",
                &by_mail, "");
        check_trait(MAIL("alice@example.org") ",\"verifiable_addresses\":[{\"value\":"
                                              "\"alice@example.org\",\"verified\":\"true\"}]",
                &by_mail, "");
        check_trait(MAIL("alice@example.org") ",\"verifiable_addresses\":[{\"value\":"
                                              "\"alice@example.org\"}]",
                &by_mail, "");
        check_trait(MAIL("alice@example.org") VERIFIED("bob@example.org"), &by_mail, "");
        check_trait(MAIL("alice@example.com") VERIFIED("alice@example.com"), &by_mail, "");
        check_trait(MAIL("alice@example.org.evil.com") VERIFIED("alice@example.org.evil.com"),
                &by_mail, "");
        check_trait(MAIL("alice@evil.com@example.org") VERIFIED("alice@evil.com@example.org"),
                &by_mail, "");
        check_trait(MAIL("@example.org") VERIFIED("@example.org"), &by_mail, "");
        check_trait(MAIL("a b@example.org") VERIFIED("a b@example.org"), &by_mail, "");
        check_trait(MAIL("alice") VERIFIED("alice"), &by_mail, "");
        check_trait(MAIL("alice@") VERIFIED("alice@"), &by_mail, "");
}

static char told[4096];

static int tell(const kratos_identity *identity, void *userdata)
{
        snprintf(told + strlen(told), sizeof(told) - strlen(told), "%.8s ", identity->id);
        return userdata ? *(int *)userdata : 0;
}

static int read_list(const char *body, int *result)
{
        size_t size = strlen(body);
        _cleanup_free_ char *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, body, size);
        told[0] = '\0';
        return answer_identities(copy, size, &no_traits, tell, result);
}

#define ONE POSIX("{\"name\":\"alice\"}")
#define TWO "{\"id\":\"" OTHER_UUID "\",\"schema_id\":\"x\",\"metadata_admin\":{\"posix\":{}}}"

static void test_lists(void **state)
{
        int stop = 7, fail = -EIO;

        (void)state;
        assert_int_equal(read_list("null", NULL), KRATOS_OK);
        assert_int_equal(read_list("[]", NULL), KRATOS_OK);
        assert_string_equal(told, "");
        assert_int_equal(read_list("[" ONE "]", NULL), KRATOS_OK);
        assert_string_equal(told, "11111111 ");
        assert_int_equal(read_list("[" ONE "," TWO "]", NULL), KRATOS_OK);
        assert_string_equal(told, "11111111 99999999 ");
        assert_int_equal(read_list("[" ONE "," TWO "]", &stop), 7);
        assert_string_equal(told, "11111111 ");
        assert_int_equal(read_list("[" ONE "," TWO "]", &fail), -EIO);
}

/* Nobody is told of a list with anything bad in it. */
static void test_rule_26_wrong_lists(void **state)
{
        static const char *const bodies[] = { "", "{}", ONE, "1", "[1]", "[null]", "[[]]", "[{}]",
                "[" ONE ",]", "[" ONE "", "[" ONE ",{}]", "[" ONE "," TWO ",1]", "[" ONE "]x",
                "[" ONE "," ONE "]", "[" ONE "," TWO "," ONE "]",
                "[" TWO ",{\"id\":\"" OTHER_UUID "\",\"schema_id\":\"other\"}]" };

        (void)state;
        for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
                if (read_list(bodies[i], NULL) != KRATOS_BAD_ANSWER)
                        fail_msg("good: %s", bodies[i]);
                assert_string_equal(told, "");
        }
}

/* More than any page has: no list that was asked for. */
static void test_rule_26_long_lists(void **state)
{
        static char body[200000];

        (void)state;
        for (unsigned count = 1000; count <= 1001; count++) {
                size_t end = 1;

                body[0] = '[';
                for (unsigned i = 0; i < count; i++)
                        end += (size_t)sprintf(body + end,
                                "%s{\"id\":\"%08x-2222-4333-8444-555555555555\",\"schema_id\":"
                                "\"x\"}",
                                i ? "," : "", i);
                memcpy(body + end, "]", 2);
                assert_int_equal(
                        read_list(body, NULL), count == 1000 ? KRATOS_OK : KRATOS_BAD_ANSWER);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_right_answer),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_rule_26_wrong_fields),
                cmocka_unit_test(test_rule_26_wrong_bodies),
                cmocka_unit_test(test_metadata),
                cmocka_unit_test(test_rule_31_trait_names),
                cmocka_unit_test(test_rule_31_stripped_domain),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_rule_26_wrong_lists),
                cmocka_unit_test(test_rule_26_long_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
