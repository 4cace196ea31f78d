/* Addresses of Kratos servers. */
#include "kratosd/url.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void accept(const char *text, const char *base, const char *socket)
{
        server_url url = { 0 };
        const char *why = NULL;

        if (server_url_parse(text, &url, &why) != 0)
                fail_msg("%s: %s", text, why ? why : "no reason");
        assert_string_equal(url.base, base);
        if (socket)
                assert_string_equal(url.socket, socket);
        else
                assert_null(url.socket);
        server_url_done(&url);
        assert_null(url.base);
        assert_null(url.socket);
}

static void refuse(const char *text)
{
        server_url url = { 0 };
        const char *why = NULL;

        if (server_url_parse(text, &url, &why) != -EINVAL)
                fail_msg("%s was taken for %s", text, url.base);
        assert_non_null(why);
        assert_null(url.base);
        assert_null(url.socket);
}

static void test_https(void **state)
{
        (void)state;
        accept("https://kratos.example.org", "https://kratos.example.org", NULL);
        accept("https://kratos.example.org/", "https://kratos.example.org", NULL);
        accept("https://kratos.example.org//", "https://kratos.example.org", NULL);
        accept("https://kratos.example.org:4433", "https://kratos.example.org:4433", NULL);
        accept("https://kratos.example.org/api/kratos/public/",
                "https://kratos.example.org/api/kratos/public", NULL);
        accept("https://192.0.2.1:65535/x", "https://192.0.2.1:65535/x", NULL);
        accept("https://[2001:db8::1]:443/x", "https://[2001:db8::1]:443/x", NULL);
        accept("https://k/a@b", "https://k/a@b", NULL);
}

static void test_no_address(void **state)
{
        (void)state;
        refuse("");
        refuse("kratos.example.org");
        refuse("//kratos.example.org");
        refuse("https://");
        refuse("https:kratos");
        refuse("ftp://kratos.example.org");
        refuse("file:///etc/passwd");
        refuse("httpss://kratos.example.org");
        refuse("javascript:0");
        refuse("https://kratos.example.org:0x50");
        refuse("https://kratos.example.org:65536");
        refuse("https://kratos.example.org:-1");
        refuse("https://kratos example.org");
        refuse("https://kratos.example.org/\r\nHost: elsewhere");
        refuse("https://kratos.example.org/a\tb");
        refuse("https://kratos.example.org/a\x7f");
}

static void test_further_parts(void **state)
{
        (void)state;
        refuse("https://alice@kratos.example.org");
        refuse("https://alice:secret@kratos.example.org");
        refuse("https://:secret@kratos.example.org");
        refuse("https://kratos.example.org/?a=b");
        refuse("https://kratos.example.org/#top");
        refuse("https://kratos.example.org?a");
        refuse("http://alice@127.0.0.1:433");
}

static void test_length(void **state)
{
        char text[URL_MAX + 2];

        (void)state;
        memset(text, 'a', sizeof(text));
        memcpy(text, "https://k/", 10);
        text[URL_MAX] = '\0';
        accept(text, text, NULL);
        text[URL_MAX] = 'a';
        text[URL_MAX + 1] = '\0';
        refuse(text);
}

static void test_rule_30_plain_http(void **state)
{
        (void)state;
        accept("http://127.0.0.1:433", "http://127.0.0.1:433", NULL);
        accept("http://127.0.0.1:1023/x/", "http://127.0.0.1:1023/x", NULL);
        accept("http://127.0.0.1", "http://127.0.0.1", NULL);
        accept("http://127.1.2.3:80", "http://127.1.2.3:80", NULL);
        accept("http://localhost:1", "http://localhost:1", NULL);
        accept("http://[::1]:434", "http://[::1]:434", NULL);

        refuse("http://127.0.0.1:1024");
        refuse("http://127.0.0.1:4433");
        refuse("http://localhost:4433");
        refuse("http://[::1]:65535");
        refuse("http://kratos.example.org");
        refuse("http://kratos.example.org:80");
        refuse("http://192.0.2.1:80");
        refuse("http://128.0.0.1:80");
        refuse("http://126.255.255.255:80");
        refuse("http://0.0.0.0:80");
        refuse("http://[::]:80");
        refuse("http://[::2]:80");
        refuse("http://[2001:db8::1]:80");
        refuse("http://localhost.example.org:80");
        refuse("http://127.0.0.1.example.org:80");
        refuse("http://127.0.0.1@192.0.2.1:80");
        refuse("http://notlocalhost:80");
        refuse("http://2130706434:80x");
}

/* However a host is written, what is kept of it is the loopback address. */
static void test_rule_30_other_forms_of_the_loopback_address(void **state)
{
        static const char *const texts[] = { "http://127.1:80", "http://0x7f000001:80",
                "http://2130706433:80", "http://0177.0.0.1:80", "http://LOCALHOST:80",
                "http://[0:0:0:0:0:0:0:1]:80", "http://[::ffff:127.0.0.1]:80" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                server_url url = { 0 };
                const char *why = NULL;

                if (server_url_parse(texts[i], &url, &why) != 0)
                        continue;
                assert_true(strncmp(url.base, "http://127.", 11) == 0 ||
                            strncmp(url.base, "http://localhost", 16) == 0 ||
                            strncmp(url.base, "http://[::1]", 12) == 0);
                server_url_done(&url);
        }
}

static void test_unix(void **state)
{
        (void)state;
        accept("unix:/run/kratos/public.sock", "http://localhost", "/run/kratos/public.sock");
        accept("unix:/run/kratos/public.sock:/", "http://localhost", "/run/kratos/public.sock");
        accept("unix:/run/kratos/public.sock:/api/x/", "http://localhost/api/x",
                "/run/kratos/public.sock");
        accept("unix:/s", "http://localhost", "/s");
        accept("unix:///s", "http://localhost", "///s");

        refuse("unix:");
        refuse("unix:/");
        refuse("unix:relative.sock");
        refuse("unix:@abstract");
        refuse("unix:/s:");
        refuse("unix:/s:api");
}

/* Its path is a path of a URL like any other. */
static void test_unix_with_further_parts(void **state)
{
        (void)state;
        refuse("unix:/s:/a?b=c");
        refuse("unix:/s:/a#b");
        refuse("unix:/s:/a\rb");
        refuse("unix:/s:/a\vb");
        refuse("unix:/s:/a\x7f");
}

static void write_first_free_port(const char *text)
{
        int fd = open("/proc/sys/net/ipv4/ip_unprivileged_port_start", O_WRONLY);

        assert_return_code(fd, errno);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

/* The world of tests/lib/enter has a network of its own, and with it this setting. */
static void test_rule_30_where_anybody_may_take_low_ports(void **state)
{
        (void)state;
        if (access("/run/world", F_OK) < 0)
                skip();
        write_first_free_port("433");
        refuse("http://127.0.0.1:433");
        accept("http://127.0.0.1:432", "http://127.0.0.1:432", NULL);
        write_first_free_port("0");
        refuse("http://127.0.0.1:80");
        write_first_free_port("2000");
        refuse("http://127.0.0.1:1024");
        write_first_free_port("1024");
        accept("http://127.0.0.1:433", "http://127.0.0.1:433", NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_https),
                cmocka_unit_test(test_no_address),
                cmocka_unit_test(test_further_parts),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_rule_30_plain_http),
                cmocka_unit_test(test_rule_30_other_forms_of_the_loopback_address),
                cmocka_unit_test(test_rule_30_where_anybody_may_take_low_ports),
                cmocka_unit_test(test_unix),
                cmocka_unit_test(test_unix_with_further_parts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
