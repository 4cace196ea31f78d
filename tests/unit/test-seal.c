/* The sealer: its key, and what it makes of tokens. */
#include "kratosd/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/names.h"
#include "folder.h"

#define KEY_SIZE 32
#define FRAME 40 /* crypto_secretbox's nonce and authenticator */

static char path[PATH_MAX];

static secret *secret_of(size_t size)
{
        secret *s = NULL;

        assert_int_equal(secret_new(size, &s), 0);
        for (size_t i = 0; i < size; i++)
                assert_int_equal(secret_append(s, "t", 1), 0);
        return s;
}

static void put_key(const char *name, size_t size)
{
        char bytes[64];
        _cleanup_close_ int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        memset(bytes, 'k', sizeof(bytes));
        assert_int_equal(write(fd, bytes, size), size);
}

static sealer *make(void)
{
        sealer *s = NULL;

        assert_int_equal(sealer_new(folder, &s), 0);
        return s;
}

/* True if what one has sealed opens with another. */
static bool opens(const sealer *one, const sealer *other)
{
        _cleanup_secret_ secret *token = secret_of(9), *opened = NULL;
        unsigned char box[TOKEN_SEALED_MAX];
        size_t size;
        int r;

        assert_int_equal(seal(one, token, box, &size), 0);
        r = unseal(other, box, size, &opened);
        assert_true(r == 0 || (r == -EBADMSG && !opened));
        return r == 0;
}

static void test_rule_14_key_file(void **state)
{
        _cleanup_(sealer_freep) sealer *first = NULL, *second = NULL, *third = NULL;
        struct stat st;

        (void)state;
        first = make();
        assert_int_equal(lstat(path, &st), 0);
        assert_true(S_ISREG(st.st_mode));
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(st.st_size, KEY_SIZE);

        second = make();
        assert_true(opens(first, second) && opens(second, first));
        assert_int_equal(unlink(path), 0);
        third = make();
        assert_false(opens(first, third));
        assert_null(sealer_free(NULL));
}

static void test_rule_14_what_stands_in_the_way_of_a_key(void **state)
{
        char part[PATH_MAX + 8];
        sealer *s = NULL;

        (void)state;
        snprintf(part, sizeof(part), "%s.part", path);
        put_key(part, 3); /* half a key of a daemon that was killed */
        s = make();
        assert_int_equal(access(part, F_OK), -1);
        assert_null(sealer_free(s));
        s = NULL;
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        assert_int_equal(sealer_new(folder, &s), SEALER_BAD_FILE);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(sealer_new("/nowhere", &s), -ENOENT);
        assert_int_equal(sealer_new("/etc/passwd", &s), -ENOTDIR);
        assert_null(s);
}

static void test_key_of_another_size(void **state)
{
        static const size_t sizes[] = { 0, 1, KEY_SIZE - 1, KEY_SIZE + 1, 64 };
        sealer *s = NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                put_key(path, sizes[i]);
                assert_int_equal(sealer_new(folder, &s), SEALER_BAD_FILE);
                assert_null(s);
        }
        put_key(path, KEY_SIZE);
        s = make();
        sealer_free(s);
}

static void test_credential(void **state)
{
        _cleanup_(sealer_freep) sealer *from_file = make(), *given = NULL;
        char credential[PATH_MAX + 32];
        sealer *s = NULL;

        (void)state;
        snprintf(credential, sizeof(credential), "%s/kratosd.seal-key", folder);
        assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
        {
                _cleanup_(sealer_freep) sealer *without = make();

                assert_true(opens(without, from_file));
        }
        put_key(credential, KEY_SIZE);
        given = make();
        assert_false(opens(given, from_file));

        /* One that cannot be used is no reason to take another. */
        put_key(credential, KEY_SIZE + 1);
        assert_int_equal(sealer_new(folder, &s), SEALER_BAD_CREDENTIAL);
        put_key(credential, 0);
        assert_int_equal(sealer_new(folder, &s), SEALER_BAD_CREDENTIAL);
        assert_null(s);
        assert_int_equal(unlink(credential), 0);
        assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void test_sizes(void **state)
{
        _cleanup_(sealer_freep) sealer *s = make();

        (void)state;
        for (size_t size = 0; size <= TOKEN_SEALED_MAX; size++) {
                _cleanup_secret_ secret *token = secret_of(size), *opened = NULL;
                unsigned char box[TOKEN_SEALED_MAX];
                size_t sealed = 42;
                int r = seal(s, token, box, &sealed);

                if (size > TOKEN_SEALED_MAX - FRAME) {
                        assert_int_equal(r, -E2BIG);
                        assert_int_equal(sealed, 42);
                        continue;
                }
                assert_int_equal(r, 0);
                assert_int_equal(sealed, size + FRAME);
                if (size >= 8)
                        assert_null(memmem(box, sealed, "tttttttt", 8));
                assert_int_equal(unseal(s, box, sealed, &opened), 0);
                assert_int_equal(secret_size(opened), size);
                assert_memory_equal(secret_data(opened), secret_data(token), size);
        }
        assert_true(TOKEN_MAX <= TOKEN_SEALED_MAX - FRAME);
}

static void test_tampering(void **state)
{
        _cleanup_(sealer_freep) sealer *s = make();
        _cleanup_secret_ secret *token = secret_of(20);
        unsigned char box[TOKEN_SEALED_MAX + 1] = { 0 };
        secret *opened = NULL;
        size_t size;

        (void)state;
        assert_int_equal(seal(s, token, box, &size), 0);
        for (size_t i = 0; i < size; i++)
                for (unsigned bit = 1; bit < 256; bit <<= 1) {
                        box[i] ^= (unsigned char)bit;
                        assert_int_equal(unseal(s, box, size, &opened), -EBADMSG);
                        box[i] ^= (unsigned char)bit;
                }
        for (size_t cut = 0; cut < size; cut++)
                assert_int_equal(unseal(s, box, cut, &opened), -EBADMSG);
        assert_int_equal(unseal(s, box, size + 1, &opened), -EBADMSG);
        assert_int_equal(unseal(s, box, TOKEN_SEALED_MAX + 1, &opened), -EBADMSG);
        assert_int_equal(unseal(s, box, SIZE_MAX, &opened), -EBADMSG);
        assert_null(opened);
}

static void test_no_two_boxes_are_alike(void **state)
{
        _cleanup_(sealer_freep) sealer *s = make();
        _cleanup_secret_ secret *token = secret_of(20);
        unsigned char one[TOKEN_SEALED_MAX], other[TOKEN_SEALED_MAX];
        size_t size;

        (void)state;
        assert_int_equal(seal(s, token, one, &size), 0);
        assert_int_equal(seal(s, token, other, &size), 0);
        assert_memory_not_equal(one, other, 24);
        assert_memory_not_equal(one + 24, other + 24, size - 24);
}

static void test_hash_login(void **state)
{
        unsigned char one[LOGIN_HASH_SIZE], same[LOGIN_HASH_SIZE], other[LOGIN_HASH_SIZE];

        (void)state;
        hash_login("0123456789abcdef0123456789abcdef", one);
        hash_login("0123456789abcdef0123456789abcdef", same);
        hash_login("0123456789abcdef0123456789abcdee", other);
        assert_memory_equal(one, same, LOGIN_HASH_SIZE);
        assert_memory_not_equal(one, other, LOGIN_HASH_SIZE);
}

static void test_ids_and_random_numbers(void **state)
{
        char one[ID_LENGTH + 1], other[ID_LENGTH + 1];
        unsigned seen = 0;

        (void)state;
        make_id(one);
        make_id(other);
        assert_true(id_is_valid(one) && id_is_valid(other));
        assert_string_not_equal(one, other);
        for (int i = 0; i < 1000; i++)
                seen |= 1U << random_below(5);
        assert_int_equal(seen, 0x1f);
        assert_int_equal(random_below(1), 0);
        assert_int_equal(random_below(0), 0);
}

static int begin(void **state)
{
        if (make_folder(state) < 0)
                return -1;
        snprintf(path, sizeof(path), "%s/seal.key", folder);
        return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, remove_folder)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_rule_14_key_file),
                TEST(test_rule_14_what_stands_in_the_way_of_a_key),
                TEST(test_key_of_another_size),
                TEST(test_credential),
                TEST(test_sizes),
                TEST(test_tampering),
                TEST(test_no_two_boxes_are_alike),
                TEST(test_hash_login),
                TEST(test_ids_and_random_numbers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
