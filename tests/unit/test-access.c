/* Access: who may come in, where and when, and with which words others are refused. */
#include "kratosd/access.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/verdict.h"

#define WORDS_MAX 8
#define HOST "web1.example.org"

/* Words that are written in one string, with a space between them. */
typedef struct words {
        char text[256];
        char *words[WORDS_MAX];
        size_t count;
} words;

static void split(const char *text, words *ret)
{
        char *save = NULL;

        memset(ret, 0, sizeof(*ret));
        snprintf(ret->text, sizeof(ret->text), "%s", text ?: "");
        for (char *word = strtok_r(ret->text, " ", &save); word;
                word = strtok_r(NULL, " ", &save)) {
                assert_true(ret->count < WORDS_MAX);
                ret->words[ret->count++] = word;
        }
}

/* One question. Lists are words with spaces between them; NULL: there is none. */
typedef struct question {
        const char *allow_users, *allow_groups, *deny_users, *deny_groups;
        /* the rules of [Service sshd] */
        const char *sshd_allow_users, *sshd_allow_groups, *sshd_deny_users, *sshd_deny_groups;
        const char *hosts, *services;
        const char *groups;
        const char *user, *service, *host; /* alice, sshd and HOST unless given */
        const char *reason;                /* NULL: let in */
} question;

static void fill_rules(access_rules *rules, const char *const texts[4], words space[4])
{
        word_list *lists[4] = { &rules->allow_users, &rules->allow_groups, &rules->deny_users,
                &rules->deny_groups };

        for (size_t i = 0; i < 4; i++) {
                split(texts[i], &space[i]);
                lists[i]->words = space[i].words;
                lists[i]->count = space[i].count;
        }
}

static void ask(const question *q)
{
        words space[11];
        config c = { .n_services = 1, .services = { { .name = (char *)"sshd" } } };
        posix document = { .not_before = INT64_MIN, .not_after = INT64_MAX };
        access_request request = { .user = q->user ?: "alice",
                .document = &document,
                .service = q->service ?: "sshd",
                .host = q->host ?: HOST };
        const char *reason = NULL, *sentence = NULL;
        int r;

        fill_rules(&c.access,
                (const char *[]){ q->allow_users, q->allow_groups, q->deny_users, q->deny_groups },
                space);
        fill_rules(&c.services[0].rules,
                (const char *[]){ q->sshd_allow_users, q->sshd_allow_groups, q->sshd_deny_users,
                        q->sshd_deny_groups },
                space + 4);
        split(q->hosts, &space[8]);
        document.has_hosts = q->hosts != NULL;
        document.hosts = (posix_list){ space[8].words, space[8].count };
        split(q->services, &space[9]);
        document.has_services = q->services != NULL;
        document.services = (posix_list){ space[9].words, space[9].count };
        split(q->groups, &space[10]);
        request.groups = (const char *const *)space[10].words;
        request.n_groups = space[10].count;

        r = access_check(&c, &request, &reason, &sentence);
        if (!q->reason) {
                if (r != 0)
                        fail_msg("%s was refused: %s", request.user, reason);
                assert_null(reason);
                assert_null(sentence);
                return;
        }
        if (r == 0)
                fail_msg("%s was let in instead of %s", request.user, q->reason);
        assert_int_equal(r, VERDICT_NOT_ALLOWED);
        assert_string_equal(reason, q->reason);
        /* A whole sentence, and none that tells the rule. */
        assert_true(strlen(sentence) > 20 && sentence[strlen(sentence) - 1] == '.');
        assert_null(strstr(sentence, "denied"));
        assert_null(strstr(sentence, request.user));
}

static void ask_all(const question *questions, size_t count)
{
        for (size_t i = 0; i < count; i++)
                ask(&questions[i]);
}

#define ASK(...)                                                                                   \
        do {                                                                                       \
                static const question questions[] = { __VA_ARGS__ };                               \
                ask_all(questions, sizeof(questions) / sizeof(questions[0]));                      \
        } while (0)

static void test_without_rules(void **state)
{
        (void)state;
        ASK({ 0 }, { .groups = "staff ops" }, { .user = "bob", .service = "login", .host = "" });
}

static void test_allow_lists(void **state)
{
        (void)state;
        ASK({ .allow_users = "alice" }, { .allow_users = "bob alice" },
                { .allow_users = "bob", .reason = "not-in-allow-list" },
                { .allow_users = "alic", .reason = "not-in-allow-list" },
                { .allow_users = "alicee", .reason = "not-in-allow-list" },
                { .allow_groups = "ops", .groups = "dev ops" },
                { .allow_groups = "ops", .groups = "dev", .reason = "not-in-allow-list" },
                { .allow_groups = "ops", .reason = "not-in-allow-list" },
                /* A name is no group, and the other way round. */
                { .allow_groups = "alice", .reason = "not-in-allow-list" },
                { .allow_users = "ops", .groups = "ops", .reason = "not-in-allow-list" },
                /* One of the two is enough. */
                { .allow_users = "bob", .allow_groups = "ops", .groups = "ops" },
                { .allow_users = "alice", .allow_groups = "ops" },
                { .allow_users = "bob",
                        .allow_groups = "ops",
                        .groups = "dev",
                        .reason = "not-in-allow-list" });
}

static void test_denials_win(void **state)
{
        (void)state;
        ASK({ .deny_users = "alice", .reason = "denied-user" },
                { .deny_users = "bob eve", .groups = "bob" },
                { .deny_groups = "guests", .groups = "ops guests", .reason = "denied-group" },
                { .deny_groups = "guests alice", .groups = "ops" },
                { .allow_users = "alice", .deny_users = "alice", .reason = "denied-user" },
                { .allow_users = "alice",
                        .deny_groups = "guests",
                        .groups = "guests",
                        .reason = "denied-group" },
                { .allow_groups = "ops",
                        .deny_groups = "guests",
                        .groups = "ops guests",
                        .reason = "denied-group" },
                { .allow_groups = "ops",
                        .deny_users = "alice",
                        .groups = "ops",
                        .reason = "denied-user" });
}

static void test_patterns(void **state)
{
        (void)state;
        ASK({ .allow_users = "a*" }, { .allow_users = "*" }, { .allow_users = "?lice" },
                { .allow_users = "[a-f]*" }, { .allow_users = "[!b-z]lice" },
                { .allow_users = "b*", .reason = "not-in-allow-list" },
                { .allow_users = "alice?", .reason = "not-in-allow-list" },
                { .allow_users = "[b-f]*", .reason = "not-in-allow-list" },
                { .allow_users = "Alice", .reason = "not-in-allow-list" },
                { .deny_users = "*", .reason = "denied-user" },
                { .deny_groups = "*", .groups = "x", .reason = "denied-group" },
                { .deny_groups = "*" }, { .allow_groups = "web-*", .groups = "db-ops web-ops" },
                { .allow_groups = "web-*", .groups = "web", .reason = "not-in-allow-list" },
                { .user = "a.b", .allow_users = "a*" });
}

static void test_services_have_rules_of_their_own(void **state)
{
        (void)state;
        ASK({ .sshd_allow_users = "alice" },
                { .sshd_allow_users = "bob", .reason = "not-in-allow-list" },
                { .sshd_deny_users = "alice", .reason = "denied-user" },
                { .sshd_deny_groups = "ops", .groups = "ops", .reason = "denied-group" },
                { .sshd_allow_groups = "ops", .groups = "ops" },
                { .sshd_allow_groups = "ops", .groups = "dev", .reason = "not-in-allow-list" },
                /* Not those of another service. */
                { .sshd_deny_users = "alice", .service = "login" },
                { .sshd_deny_users = "alice", .service = "sshd2" },
                { .sshd_allow_users = "bob", .service = "" },
                /* However it is written. */
                { .sshd_deny_users = "alice", .service = "SSHD", .reason = "denied-user" },
                /* Both must let the person in. */
                { .allow_users = "bob",
                        .sshd_allow_users = "alice",
                        .reason = "not-in-allow-list" },
                { .allow_users = "alice",
                        .sshd_allow_users = "bob",
                        .reason = "not-in-allow-list" },
                { .deny_users = "alice", .sshd_allow_users = "alice", .reason = "denied-user" },
                { .allow_users = "alice", .sshd_deny_users = "alice", .reason = "denied-user" },
                { .allow_users = "alice", .sshd_allow_users = "alice" });
}

static void test_hosts_of_the_document(void **state)
{
        (void)state;
        ASK({ .hosts = HOST }, { .hosts = "web1" }, { .hosts = "db1 web1" }, { .hosts = "*" },
                { .hosts = "web?" }, { .hosts = "*.example.org" }, { .hosts = "WEB1" },
                { .hosts = "WEB1.*.ORG" }, { .hosts = "web1", .host = "Web1.Example.Org" },
                { .hosts = "web1", .host = "web1" }, { .hosts = "", .reason = "host-not-allowed" },
                { .hosts = "web2", .reason = "host-not-allowed" },
                { .hosts = "web", .reason = "host-not-allowed" },
                { .hosts = "example.org", .reason = "host-not-allowed" },
                { .hosts = "web1.example.com", .reason = "host-not-allowed" },
                { .hosts = "web1.example", .reason = "host-not-allowed" },
                { .hosts = HOST, .host = "web1", .reason = "host-not-allowed" },
                { .hosts = "*.example.org", .host = "web1", .reason = "host-not-allowed" },
                { .hosts = "web1", .host = "", .reason = "host-not-allowed" },
                { .hosts = "web1", .allow_users = "bob", .reason = "not-in-allow-list" },
                { .hosts = "web2", .allow_users = "alice", .reason = "host-not-allowed" });
}

static void test_services_of_the_document(void **state)
{
        (void)state;
        ASK({ .services = "sshd" }, { .services = "login sshd" }, { .services = "*" },
                { .services = "ss*" }, { .services = "*", .service = "" },
                { .services = "gdm-*", .service = "gdm-password" },
                { .services = "", .reason = "service-not-allowed" },
                { .services = "login", .reason = "service-not-allowed" },
                { .services = "ssh", .reason = "service-not-allowed" },
                { .services = "sshd", .service = "", .reason = "service-not-allowed" },
                { .services = "sshd", .service = "su", .reason = "service-not-allowed" },
                { .services = "login", .hosts = "web2", .reason = "host-not-allowed" });
}

static int at(int64_t not_before, int64_t not_after, int64_t now, const char **ret_reason)
{
        config c = { 0 };
        posix document = { .not_before = not_before, .not_after = not_after };
        access_request request = {
                .user = "alice", .document = &document, .service = "sshd", .host = HOST, .now = now
        };
        const char *sentence = NULL;

        *ret_reason = "";
        return access_check(&c, &request, ret_reason, &sentence);
}

static void test_dates(void **state)
{
        static const struct {
                int64_t not_before, not_after, now;
                const char *reason;
        } cases[] = {
                { INT64_MIN, INT64_MAX, 0, NULL },
                { INT64_MIN, INT64_MAX, -1, NULL },
                { INT64_MIN, INT64_MAX, INT64_MAX - 1, NULL },
                { 1000, 2000, 999, "not-yet-valid" },
                { 1000, 2000, 1000, NULL },
                { 1000, 2000, 1999, NULL },
                { 1000, 2000, 2000, "expired" },
                { 1000, 2000, 2001, "expired" },
                { 1000, 1000, 1000, "expired" },
                { INT64_MIN, 0, 0, "expired" },
                { INT64_MIN, 0, -1, NULL },
                { 5000000000, INT64_MAX, 4999999999, "not-yet-valid" },
                { 5000000000, INT64_MAX, 5000000000, NULL },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *reason;
                int r = at(cases[i].not_before, cases[i].not_after, cases[i].now, &reason);

                assert_int_equal(r, cases[i].reason ? VERDICT_DISABLED : 0);
                assert_string_equal(reason, cases[i].reason ?: "");
        }
}

/* What is over is over, whatever the rules of this host say besides. */
static void test_dates_come_first(void **state)
{
        char *names[] = { (char *)"alice" };
        config c = { .access = { .deny_users = { names, 1 } } };
        posix document = { .not_before = INT64_MIN, .not_after = 5, .has_hosts = true };
        access_request request = {
                .user = "alice", .document = &document, .service = "sshd", .host = HOST, .now = 5
        };
        const char *reason = NULL, *sentence = NULL;

        (void)state;
        assert_int_equal(access_check(&c, &request, &reason, &sentence), VERDICT_DISABLED);
        assert_string_equal(reason, "expired");
        request.now = 4;
        assert_int_equal(access_check(&c, &request, &reason, &sentence), VERDICT_NOT_ALLOWED);
        assert_string_equal(reason, "denied-user");
}

static void test_without_a_document(void **state)
{
        char *names[] = { (char *)"bob" };
        config c = { 0 };
        access_request request = { .user = "alice", .service = "sshd", .host = HOST };
        const char *reason = NULL, *sentence = NULL;

        (void)state;
        assert_int_equal(access_check(&c, &request, &reason, &sentence), 0);
        c.access.allow_users = (word_list){ names, 1 };
        assert_int_equal(access_check(&c, &request, &reason, &sentence), VERDICT_NOT_ALLOWED);
        assert_string_equal(reason, "not-in-allow-list");
}

/* A pattern that tries every way to match would hold the daemon. */
static void test_rule_17_patterns_that_take_long(void **state)
{
        (void)state;
        alarm(5);
        ASK({ .user = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                    .allow_users = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*c",
                    .reason = "not-in-allow-list" },
                { .hosts = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*c",
                        .host = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
                        .reason = "host-not-allowed" });
        alarm(0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_rules),
                cmocka_unit_test(test_allow_lists),
                cmocka_unit_test(test_denials_win),
                cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_services_have_rules_of_their_own),
                cmocka_unit_test(test_hosts_of_the_document),
                cmocka_unit_test(test_services_of_the_document),
                cmocka_unit_test(test_dates),
                cmocka_unit_test(test_dates_come_first),
                cmocka_unit_test(test_without_a_document),
                cmocka_unit_test(test_rule_17_patterns_that_take_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
