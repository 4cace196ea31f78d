/* Adoption: what becomes an account, what is refused and why, and what an administrator may say. */
#include "people.h"

#include "kratosd/numbers.h"
#include "kratosd/store-accounts.h"

#define DAVE "bbbbbbbb-2222-4333-8444-555555555555"

static uid_t uid_of(const char *name)
{
        _cleanup_user_ directory_user *user = NULL;

        assert_int_equal(directory_find_user(users, name, &user), DIRECTORY_FOUND);
        return user->uid;
}

/* Adopted, and may be let in. */
static bool is_in_force(const char *name)
{
        _cleanup_user_ directory_user *user = NULL;

        assert_int_equal(directory_find_user(users, name, &user), DIRECTORY_FOUND);
        return user->active;
}

static const char *pin_of(const char *name)
{
        static char identity[UUID_LENGTH + 1];
        int r = store_find_pin(people, name, identity);

        assert_true(r == 0 || r == -ENOENT);
        return r == 0 ? identity : "";
}

static void refused(const char *id, const char *document, const char *why)
{
        if (take(id, document) != ADOPTION_REFUSED)
                fail_msg("not refused: %s\n%s", document, said);
        check_said(1, why);
}

static void test_adopted(void **state)
{
        (void)state;
        assert_int_equal(take(ALICE, "{\"name\":\"alice\"}"), ADOPTED);
        check_said(1, "alice is an account: identity " ALICE);
        assert_string_equal(pin_of("alice"), ALICE);
        assert_int_equal(uid_of("alice"), number_of("user:" ALICE, 0, FIRST, LAST));
        /* What is known already is said no more. */
        assert_int_equal(take(ALICE, "{\"name\":\"alice\"}"), ADOPTED);
        assert_int_equal(take(ALICE, "{\"name\":\"alice\",\"gecos\":\"Alice\"}"), ADOPTED);
        check_said(0, "");
}

static void test_refusals(void **state)
{
        static const struct {
                const char *document, *why;
        } cases[] = {
                { "{}", "it has no valid name" },
                { "[]", "cannot be an account here" },
                { "\"alice\"", "cannot be an account here" },
                { "{\"name\":\"Alice\"}", "name: " },
                { "{\"name\":\"alice\",\"uid\":0}", "uid: " },
                { "{\"name\":\"alice\",\"unknown\":1}", "field that is not known" },
                { "{\"name\":\"root\"}", "its name is reserved" },
                { "{\"name\":\"docker\"}", "its name is reserved" },
                { "{\"name\":\"_apt\"}", "its name is reserved" },
                { "{\"name\":\"alice\",\"uid\":1000}", "outside UIDRange= and AllowUIDs=" },
                { "{\"name\":\"alice\",\"gid\":1000}", "outside UIDRange= and AllowUIDs=" },
                { "{\"name\":\"alice\",\"groups\":[{\"name\":\"devs\",\"gid\":1000}]}",
                        "outside UIDRange= and AllowUIDs=" },
                { "{\"name\":\"alice\",\"home\":\"/root/x\"}", "HomePrefix=" },
                { "{\"name\":\"alice\",\"home\":\"/home/a/b\"}", "HomePrefix=" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                refused(ALICE, cases[i].document, cases[i].why);
                assert_false(is_known("alice"));
        }
        /* None of it is in the way of what is right. */
        assert_int_equal(take(ALICE, "{\"name\":\"alice\"}"), ADOPTED);
        assert_true(is_in_force("alice"));
}

/* Somebody who was an account and cannot be one now: said once, and nobody is let in by it. */
static void test_refused_account_is_said_once(void **state)
{
        uid_t uid;

        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        uid = uid_of("alice");
        refused(ALICE, "{\"name\":\"alice\",\"uid\":0}", "which was alice");
        assert_int_equal(take(ALICE, "{\"name\":\"alice\",\"uid\":0}"), ADOPTION_REFUSED);
        check_said(0, "");
        assert_false(is_in_force("alice"));
        assert_int_equal(take(ALICE, "{\"name\":\"alice\"}"), ADOPTED);
        assert_true(is_in_force("alice"));
        assert_int_equal(uid_of("alice"), uid);
        refused(ALICE, "{\"name\":\"alice\",\"uid\":0}", "which was alice");
}

static void test_two_documents(void **state)
{
        kratos_identity identity = identity_of(ALICE, "{\"name\":\"alice\"}");

        (void)state;
        identity.two_documents = true;
        assert_int_equal(adopt(users, people, &identity), ADOPTION_REFUSED);
        check_said(1, "both metadata_public and metadata_admin");
        assert_false(is_known("alice"));
}

/* Without a document there is no account, unless the configuration makes one of everybody. */
static void test_rule_12_no_document(void **state)
{
        kratos_identity identity = identity_of(ALICE, NULL);
        char *schemas[] = { (char *)"other", (char *)"person" };

        (void)state;
        snprintf(identity.trait_name, sizeof(identity.trait_name), "alice");
        assert_int_equal(adopt(users, people, &identity), ADOPTION_NONE);
        configuration.accounts_all = true;
        configuration.schemas = (word_list){ schemas, 1 };
        assert_int_equal(adopt(users, people, &identity), ADOPTION_NONE);
        assert_false(is_known("alice"));
        assert_string_equal(pin_of("alice"), "");
        check_said(0, "");
        configuration.schemas.count = 2;
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_true(is_in_force("alice"));
}

/* A document that is taken away ends the account; its name and number stay its own. */
static void test_rule_1_end_and_return(void **state)
{
        uid_t uid;
        standing last;

        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\"]}");
        uid = uid_of("alice");
        assert_int_equal(take(ALICE, NULL), ADOPTION_NONE);
        check_said(1, "alice is no account any more");
        assert_false(is_known("alice"));
        assert_int_equal(store_find_group(people, "devs"), -ENOENT);
        assert_int_equal(store_find_standing(people, ALICE, &last), -ENOENT);
        refused(BOB, "{\"name\":\"alice\"}", "belongs to another identity");
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(uid_of("alice"), uid);
        assert_int_equal(adoption_end(people, ALICE), 0);
        check_said(1, "alice is no account any more");
        assert_int_equal(adoption_end(people, ALICE), 0);
        check_said(0, "");
        assert_string_equal(pin_of("alice"), ALICE);
}

static void test_rule_31_names_are_pinned(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        refused(BOB, "{\"name\":\"alice\"}", "kratosd --unpin it");
        assert_true(is_in_force("alice"));
        assert_string_equal(pin_of("alice"), ALICE);
        /* A rename needs the administrator. */
        refused(ALICE, "{\"name\":\"alicia\"}", "it had another name here");
        assert_false(is_known("alicia"));
        assert_false(is_in_force("alice"));
        assert_int_equal(adoption_unpin(people, "alice"), 0);
        said[0] = '\0';
        n_said = 0;
        assert_false(is_known("alice"));
        assert_int_equal(adoption_unpin(people, "alice"), -ENOENT);
        check_said(0, "");
        adopt_quietly(ALICE, "{\"name\":\"alicia\"}");
        assert_int_equal(uid_of("alicia"), number_of("user:" ALICE, 0, FIRST, LAST));
        adopt_quietly(BOB, "{\"name\":\"alice\"}");
        assert_int_equal(uid_of("alice"), number_of("user:" BOB, 0, FIRST, LAST));
}

static void test_unpin_says_so(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(adoption_unpin(people, "alice"), 0);
        check_said(2, "alice is nobody's any more: it was the identity " ALICE "'s");
}

/* Traits give a name only where the document has none; then it is theirs. */
static void test_rule_31_trait_names(void **state)
{
        kratos_identity identity = identity_of(ALICE, "{}");

        (void)state;
        snprintf(identity.trait_name, sizeof(identity.trait_name), "alice");
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_true(is_in_force("alice"));
        snprintf(identity.trait_name, sizeof(identity.trait_name), "bob");
        assert_int_equal(adopt(users, people, &identity), ADOPTION_REFUSED);
        assert_false(is_known("bob"));
        snprintf(identity.trait_name, sizeof(identity.trait_name), "root");
        memcpy(identity.id, BOB, sizeof(identity.id));
        assert_int_equal(adopt(users, people, &identity), ADOPTION_REFUSED);
        identity.document = (char *)"{\"name\":\"bob\"}";
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_true(is_in_force("bob"));
}

static void test_rule_1_numbers(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"uid\":5000}");
        assert_int_equal(uid_of("alice"), 5000);
        refused(BOB, "{\"name\":\"bob\",\"uid\":5000}", "belongs to somebody else");
        refused(ALICE, "{\"name\":\"alice\",\"uid\":5001}", "another than it had here before");
        /* It keeps what it has, also where the document says nothing any more. */
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(uid_of("alice"), 5000);
        refused(BOB, "{\"name\":\"bob\",\"gid\":5000}", "its gid is another user's own");
        refused(BOB, "{\"name\":\"bob\",\"groups\":[{\"name\":\"devs\",\"gid\":5000}]}",
                "belongs to somebody else");
        adopt_quietly(CAROL, "{\"name\":\"carol\",\"groups\":[{\"name\":\"devs\",\"gid\":5100}]}");
        refused(BOB, "{\"name\":\"bob\",\"groups\":[{\"name\":\"devs\",\"gid\":5101}]}",
                "another than it had here before");
        refused(BOB, "{\"name\":\"bob\",\"uid\":5100}", "belongs to somebody else");
        assert_false(is_known("bob"));
        /* A gid that is a group's is fine. */
        adopt_quietly(DAVE, "{\"name\":\"dave\",\"gid\":5100}");
}

/* What was refused has taken no number that an administrator may mean for another. */
static void test_refused_takes_no_number(void **state)
{
        (void)state;
        refused(BOB, "{\"name\":\"bob\",\"uid\":5000,\"gid\":1000}", "outside UIDRange=");
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"uid\":5000}");
        assert_int_equal(uid_of("alice"), 5000);
}

/* A number from a range that is not given any more. */
static void test_number_of_an_old_range(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        configuration.uid_range = (number_range){ FIRST, FIRST };
        refused(ALICE, "{\"name\":\"alice\"}", "outside UIDRange= and AllowUIDs=");
        configuration.uid_range = (number_range){ FIRST, LAST };
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_true(is_in_force("alice"));
}

static void test_range_that_is_full(void **state)
{
        (void)state;
        configuration.uid_range = (number_range){ FIRST, FIRST };
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(uid_of("alice"), FIRST);
        refused(BOB, "{\"name\":\"bob\"}", "UIDRange= has no number left");
        adopt_quietly(BOB, "{\"name\":\"bob\",\"uid\":5000}");
}

/* Local numbers are not given out, and local names are adopted but hidden. */
static void test_rule_13_local_numbers(void **state)
{
        char text[64];

        (void)state;
        snprintf(text, sizeof(text), "other:x:%u:0::/:/bin/sh\n",
                number_of("user:" ALICE, 0, FIRST, LAST));
        put_file(passwd_file, text);
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_int_equal(uid_of("alice"), number_of("user:" ALICE, 1, FIRST, LAST));
}

/* A newcomer does not take the name of a group that others are in. */
static void test_name_of_a_group(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\"]}");
        refused(BOB, "{\"name\":\"devs\"}", "its name is a group's here");
        adopt_quietly(BOB, "{\"name\":\"bob\",\"groups\":[\"alice\"]}");
        adopt_quietly(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\"]}");
}

static void test_standing(void **state)
{
        kratos_identity identity = identity_of(ALICE, "{\"name\":\"alice\"}");
        int64_t before = time(NULL);
        standing last = { 0 };

        (void)state;
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_int_equal(store_find_standing(people, ALICE, &last), 0);
        assert_true(last.active);
        assert_true(last.checked >= before && last.checked <= time(NULL));
        identity.active = false;
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_int_equal(store_find_standing(people, ALICE, &last), 0);
        assert_false(last.active);
        assert_false(is_in_force("alice"));
        /* Also of one that is refused: it is what Kratos says. */
        identity.document = (char *)"{\"name\":\"root\"}";
        identity.active = true;
        assert_int_equal(adopt(users, people, &identity), ADOPTION_REFUSED);
        assert_int_equal(store_find_standing(people, ALICE, &last), 0);
        assert_true(last.active);
}

/* A store that says otherwise than the pins: nothing is taken from anybody, and what goes wrong
 * with one identity harms none of the same change. */
static void test_name_of_another_account(void **state)
{
        (void)state;
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        alter("DELETE FROM pin");
        assert_int_equal(store_begin(people), 0);
        assert_int_equal(take(BOB, "{\"name\":\"alice\"}"), ADOPTION_REFUSED);
        assert_int_equal(take(CAROL, "{\"name\":\"carol\"}"), ADOPTED);
        assert_int_equal(store_end(people, 0), 0);
        check_said(2, "its name or number is another account's");
        assert_true(is_in_force("alice"));
        assert_true(is_in_force("carol"));
        assert_string_equal(pin_of("alice"), "");
}

static int by_hand(const char *name, const char *identity)
{
        int r = adopt_by_hand(users, people, name, identity);

        said[0] = '\0';
        n_said = 0;
        return r;
}

static void test_by_hand(void **state)
{
        (void)state;
        assert_int_equal(by_hand("alice", ALICE), ADOPTED);
        assert_true(is_in_force("alice"));
        assert_string_equal(pin_of("alice"), ALICE);
        assert_int_equal(by_hand("alice", ALICE), ADOPTED);
        /* The name is another's, or the identity has another name: neither is changed. */
        assert_int_equal(by_hand("alice", BOB), ADOPTION_REFUSED);
        assert_int_equal(by_hand("alicia", ALICE), ADOPTION_REFUSED);
        assert_string_equal(pin_of("alice"), ALICE);
        assert_string_equal(pin_of("alicia"), "");
        assert_false(is_known("alicia"));
        assert_int_equal(by_hand("bob", BOB), ADOPTED);
        assert_int_equal(by_hand("alice", BOB), ADOPTION_REFUSED);
        assert_true(is_in_force("bob"));
        /* The document's word comes later, and agrees. */
        adopt_quietly(BOB, "{\"name\":\"bob\",\"groups\":[\"devs\"]}");
        refused(ALICE, "{\"name\":\"other\"}", "it had another name here");
}

/* What cannot be leaves nothing behind: the identity may still get its right name. */
static void test_by_hand_refused_leaves_nothing(void **state)
{
        standing last;

        (void)state;
        assert_int_equal(by_hand("root", ALICE), ADOPTION_REFUSED);
        assert_string_equal(pin_of("root"), "");
        assert_int_equal(store_find_standing(people, ALICE, &last), -ENOENT);
        adopt_quietly(ALICE, "{\"name\":\"alice\"}");
        assert_true(is_in_force("alice"));
}

/* An account that is there already keeps its document and what Kratos said of it. */
static void test_by_hand_changes_no_account(void **state)
{
        kratos_identity identity =
                identity_of(ALICE, "{\"name\":\"alice\",\"groups\":[\"devs\"],\"hosts\":[]}");
        _cleanup_account_row_ account_row row = { 0 };

        (void)state;
        identity.active = false;
        assert_int_equal(adopt(users, people, &identity), ADOPTED);
        assert_int_equal(by_hand("alice", ALICE), ADOPTED);
        assert_false(is_in_force("alice"));
        assert_int_equal(store_find_account(people, "alice", &row), 0);
        assert_non_null(strstr(row.document, "hosts"));
        assert_int_equal(store_find_group(people, "devs"), 0);
}

/* A name that several claimed, or that a login pinned. */
static void test_by_hand_of_a_pinned_name(void **state)
{
        (void)state;
        assert_int_equal(store_add_pin(people, "alice", ALICE), 0);
        assert_int_equal(by_hand("alice", BOB), ADOPTION_REFUSED);
        assert_int_equal(by_hand("alice", ALICE), ADOPTED);
        assert_true(is_in_force("alice"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_adopted),
                TEST(test_refusals),
                TEST(test_refused_account_is_said_once),
                TEST(test_two_documents),
                TEST(test_rule_12_no_document),
                TEST(test_rule_1_end_and_return),
                TEST(test_rule_31_names_are_pinned),
                TEST(test_unpin_says_so),
                TEST(test_rule_31_trait_names),
                TEST(test_rule_1_numbers),
                TEST(test_refused_takes_no_number),
                TEST(test_number_of_an_old_range),
                TEST(test_range_that_is_full),
                TEST(test_rule_13_local_numbers),
                TEST(test_name_of_a_group),
                TEST(test_standing),
                TEST(test_name_of_another_account),
                TEST(test_by_hand),
                TEST(test_by_hand_refused_leaves_nothing),
                TEST(test_by_hand_changes_no_account),
                TEST(test_by_hand_of_a_pinned_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
