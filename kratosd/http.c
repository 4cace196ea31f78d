#include "http.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "http-request.h"
#include "timespan.h"

/* How long connections are kept without a request; Kratos itself closes them after 120 s. */
#define KEEP_USEC (60 * USEC_PER_SEC)
/* At once, over all servers, slow requests included. */
#define CONNECTIONS_MAX 64
/* At once of each lane. Measured with Kratos on PostgreSQL on two processors, 64 clients: with 8 at
 * a time it serves more logins than with all of them. */
#define LOGINS_WIDTH 8
#define BACKGROUND_WIDTH 4
/* What has less than this part of its time left when its turn comes is not begun: a server that
 * could not answer that soon would be taken for one that does not answer. */
#define LEAST_PART 8

struct http {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer; /* libcurl's own */
        sd_event_source *drain; /* armed while finished requests may wait */
        sd_event_source *turn;  /* armed while requests wait for theirs */
        lane lanes[HTTP_LANES];
        sd_event_source *idle;
        LIST_HEAD(, http_request) requests;
        unsigned n_begun; /* of these, libcurl has */
        bool distrust;    /* of the connections that there are */
};

static uint64_t now_usec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static void renew(http *h);
static void admit(http *h);

/* Takes a request out of everything. */
static void withdraw(http_request *request)
{
        http *h = request->http;

        LIST_REMOVE(request, requests);
        lane_leave(&h->lanes[request->lane], &request->place);
        request->http = NULL;
        if (request->begun) {
                curl_multi_remove_handle(h->multi, request->easy);
                h->n_begun--;
        }
        sd_event_source_set_enabled(h->drain, SD_EVENT_ONESHOT); /* somebody else's turn */
}

static void finish(http_request *request, CURLcode code)
{
        http_answer answer = http_request_answer(request, code, now_usec());

        withdraw(request);
        request->done(&answer, request->userdata);
        http_cancel(request);
}

/* Calls back for each finished request. New ones may be started meanwhile. */
static void drain(http *h)
{
        CURLMsg *message;
        int left;

        while ((message = curl_multi_info_read(h->multi, &left))) {
                http_request *request;

                if (message->msg != CURLMSG_DONE)
                        continue;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
                finish(request, message->data.result);
        }
}

/* Puts a request on the wire whose turn it is. */
static int begin(http *h, http_request *request, uint64_t now)
{
        http_request_set_timeout(request, request->deadline - now);
        if (h->distrust)
                renew(h);
        if (request->fresh || h->distrust)
                http_request_isolate(request);
        if (curl_multi_add_handle(h->multi, request->easy) != CURLM_OK)
                return -ENOMEM;
        request->begun = true;
        h->n_begun++;
        return 0;
}

#define REQUEST_AT(p) ((http_request *)((char *)(p)-offsetof(http_request, place)))

/* Begins whatever may begin. */
static void admit_lane(http *h, lane *l, uint64_t now)
{
        lane_place *place;

        while ((place = lane_next(l, now))) {
                http_request *request = REQUEST_AT(place);

                if (begin(h, request, now) < 0)
                        finish(request, CURLE_OPERATION_TIMEDOUT);
        }
}

/* The one of those that wait whose time is over first, or NULL. */
static http_request *first_to_expire(const lane *l)
{
        http_request *first = NULL;
        lane_place *place;

        TAILQ_FOREACH (place, &l->waiting, places)
                if (!first || REQUEST_AT(place)->latest < first->latest)
                        first = REQUEST_AT(place);
        return first;
}

/* Ends what has waited for too long, wherever it stands. Who is told may start or cancel others. */
static void expire(const lane *l, uint64_t now)
{
        http_request *first;

        while ((first = first_to_expire(l)) && first->latest <= now)
                finish(first, CURLE_OPERATION_TIMEDOUT);
}

static void admit(http *h)
{
        uint64_t now = now_usec(), wake = UINT64_MAX;

        for (size_t i = 0; i < HTTP_LANES; i++) {
                lane *l = &h->lanes[i];
                const http_request *first;

                expire(l, now);
                admit_lane(h, l, now);
                first = first_to_expire(l);
                if (first && first->latest < wake)
                        wake = first->latest;
                if (lane_wake(l) < wake)
                        wake = lane_wake(l);
        }
        if (wake == UINT64_MAX)
                return;
        sd_event_source_set_time(h->turn, wake);
        sd_event_source_set_enabled(h->turn, SD_EVENT_ONESHOT);
}

static int on_turn(sd_event_source *source, uint64_t usec, void *userdata)
{
        (void)source;
        (void)usec;
        admit(userdata);
        return 0;
}

static int on_drain(sd_event_source *source, void *userdata)
{
        http *h = userdata;

        (void)source;
        drain(h);
        admit(h);
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
static int watch_socket(
        CURL *easy, curl_socket_t socket, int what, void *userdata, void *socket_data)
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

        if (h->n_begun > 0 || multi_new(h) < 0)
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
        /* What busy times took: curl's and OpenSSL's blocks are many and small. */
        (void)malloc_trim(0);
        return 0;
}

static int add_timer(http *h, sd_event_time_handler_t handler, sd_event_source **ret)
{
        int r = sd_event_add_time_relative(
                h->event, ret, CLOCK_MONOTONIC, 0, TIMER_ACCURACY_USEC, handler, h);

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
        r = add_timer(h, on_turn, &h->turn);
        if (r < 0)
                return r;
        lane_init(&h->lanes[HTTP_LOGINS], LOGINS_WIDTH);
        lane_init(&h->lanes[HTTP_BACKGROUND], BACKGROUND_WIDTH);
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
        sd_event_source_disable_unref(h->turn);
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
        if (request->http)
                withdraw(request);
        curl_easy_cleanup(request->easy);
        curl_slist_free_all(request->headers);
        secret_free(request->response);
        free(request);
        return NULL;
}

int http_start(http *h, const http_ask *ask, http_done done, void *userdata, http_request **ret)
{
        _cleanup_request_ http_request *request = NULL;
        lane *l = &h->lanes[ask->lane];
        uint64_t now = now_usec();
        bool first;
        int r;

        r = http_request_new(ask, &request);
        if (r < 0)
                return r;
        request->http = h;
        request->done = done;
        request->userdata = userdata;
        request->deadline = now + ask->deadline_usec;
        request->latest = request->deadline - ask->deadline_usec / LEAST_PART;
        LIST_INSERT_HEAD(&h->requests, request, requests);
        first = TAILQ_EMPTY(&l->waiting);
        lane_enter(l, &request->place);
        if (first && lane_next(l, now)) {
                r = begin(h, request, now);
                if (r < 0)
                        return r;
                act(h, CURL_SOCKET_TIMEOUT, 0);
        }
        sd_event_source_set_enabled(h->drain, SD_EVENT_ONESHOT);
        sd_event_source_set_enabled(h->idle, SD_EVENT_OFF);
        *ret = TAKE_PTR(request);
        return 0;
}
