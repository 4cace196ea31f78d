#include "url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define UNIX_SCHEME "unix:"
#define PRIVILEGED_PORTS 1024

DEFINE_CLEANUP(CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(char *, curl_free);
#define _cleanup_url_ _cleanup_(curl_url_cleanupp)
#define _cleanup_part_ _cleanup_(curl_freep)

static int invalid(const char **ret_why, const char *why)
{
        *ret_why = why;
        return -EINVAL;
}

static bool is_loopback(const char *host)
{
        struct in_addr address;

        if (strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
                return true;
        return inet_pton(AF_INET, host, &address) == 1 &&
               ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* A path is kept without the slash at its end, for the paths of the API begin with one. */
static void strip_slashes(char *text)
{
        for (size_t n = strlen(text); n > 0 && text[n - 1] == '/'; n--)
                text[n - 1] = '\0';
}

static bool has_part(CURLU *url, CURLUPart part)
{
        _cleanup_part_ char *value = NULL;

        return curl_url_get(url, part, &value, 0) == CURLUE_OK;
}

/* What may not stand in an address, of either kind. */
static int check_parts(CURLU *url, const char **ret_why)
{
        if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD) ||
                has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT))
                return invalid(ret_why, "an address has no user, password, query or fragment");
        return 0;
}

/* The address as libcurl writes it, without a slash at its end. */
static int take_base(CURLU *url, char **ret)
{
        _cleanup_part_ char *whole = NULL;
        char *base;

        if (curl_url_get(url, CURLUPART_URL, &whole, 0) != CURLUE_OK)
                return -ENOMEM;
        base = strdup(whole);
        if (!base)
                return -ENOMEM;
        strip_slashes(base);
        *ret = base;
        return 0;
}

static int parse_unix(const char *text, server_url *ret, const char **ret_why)
{
        _cleanup_free_ char *socket = NULL, *written = NULL;
        _cleanup_url_ CURLU *url = curl_url();
        const char *colon;
        int r;

        text += strlen(UNIX_SCHEME);
        colon = strchrnul(text, ':');
        if (text[0] != '/' || colon - text < 2 || (*colon && colon[1] != '/'))
                return invalid(ret_why, "a socket is written unix:/PATH/TO/SOCKET, or "
                                        "unix:/PATH/TO/SOCKET:/URL/PATH");
        socket = strndup(text, (size_t)(colon - text));
        if (asprintf(&written, "http://localhost%s", *colon ? colon + 1 : "") < 0)
                written = NULL;
        if (!url || !socket || !written)
                return -ENOMEM;
        if (curl_url_set(url, CURLUPART_URL, written, 0) != CURLUE_OK)
                return invalid(ret_why, "the path behind the socket is no path of a URL");
        r = check_parts(url, ret_why);
        if (r == 0)
                r = take_base(url, &ret->base);
        if (r == 0)
                ret->socket = TAKE_PTR(socket);
        return r;
}

/* The first port that anybody may take here. Where that cannot be read, the kernel's default. */
static unsigned long first_free_port(void)
{
        _cleanup_fclose_ FILE *f = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
        char line[16];
        unsigned long port;

        if (!f || !fgets(line, sizeof(line), f))
                return PRIVILEGED_PORTS;
        port = strtoul(line, NULL, 10);
        return port < PRIVILEGED_PORTS ? port : PRIVILEGED_PORTS;
}

/* Plain http would show passwords to whoever listens, so only root may be able to. */
static int check_plain(CURLU *url, const char *host, const char **ret_why)
{
        _cleanup_part_ char *port = NULL;

        if (curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK ||
                !is_loopback(host) || strtoul(port, NULL, 10) >= first_free_port())
                return invalid(ret_why,
                        "plain http is only for a loopback address with a port below 1024, and "
                        "below net.ipv4.ip_unprivileged_port_start; use https:// or unix:");
        return 0;
}

int server_url_parse(const char *text, server_url *ret, const char **ret_why)
{
        _cleanup_url_ CURLU *url = NULL;
        _cleanup_part_ char *scheme = NULL, *host = NULL;
        int r;

        if (strlen(text) > URL_MAX)
                return invalid(ret_why, "an address has at most 512 bytes");
        if (strncmp(text, UNIX_SCHEME, strlen(UNIX_SCHEME)) == 0)
                return parse_unix(text, ret, ret_why);

        url = curl_url();
        if (!url)
                return -ENOMEM;
        if (curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK ||
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
                curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
                (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0))
                return invalid(ret_why, "an address is https://HOST[:PORT][/PATH], "
                                        "http://127.0.0.1:PORT or unix:/PATH");
        r = check_parts(url, ret_why);
        if (r < 0)
                return r;
        if (strcmp(scheme, "http") == 0) {
                r = check_plain(url, host, ret_why);
                if (r < 0)
                        return r;
        }

        ret->socket = NULL;
        return take_base(url, &ret->base);
}

bool proxy_is_valid(const char *text)
{
        _cleanup_url_ CURLU *url = curl_url();
        _cleanup_part_ char *scheme = NULL, *path = NULL;
        const char *why;

        return url && strlen(text) <= URL_MAX &&
               curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
               curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
               (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
               curl_url_get(url, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0 &&
               check_parts(url, &why) == 0;
}

void server_url_done(server_url *url)
{
        free(url->base);
        free(url->socket);
        *url = (server_url){ 0 };
}
