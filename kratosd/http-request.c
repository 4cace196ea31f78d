#include "http-request.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "socket-path.h"

/* All response headers together, in bytes. */
#define HEADERS_MAX ((size_t)64 * 1024)
/* libcurl's threads that ask for an address, those included for which nobody waits any more. */
#define RESOLVERS_MAX 64
/* A server that had a request for less than this part of TimeoutSec= had no fair time for it: what
 * is begun late is begun with an eighth of its own time (http.c), or little more. */
#define FAIR_PART 4

/* CURLOPT_WRITEFUNCTION: a body over the limit ends the transfer. */
static size_t take_body(char *bytes, size_t one, size_t size, void *userdata)
{
        http_request *request = userdata;

        (void)one;
        if (secret_append(request->response, bytes, size) == 0)
                return size;
        request->too_large = true;
        return 0;
}

/* CURLOPT_HEADERFUNCTION: they are only counted. */
static size_t take_header(char *bytes, size_t one, size_t size, void *userdata)
{
        http_request *request = userdata;

        (void)bytes;
        (void)one;
        request->header_bytes += size;
        return request->header_bytes > HEADERS_MAX ? 0 : size;
}

/* CURLOPT_OPENSOCKETFUNCTION: keeps the descriptor, because no later hook is told of it in time. */
static curl_socket_t open_socket(
        void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        http_request *request = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                address->protocol);

        (void)purpose;
        if (fd < 0)
                return CURL_SOCKET_BAD;
        request->socket = fd;
        return fd;
}

/* CURLOPT_PREREQFUNCTION: called with a connection, before anything is sent on it. One that is
 * reused was checked by the request that opened it. (rule 30) */
static int check_peer(void *userdata, char *peer_ip, char *own_ip, int peer_port, int own_port)
{
        http_request *request = userdata;
        struct ucred peer;
        socklen_t size = sizeof(peer);

        (void)peer_ip;
        (void)own_ip;
        (void)peer_port;
        (void)own_port;
        /* libcurl repeats a request whose kept connection ends without a byte of an answer. A login
         * that was posted twice would be two sessions, of which we would know one. */
        if (request->tries++ > 0 && request->once) {
                request->stale = true;
                return CURL_PREREQFUNC_ABORT;
        }
        if (!request->check_peer || request->socket == CURL_SOCKET_BAD)
                return CURL_PREREQFUNC_OK;
        if (getsockopt(request->socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
                (peer.uid != 0 && peer.uid != request->server_uid))
                return CURL_PREREQFUNC_ABORT;
        return CURL_PREREQFUNC_OK;
}

/* All threads of this process but the one that runs the loop. Each has a folder, and with it a link
 * of the folder above it, which has two of its own. */
static unsigned count_resolvers(void)
{
        struct stat st;

        return stat("/proc/self/task", &st) < 0 || st.st_nlink < 3 ? 0 : (unsigned)st.st_nlink - 3;
}

/* CURLOPT_RESOLVER_START_FUNCTION: a request that was given up leaves a thread behind, which goes
 * on waiting for its name server. */
static int start_resolver(void *resolver, void *reserved, void *userdata)
{
        (void)resolver;
        (void)reserved;
        (void)userdata;
        return count_resolvers() >= RESOLVERS_MAX;
}

__attribute__((format(printf, 2, 3))) static int add_header(
        http_request *request, const char *format, ...)
{
        _cleanup_free_ char *header = NULL;
        struct curl_slist *headers;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&header, format, ap);
        va_end(ap);
        if (r < 0)
                return -ENOMEM;
        headers = curl_slist_append(request->headers, header);
        explicit_bzero(header, strlen(header));
        if (!headers)
                return -ENOMEM;
        request->headers = headers;
        return 0;
}

static bool is_encrypted(const server_url *server)
{
        return strncmp(server->base, "https:", strlen("https:")) == 0;
}

static int add_headers(http_request *request, const http_ask *ask)
{
        int r = add_header(request, "Accept: application/json");

        if (r == 0)
                r = add_header(request, "User-Agent: %s", ask->user_agent ?: "kratosd/" VERSION);
        if (r == 0 && ask->client_ip)
                r = add_header(request, "X-Real-IP: %s", ask->client_ip);
        if (r == 0 && ask->token)
                r = add_header(request, "X-Session-Token: %s", secret_data(ask->token));
        if (r == 0 && ask->bearer && (is_encrypted(ask->server) || ask->server->socket))
                r = add_header(request, "Authorization: Bearer %s", secret_data(ask->bearer));
        if (r == 0 && ask->body)
                r = add_header(request, "Content-Type: application/json");
        return r < 0 ? r : add_header(request, "Expect:");
}

/* True if every option was taken; libcurl fails here only for want of memory. */
static bool set_transport(http_request *request, const http_ask *ask)
{
        CURL *easy = request->easy;
        const config *c = ask->config;
        bool ok = true, secure = is_encrypted(ask->server);

        ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
        /* A proxy sees what is not encrypted, and passwords are for Kratos alone. */
        ok &= curl_easy_setopt(easy, CURLOPT_PROXY, secure && c->proxy ? c->proxy : "") == CURLE_OK;
        ok &= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK;
        if (c->ca_file)
                ok &= curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file) == CURLE_OK;
        if (ask->certificate)
                ok &= curl_easy_setopt(easy, CURLOPT_SSLCERT, ask->certificate) == CURLE_OK;
        if (ask->key)
                ok &= curl_easy_setopt(easy, CURLOPT_SSLKEY, ask->key) == CURLE_OK;
        if (ask->server->socket)
                ok &= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, ask->server->socket) ==
                      CURLE_OK;
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        /* Otherwise the end of a request waits for its resolver, in the midst of the loop. */
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
        if (!ask->server->socket)
                curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, start_resolver);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->connect_timeout_usec / 1000));
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request);
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, check_peer);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
        return ok;
}

static bool set_request(http_request *request, const http_ask *ask, const char *url)
{
        CURL *easy = request->easy;
        bool ok = true;

        ok &= curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK;
        if (ask->body) {
                curl_easy_setopt(easy, CURLOPT_POST, 1L);
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, secret_data(ask->body));
                curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)secret_size(ask->body));
        }
        ok &= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, ask->method) == CURLE_OK;
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers);
        curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
        curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error);
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
        curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(easy, CURLOPT_HEADERDATA, request);
        return ok;
}

int http_request_new(const http_ask *ask, http_request **ret)
{
        _cleanup_request_ http_request *request = calloc(1, sizeof(http_request));
        _cleanup_free_ char *url = NULL;
        int r;

        if (!request)
                return -ENOMEM;
        request->socket = CURL_SOCKET_BAD;
        request->lane = ask->lane;
        request->fresh = ask->fresh;
        request->fair = ask->config->timeout_usec / FAIR_PART;
        request->check_peer = ask->server->socket;
        request->server_uid = ask->config->server_uid;
        request->once = strcmp(ask->method, "POST") == 0;
        if (ask->server->socket) {
                r = socket_path_check(ask->server->socket, ask->config->server_uid);
                if (r < 0)
                        return r;
        }
        r = secret_new(ask->body_max, &request->response);
        if (r < 0)
                return r;
        request->easy = curl_easy_init();
        if (!request->easy || asprintf(&url, "%s%s", ask->server->base, ask->path) < 0)
                return -ENOMEM;
        r = add_headers(request, ask);
        if (r < 0)
                return r;
        if (!set_transport(request, ask) || !set_request(request, ask, url))
                return -ENOMEM;
        *ret = TAKE_PTR(request);
        return 0;
}

/* Retry-After, as libcurl reads it (RFC 9110 §10.2.3), or Ory Network's own header, in seconds. */
static unsigned retry_after(CURL *easy)
{
        struct curl_header *reset;
        curl_off_t seconds = 0;

        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
        if (seconds == 0 && curl_easy_header(easy, "x-ratelimit-reset", 0, CURLH_HEADER, -1,
                                    &reset) == CURLHE_OK)
                seconds = strtol(reset->value, NULL, 10);
        return seconds < 1 ? 1 : seconds > UINT16_MAX ? UINT16_MAX : (unsigned)seconds;
}

static enum http_result result_of(const http_request *request, CURLcode code, long sent)
{
        if (code == CURLE_OK)
                return HTTP_ANSWERED;
        if (!request->begun)
                return HTTP_NOT_BEGUN;
        if (request->stale)
                return HTTP_STALE;
        if (request->too_large)
                return HTTP_TOO_LARGE;
        return sent > 0 ? HTTP_BROKEN : HTTP_NOT_SENT;
}

static bool was_hurried(const http_request *request, CURLcode code, uint64_t now)
{
        return code == CURLE_OPERATION_TIMEDOUT &&
               (!request->begun || now - request->place.begun < request->fair);
}

http_answer http_request_answer(const http_request *request, CURLcode code, uint64_t now)
{
        http_answer answer = { .body = request->response };
        long status = 0, sent = 0;

        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
        answer.result = result_of(request, code, sent);
        answer.hurried = was_hurried(request, code, now);
        answer.status = (unsigned)status;
        answer.retry_after_sec = status == 429 ? retry_after(request->easy) : 0;
        answer.error = request->error[0] ? request->error : curl_easy_strerror(code);
        return answer;
}

void http_request_set_timeout(http_request *request, uint64_t usec)
{
        curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, (long)(usec / 1000) ?: 1L);
}

void http_request_isolate(http_request *request)
{
        curl_easy_setopt(request->easy, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(request->easy, CURLOPT_FORBID_REUSE, 1L);
}

int http_escape(const char *text, char **ret)
{
        char *escaped = curl_easy_escape(NULL, text, 0), *copy = escaped ? strdup(escaped) : NULL;

        curl_free(escaped);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}
