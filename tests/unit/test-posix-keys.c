/* The lines of authorized_keys in an account document: what sshd may find there. */
#include "posix-documents.h"

#include "kratosd/posix-keys.h"

#define RSA                                                                                        \
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDaU5uhWBGgQx4tmsG8I3FN6nR4x3JS4phXlZLW44mT"         \
        "6It++xBOAKN09nNyHQnk0LohG/wsqOf9JaMoeq/8RgoZ6jhNHcSIVM2ImlK3vT49+8iidbWOga+bVb/q"         \
        "vwyxhPhqas4XzpYF7h3Hb/Mg8aR1S+nn8QrydxqB36qe+EcQogcDtC3PbHKmn3it2fjWSd3FdtSjBX17"         \
        "hoG7Ir+1tu1GcFonnP6oDKrli3BQ/3YYPBBxkNx2stbiZhaGvTVJbbDXaz9UrpnNCqs+3R/L9gGHP4QC"         \
        "Us6QQoRm7nPmFcNQm/cDhp73gQUMQ9gxM0+mNtS+tqKeAl++QEPsnYynsxZx"
#define P256                                                                                       \
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBBmm2t3I"         \
        "aoMkVdDC3rOwCuzREzqppu79ibdX0uu8MpXzQRpo4BUieuEB6Do7ujAzW1BKOKX+keUm3dHQsvv/+XY="
#define P384                                                                                       \
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBNlaefyt"         \
        "+WcMi1xHly1tg/GEMwXykP9HgFVxw3dcmeUvPpefOm19cQmL+zHspyA0rRLMTG1CJq535ZyE532++xuk"         \
        "vtGdHnaAe4wW4aJu4oj+TtOpmJYZht/MNgXE171JNg=="
#define P521                                                                                       \
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBADzx6pX"         \
        "QNotvaP17kfm6f4yoo7LXyVzpIc+rg5hW+NXQ61nNsaWMiKXWhlJ4ytPtRm3SxFOAZA/VdqFQggX8qln"         \
        "dQBMEbeMHB1pa6uxYAL9oo0jUxf+pcWf0TfkvfaLVDYMB8K6x9wf435/2W7EUypxZ6NyEm8n/nRkNj/G"         \
        "CK9faWl6vw=="
#define DSA                                                                                        \
        "ssh-dss AAAAB3NzaC1kc3MAAACBAMQG/9kyvKDovmNu/l7Z5ZuN7Vnim8663iGqcJgSFSGnFNTabCRi"         \
        "ssSWzCeDpfrc+I9cZF4/PgOENkCyhBFZ7uxUwmUB4zDNKqBXG7BLwmdoKrJML76Ew18U4c6DfttizBEu"         \
        "yZasFNyErO+wJLOU7O3ifm9YMlxQSSDN1XaVGcXzAAAAFQDA/zoIZVxMRSk0qSzD60V3+JNp7QAAAIEA"         \
        "wt5bVAHF735+26ZSlYUkvYai5DgFb6b1toGRNqfb3UqVb+PlSYXqrcQ9l2nGqSOkhWz0pnP5G/lwveyh"         \
        "XWotiyGgQo05jkkI7MQ8icebTQkPyOL3hlSviSX/G7sEH4WnKNsHHXbqvU127EsPL7n7HgZij/c/z51I"         \
        "kHvbFY0wcMIAAACBAI9TKgi0g+LTHWHtsU4dgMuHRCs3l5+PidG4CghTQ3FzaiLsVeaFzAJEdoVps2aF"         \
        "vZz/2Sd0hsDLh19E4nCI5IUJRNfwC8g0kYEvrXrXww/BNvynj9f281av7wB0NRD5U7m4dmUJyGDJv8yR"         \
        "VxLvkQlc7VNVgQ2A9TweuSRe+x/2"
#define SK_ED25519                                                                                 \
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAABAgMEB"         \
        "QYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fAAAABHNzaDo="
#define SK_P256                                                                                    \
        "sk-ecdsa-sha2-nistp256@openssh.com AAAAInNrLWVjZHNhLXNoYTItbmlzdHAyNTZAb3BlbnNza"         \
        "C5jb20AAAAIbmlzdHAyNTYAAABBBBmm2t3IaoMkVdDC3rOwCuzREzqppu79ibdX0uu8MpXzQRpo4BUie"         \
        "uEB6Do7ujAzW1BKOKX+keUm3dHQsvv/+XYAAAAEc3NoOg=="

#define LINE "sshKeys: each is one line"
#define BEGINNING "sshKeys: a line begins with"
#define TYPE "sshKeys: a key is of type"
#define BLOB "sshKeys: after its type stands"

static void good(const char *line)
{
        _cleanup_free_ char *copy = strdup(line);
        const char *why = key_line_fault(copy);

        if (why)
                fail_msg("refused: %s\n%s", line, why);
}

static void bad(const char *line, const char *beginning)
{
        _cleanup_free_ char *copy = strdup(line);
        const char *why = key_line_fault(copy);

        if (!why)
                fail_msg("accepted: %s", line);
        else if (strncmp(why, beginning, strlen(beginning)) != 0)
                fail_msg("%s\nis said to be wrong for another reason: %s", line, why);
}

/* Options before a key that is right. */
static void good_options(const char *options)
{
        _cleanup_free_ char *line = NULL;

        assert_true(asprintf(&line, "%s " ED25519 " comment", options) > 0);
        good(line);
}

static void bad_options(const char *options)
{
        _cleanup_free_ char *line = NULL;

        assert_true(asprintf(&line, "%s " ED25519 " comment", options) > 0);
        bad(line, BEGINNING);
}

static void test_types(void **state)
{
        (void)state;
        good(ED25519);
        good(RSA);
        good(P256);
        good(P384);
        good(P521);
        good(SK_ED25519);
        good(SK_P256);
}

static void test_comments(void **state)
{
        (void)state;
        good(ED25519 " ");
        good(ED25519 " alice@laptop");
        good(ED25519 "  Ålunds nya dator, \"2026\" " ED25519);
        good("restrict,pty  ssh-ed25519  AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/"
             "18lOLq2uSF  alice");
}

static void test_rule_10_types_refused(void **state)
{
        (void)state;
        bad(DSA, BEGINNING);
        bad("", TYPE);
        bad("restrict", TYPE);
        bad("# a comment", BEGINNING);
        bad("#" ED25519, BEGINNING);
        bad(" " ED25519, BEGINNING);
        bad("ed25519 AAAA", BEGINNING);
        bad("SSH-ED25519 AAAA", BEGINNING);
        bad("ssh-ed25519-cert-v01@openssh.com AAAA", BEGINNING);
        bad("restrict ssh-dss AAAA", TYPE);
        bad("restrict restrict " ED25519, TYPE);
        bad("restrict ssh-rsa-cert-v01@openssh.com AAAA", TYPE);
        bad("restrict ssh-ed25519x AAAA", TYPE);
        bad("2048 65537 1234", BEGINNING);
        bad("-----BEGIN OPENSSH PRIVATE KEY-----", BEGINNING);
        bad("command=\"" ED25519 "\"", BEGINNING);
        bad("command=\"x\" ", TYPE);
}

static void test_rule_10_keys_of_another_form(void **state)
{
        (void)state;
        bad("ssh-ed25519", BLOB);
        bad("ssh-ed25519 ", BLOB);
        bad("ssh-ed25519 alice@laptop", BLOB);
        bad("ssh-ed25519 " ED25519, BLOB);
        bad("ssh-ed25519 =", BLOB);
        bad("ssh-ed25519 ====", BLOB);
        bad("ssh-ed25519 AA==", BLOB);
        bad("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", BLOB);
        bad("restrict ssh-ed25519", BLOB);
        bad("ssh-ed25519,restrict AAAA", BEGINNING);
        /* with an empty field */
        bad("ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAAAAAAAQQ=", BLOB);
}

/* The key that stands there is of the type that stands before it. */
static void test_rule_10_keys_of_another_type(void **state)
{
        (void)state;
        bad("ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIFGiCtyUAg8RF1cd3Btq7mtBoV5a2LE5V/18lOLq2uSF", BLOB);
        bad("ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", BLOB);
        /* nistp256 as 384; a dss key that calls itself ed25519 */
        bad("ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA==", BLOB);
        bad("ssh-ed25519 AAAAB3NzaC1kc3MAAAABAQ==", BLOB);
}

/* No byte of the encoding can be left out, or added. */
static void test_rule_10_keys_cut_short(void **state)
{
        static const char *const keys[] = { ED25519, RSA, P256, P384, P521, SK_ED25519, SK_P256 };

        (void)state;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                size_t length = strlen(keys[i]), type = strcspn(keys[i], " ");
                _cleanup_free_ char *line = malloc(length + 5);

                for (size_t cut = type + 1; cut < length; cut++) {
                        memcpy(line, keys[i], cut);
                        line[cut] = '\0';
                        bad(line, BLOB);
                }
                memcpy(line, keys[i], length);
                memcpy(line + length, "AAAA", 5);
                bad(line, BLOB);
                memcpy(line + length, "=", 2);
                bad(line, BLOB);
        }
}

static void test_rule_10_base64(void **state)
{
        static const char wrong[] = "-_=*\\\"'.,;:@~!";
        char line[] = ED25519, two[] = SK_ED25519, four[] = SK_P256;

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) - 1; i++) {
                line[40] = wrong[i];
                bad(line, BLOB);
        }
        line[40] = '\t';
        bad(line, LINE);
        /* bits after the last byte: they end with "Do=" and "Og==" */
        two[sizeof(two) - 3] = 'p';
        bad(two, BLOB);
        four[sizeof(four) - 4] = 'k';
        bad(four, BLOB);
}

static void test_rule_10_control_characters(void **state)
{
        char line[] = ED25519 " alice?";

        (void)state;
        for (int c = 1; c < 256; c++) {
                line[sizeof(line) - 2] = (char)c;
                if (c < ' ' || c >= 0x7F)
                        bad(line, LINE);
                else
                        good(line);
        }
        bad(ED25519 "\n" ED25519, LINE);
        bad(ED25519 " a\ncommand=\"id\" " ED25519, LINE);
        bad("command=\"a\nb\" " ED25519, LINE);
        bad(ED25519 " a\r", LINE);
        bad("restrict\t" ED25519, LINE);
        bad(ED25519 " \xc2\x85", LINE);
        bad(ED25519 " \xef\xbf\xbd", LINE);
}

static void test_length(void **state)
{
        _cleanup_free_ char *line = calloc(1, POSIX_KEY_MAX + 2);

        (void)state;
        memset(line, 'x', POSIX_KEY_MAX);
        memcpy(line, ED25519 " ", strlen(ED25519) + 1);
        good(line);
        line[POSIX_KEY_MAX] = 'x';
        bad(line, LINE);
        memset(line, 'A', POSIX_KEY_MAX);
        line[POSIX_KEY_MAX] = '\0';
        memcpy(line, "ssh-rsa ", 8);
        bad(line, BLOB);
}

static void test_options(void **state)
{
        static const char *const options[] = { "restrict", "pty", "no-pty", "port-forwarding",
                "no-port-forwarding", "agent-forwarding", "no-agent-forwarding", "X11-forwarding",
                "no-X11-forwarding", "user-rc", "no-user-rc", "verify-required",
                "from=\"10.0.0.0/8\"", "from=\"*.example.org,!bad?.example.org,fe80::1%eth0\"",
                "command=\"id\"", "command=\"echo \\\"a, b\\\" \\\\ 'c' # " ED25519 "\"",
                "permitopen=\"db.example.org:5432\"", "permitopen=\"*:80\",permitopen=\"[::1]:*\"",
                "permitlisten=\"8080\"", "permitlisten=\"localhost:8080\"", "permitlisten=\"*\"",
                "expiry-time=\"20260131\"", "expiry-time=\"202601312359Z\"",
                "expiry-time=\"20260131235959\"",
                "restrict,pty,from=\"10.1.2.3\",command=\"a b\"" };

        (void)state;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                good_options(options[i]);
}

static void test_rule_10_options_that_give(void **state)
{
        static const char *const options[] = { "cert-authority", "cert-authority,restrict",
                "restrict,cert-authority", "environment=\"PATH=/tmp\"",
                "environment=\"LD_PRELOAD=/tmp/x.so\"", "principals=\"root\"", "tunnel=\"0\"",
                "no-touch-required", "touch-required", "no-verify-required", "no-restrict",
                "zos-key-ring-label=\"x\"", "unknown", "from", "x=\"y\"" };

        (void)state;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                bad_options(options[i]);
}

static void test_rule_10_options_of_another_form(void **state)
{
        static const char *const options[] = { "restrict,", ",restrict", "restrict,,pty",
                "restrict, pty", "restrict;pty", "RESTRICT", "restricted", "no-pty=\"yes\"",
                "restrict=", "from=10.0.0.1", "from=\"\"", "from=\"10.0.0.1", "from=\"10.0.0.1\"x",
                "from='10.0.0.1'", "from = \"10.0.0.1\"", "from =\"10.0.0.1\"", "from=\"a b\"",
                "from=\"a\\\"b\"", "from=\"a\",from=\"b\"", "command", "command=", "command=\"\"",
                "command=id", "command=\"id\\\"", "command=\"a\"\"b\"",
                "command=\"a\",command=\"b\"", "permitopen=\"80\"", "permitopen=\":80\"",
                "permitopen=\"a:\"", "permitopen=\"a:0\"", "permitopen=\"a:65536\"",
                "permitopen=\"a:99999\"", "permitopen=\"a:100000\"", "permitopen=\"a:080\"",
                "permitopen=\"a:-1\"", "permitopen=\"a:http\"", "permitopen=\"::1:80\"",
                "permitopen=\"[]:80\"", "permitopen=\"[::1:80\"", "permitopen=\"a b:80\"",
                "permitopen=\"a/80\"", "permitlisten=\"\"", "permitlisten=\"a\"",
                "permitlisten=\"0\"", "expiry-time=\"\"", "expiry-time=\"Z\"",
                "expiry-time=\"never\"", "expiry-time=\"2026-01-31\"", "expiry-time=\"2026013\"",
                "expiry-time=\"202601311\"", "expiry-time=\"2026013112\"",
                "expiry-time=\"20260229\"", "expiry-time=\"20260131z\"",
                "expiry-time=\"202601312400\"", "expiry-time=\"20260131235960\"",
                "expiry-time=\"20260131ZZ\"", "expiry-time=\"202601312359591\"" };

        (void)state;
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
                bad_options(options[i]);
}

/* 255 bytes are the longest name of a host. */
static void test_length_of_hosts(void **state)
{
        char option[300] = "permitopen=\"";
        size_t head = strlen(option);

        (void)state;
        memset(option + head, 'a', 256);
        strcpy(option + head + 255, ":80\"");
        good_options(option);
        strcpy(option + head + 255, "a:80\"");
        bad_options(option);
}

/* The sentence about a line comes out of the document that has it, and the others do not matter. */
static void test_why_a_document_is_refused(void **state)
{
        (void)state;
        refused("{\"sshKeys\":[\"" ED25519 "\",\"\"]}", TYPE);
        refused("{\"sshKeys\":[\"" ED25519 "\\n" ED25519 "\"]}", LINE);
        refused("{\"sshKeys\":[\"environment=\\\"A=b\\\" " ED25519 "\"]}", BEGINNING);
        refused("{\"sshKeys\":[\"ssh-rsa A\"]}", BLOB);
        refused("{\"sshKeys\":[\"" ED25519 "\",1]}", "sshKeys: a list");
        refused("{\"sshKeys\":\"" ED25519 "\"}", "sshKeys: a list");
        posix_free(accepted("{\"sshKeys\":[\"command=\\\"a \\\\\\\"b\\\\\\\"\\\" " ED25519 "\"]}"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_types),
                cmocka_unit_test(test_comments),
                cmocka_unit_test(test_rule_10_types_refused),
                cmocka_unit_test(test_rule_10_keys_of_another_form),
                cmocka_unit_test(test_rule_10_keys_of_another_type),
                cmocka_unit_test(test_rule_10_keys_cut_short),
                cmocka_unit_test(test_rule_10_base64),
                cmocka_unit_test(test_rule_10_control_characters),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_rule_10_options_that_give),
                cmocka_unit_test(test_rule_10_options_of_another_form),
                cmocka_unit_test(test_length_of_hosts),
                cmocka_unit_test(test_why_a_document_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
