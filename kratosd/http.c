#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "timespan.h"

/* How long connections are kept without a request; Kratos itself closes them after 120 s. */
#define KEEP_USEC (60 * USEC_PER_SEC)
/* At once, over all servers: more wait their turn in libcurl. */
#define CONNECTIONS_MAX 64
/* All response headers together, in bytes. */
#define HEADERS_MAX (64 * 1024)

struct http_request {
        http *http;
        CURL *easy;
        struct curl_slist *headers;
        secret *response;
        size_t header_bytes;
        curl_socket_t socket; /* the one opened for this request, to check its peer */
        uid_t server_uid;
        bool check_peer;
        bool once;  /* not to be repeated by libcurl on its own */
        bool stale;
        unsigned tries;
        http_done done;
        void *userdata;
        LIST_ENTRY(http_request) requests;
        char error[CURL_ERROR_SIZE];
};

struct http {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer; /* libcurl's own */
        sd_event_source *drain; /* armed while finished requests may wait */
        sd_event_source *idle;
        LIST_HEAD(, http_request) requests;
        bool distrust; /* of the connections that there are */
};

/* Retry-After, as libcurl reads it (RFC 9110 §10.2.3), or Ory Network's own header, in seconds. */
static unsigned retry_after(CURL *easy)
{
        struct curl_header *reset;
        curl_off_t seconds = 0;

        curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
        if (seconds == 0 && curl_easy_header(easy, "x-ratelimit-reset", 0, CURLH_HEADER, -1, &reset) == CURLHE_OK)
                seconds = strtol(reset->value, NULL, 10);
        return seconds < 1 ? 1 : seconds > UINT16_MAX ? UINT16_MAX : (unsigned)seconds;
}

static enum http_result result_of(const http_request *request, CURLcode code, long sent)
{
        if (code == CURLE_OK)
                return HTTP_ANSWERED;
        if (request->stale)
                return HTTP_STALE;
        return sent > 0 ? HTTP_BROKEN : HTTP_NOT_SENT;
}

/* Calls back for each finished request. New ones may be started meanwhile. */
static void drain(http *h)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(h->multi, &left))) {
                http_answer answer = { 0 };
                http_request *request;
                CURLcode code = message->data.result;
                long status = 0, sent = 0;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
                curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
                curl_easy_getinfo(request->easy, CURLINFO_REQUEST_SIZE, &sent);
                answer.result = result_of(request, code, sent);
                answer.status = (unsigned)status;
                answer.body = request->response;
                answer.retry_after_sec = status == 429 ? retry_after(request->easy) : 0;
                answer.error = request->error[0] ? request->error : curl_easy_strerror(code);

                LIST_REMOVE(request, requests);
                request->http = NULL;
                curl_multi_remove_handle(h->multi, request->easy);
                request->done(&answer, request->userdata);
                http_cancel(request);
        }
}

static int on_drain(sd_event_source *source, void *userdata)
{
        http *h = userdata;

        (void)source;
        drain(h);
        if (LIST_EMPTY(&h->requests) && sd_event_source_set_time_relative(h->idle, KEEP_USEC) >= 0)
                sd_event_source_set_enabled(h->idle, SD_EVENT_ONESHOT);
        return 0;
}

/* Lets libcurl act, and leaves callbacks to the loop. */
static void act(http *h, curl_socket_t socket, int flags)
{
        int running;

        curl_multi_socket_action(h->multi, socket, flags, &running);
        sd_event_source_set_enabled(h->drain, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        int flags = 0;

        (void)source;
        if (revents & EPOLLIN)
                flags |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                flags |= CURL_CSELECT_OUT;
        if (revents & (EPOLLERR | EPOLLHUP))
                flags |= CURL_CSELECT_ERR;
        act(userdata, fd, flags);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* CURLMOPT_SOCKETFUNCTION */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *userdata, void *socket_data)
{
        http *h = userdata;
        sd_event_source *source = socket_data;
        uint32_t events = 0;

        (void)easy;
        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                return 0;
        }
        if (what & CURL_POLL_IN)
                events |= EPOLLIN;
        if (what & CURL_POLL_OUT)
                events |= EPOLLOUT;
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(h->event, &source, socket, events, on_io, h) < 0)
                return -1;
        curl_multi_assign(h->multi, socket, source);
        return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        http *h = userdata;

        (void)multi;
        if (timeout_ms < 0)
                return sd_event_source_set_enabled(h->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(h->timer, (uint64_t)timeout_ms * 1000) < 0 ||
                sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

static int multi_new(http *h)
{
        CURLM *multi = curl_multi_init();

        if (!multi)
                return -ENOMEM;
        curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h);
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
        curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)CONNECTIONS_MAX);
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
        h->multi = multi;
        return 0;
}

/* Closes all connections, unless one is in use. */
static void renew(http *h)
{
        CURLM *old = h->multi;

        if (!LIST_EMPTY(&h->requests) || multi_new(h) < 0)
                return;
        curl_multi_cleanup(old);
        h->distrust = false;
}

void http_forget_connections(http *h)
{
        h->distrust = true;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata)
{
        http *h = userdata;

        (void)source;
        (void)usec;
        renew(h);
        return 0;
}

static int add_timer(http *h, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time_relative(h->event, ret, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, handler, h);

        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

int http_new(sd_event *event, http **ret)
{
        _cleanup_(http_freep) http *h = NULL;
        int r;

        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        h = calloc(1, sizeof(http));
        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        LIST_INIT(&h->requests);
        r = add_timer(h, on_timer, &h->timer);
        if (r < 0)
                return r;
        r = add_timer(h, on_idle, &h->idle);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &h->drain, on_drain, h);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(h->drain, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = multi_new(h);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}

http *http_free(http *h)
{
        if (!h)
                return NULL;
        if (h->multi)
                curl_multi_cleanup(h->multi);
        sd_event_source_disable_unref(h->timer);
        sd_event_source_disable_unref(h->idle);
        sd_event_source_disable_unref(h->drain);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}

http_request *http_cancel(http_request *request)
{
        if (!request)
                return NULL;
        if (request->http) {
                LIST_REMOVE(request, requests);
                curl_multi_remove_handle(request->http->multi, request->easy);
        }
        curl_easy_cleanup(request->easy);
        curl_slist_free_all(request->headers);
        secret_free(request->response);
        free(request);
        return NULL;
}

DEFINE_CLEANUP(http_request *, http_cancel);
#define _cleanup_request_ _cleanup_(http_cancelp)

/* CURLOPT_WRITEFUNCTION: a body over the limit ends the transfer. */
static size_t take_body(char *bytes, size_t one, size_t size, void *userdata)
{
        http_request *request = userdata;

        (void)one;
        return secret_append(request->response, bytes, size) < 0 ? 0 : size;
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
static curl_socket_t open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        http_request *request = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);

        (void)purpose;
        if (fd < 0)
                return CURL_SOCKET_BAD;
        request->socket = fd;
        return fd;
}

/* CURLOPT_PREREQFUNCTION: called with a connection, before anything is sent on it. One that is reused
 * was checked by the request that opened it. (rule 30) */
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

/* A socket counts only in a folder where nobody but root and ServerUser= could have put another. */
static int check_folder(const char *socket, uid_t server_uid)
{
        _cleanup_free_ char *folder = strdup(socket);
        struct stat st;

        if (!folder)
                return -ENOMEM;
        *strrchr(folder, '/') = '\0';
        if (stat(folder[0] ? folder : "/", &st) < 0)
                return 0; /* then nothing listens there, and connecting says so */
        if ((st.st_uid != 0 && st.st_uid != server_uid) || (st.st_mode & S_IWOTH) ||
                ((st.st_mode & S_IWGRP) && st.st_gid != 0))
                return -EPERM;
        return 0;
}

__attribute__((format(printf, 2, 3))) static int add_header(http_request *request, const char *format, ...)
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

static int add_headers(http_request *request, const http_ask *ask)
{
        int r = add_header(request, "Accept: application/json");

        if (r == 0)
                r = add_header(request, "User-Agent: %s", ask->user_agent ?: "kratosd/" VERSION);
        if (r == 0 && ask->client_ip)
                r = add_header(request, "X-Real-IP: %s", ask->client_ip);
        if (r == 0 && ask->token)
                r = add_header(request, "X-Session-Token: %s", secret_data(ask->token));
        if (r == 0 && ask->body)
                r = add_header(request, "Content-Type: application/json");
        return r < 0 ? r : add_header(request, "Expect:");
}

/* True if every option was taken; libcurl fails here only for want of memory. */
static bool set_transport(http_request *request, const http_ask *ask)
{
        CURL *easy = request->easy;
        const config *c = ask->config;
        bool ok = true;

        ok &= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
        ok &= curl_easy_setopt(easy, CURLOPT_PROXY, c->proxy ?: "") == CURLE_OK;
        ok &= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK;
        if (c->ca_file)
                ok &= curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file) == CURLE_OK;
        if (ask->server->socket)
                ok &= curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, ask->server->socket) == CURLE_OK;
        curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(c->connect_timeout_usec / 1000));
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(ask->deadline_usec / 1000) ?: 1L);
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

static int request_new(const http_ask *ask, http_request **ret)
{
        _cleanup_request_ http_request *request = calloc(1, sizeof(http_request));
        _cleanup_free_ char *url = NULL;
        int r;

        if (!request)
                return -ENOMEM;
        request->socket = CURL_SOCKET_BAD;
        request->check_peer = ask->server->socket;
        request->server_uid = ask->config->server_uid;
        request->once = strcmp(ask->method, "POST") == 0;
        r = secret_new(HTTP_BODY_MAX, &request->response);
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

int http_start(http *h, const http_ask *ask, http_done done, void *userdata, http_request **ret)
{
        _cleanup_request_ http_request *request = NULL;
        int r;

        r = request_new(ask, &request);
        if (r < 0)
                return r;
        if (h->distrust)
                renew(h);
        if (ask->server->socket) {
                r = check_folder(ask->server->socket, ask->config->server_uid);
                if (r < 0)
                        return r;
        }
        if (ask->fresh || h->distrust) {
                curl_easy_setopt(request->easy, CURLOPT_FRESH_CONNECT, 1L);
                curl_easy_setopt(request->easy, CURLOPT_FORBID_REUSE, 1L);
        }
        if (curl_multi_add_handle(h->multi, request->easy) != CURLM_OK)
                return -ENOMEM;
        request->http = h;
        request->done = done;
        request->userdata = userdata;
        LIST_INSERT_HEAD(&h->requests, request, requests);
        sd_event_source_set_enabled(h->idle, SD_EVENT_OFF);
        *ret = TAKE_PTR(request);
        act(h, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}
