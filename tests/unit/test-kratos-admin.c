/* The admin API: what may stand in a URL. The calls themselves are tested with a real Kratos. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "kratosd/kratos.h"

#define UUID "11111111-2222-4333-8444-555555555555"

/* As a store that was tampered with has them. Nothing is made of them, hence no Kratos is needed.
 */
static void test_rule_29_ids(void **state)
{
        static const char *const ids[] = { "", "x", "../sessions", UUID "/../x", "11111111",
                "11111111-2222-4333-8444-5555555555&x", "AAAAAAAA-2222-4333-8444-555555555555" };
        kratos_call *call = NULL;

        (void)state;
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
                char list[2][UUID_LENGTH + 1] = { UUID };

                assert_int_equal(
                        kratos_admin_get_identity(NULL, ids[i], false, 1000000, NULL, NULL, &call),
                        -EINVAL);
                strncpy(list[1], ids[i], UUID_LENGTH);
                if (strcmp(list[1], UUID) == 0)
                        continue;
                assert_int_equal(
                        kratos_admin_get_identities(NULL, (const char(*)[UUID_LENGTH + 1]) list, 2,
                                NULL, NULL, NULL, &call),
                        -EINVAL);
        }
        assert_null(call);
}

static void test_rule_26_too_many(void **state)
{
        static char list[IDENTITIES_MAX + 1][UUID_LENGTH + 1];
        kratos_call *call = NULL;

        (void)state;
        assert_int_equal(kratos_admin_get_identities(NULL, (const char(*)[UUID_LENGTH + 1]) list,
                                 IDENTITIES_MAX + 1, NULL, NULL, NULL, &call),
                -E2BIG);
        assert_null(call);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rule_29_ids),
                cmocka_unit_test(test_rule_26_too_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
