/*
 * One HTTP request as libcurl is told of it: its headers, its transport, its limits, and what
 * became of it. http.c drives requests on the loop; nobody else includes this. A request is freed
 * with http_cancel.
 */
#pragma once

#include <curl/curl.h>
#include <sys/queue.h>

#include "http-lane.h"
#include "http.h"

struct http_request {
        http *http;
        enum http_lane lane;
        lane_place place;
        uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
        uint64_t latest;   /* not begun after it, likewise */
        uint64_t fair;     /* under way for less says little of the server, microseconds */
        bool fresh;        /* wants a connection of its own */
        bool begun;        /* libcurl has it, or had it */
        CURL *easy;
        struct curl_slist *headers;
        secret *response;
        size_t header_bytes;
        curl_socket_t socket; /* the one opened for this request, to check its peer */
        uid_t server_uid;
        bool check_peer;
        bool once; /* not to be repeated by libcurl on its own */
        bool stale;
        bool too_large;
        unsigned tries;
        http_done done;
        void *userdata;
        LIST_ENTRY(http_request) requests;
        char error[CURL_ERROR_SIZE];
};

/* Makes a request that belongs to no http yet. As http_start. */
int http_request_new(const http_ask *ask, http_request **ret);

/* Lets it take so long from when it is begun. */
void http_request_set_timeout(http_request *request, uint64_t usec);

/* Gives it a connection of its own. */
void http_request_isolate(http_request *request);

/* What became of one that has finished now (CLOCK_MONOTONIC); its texts live as long as it does. */
http_answer http_request_answer(const http_request *request, CURLcode code, uint64_t now);

DEFINE_CLEANUP(http_request *, http_cancel);
#define _cleanup_request_ _cleanup_(http_cancelp)
