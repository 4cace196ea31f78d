#include "raw.h"

#include <curl/curl.h>
#include <string.h>

#include "common/cleanup.h"

#define BODY_MAX 65536
#define ID_MAX 64
#define TOKEN_MAX 128
/* Longer than kratosd waits: a server that never answers is a failure, and no measurement. */
#define ANSWER_SEC 30L

struct raw {
        CURL *easy;
        struct curl_slist *headers, *headers_with_body;
        char *base;
        char body[BODY_MAX];
        size_t size;
        char flow[ID_MAX + 1];
        char token[TOKEN_MAX + 1];
        const char *carried; /* the token that requests carry, or NULL */
};

static size_t take_body(char *bytes, size_t one, size_t size, void *userdata)
{
        raw *r = userdata;

        (void)one;
        if (size >= sizeof(r->body) - r->size)
                return 0;
        memcpy(r->body + r->size, bytes, size);
        r->size += size;
        r->body[r->size] = '\0';
        return size;
}

raw *raw_new(const char *base)
{
        static const char *const headers[] = { "Accept: application/json",
                "User-Agent: a raw client", "Content-Type: application/json", "Expect:" };
        raw *r = calloc(1, sizeof(raw));

        if (!r)
                abort();
        r->base = strdup(base);
        r->easy = curl_easy_init();
        if (!r->base || !r->easy)
                abort();
        for (size_t i = 0; i < 2; i++)
                r->headers = curl_slist_append(r->headers, headers[i]);
        for (size_t i = 0; i < 4; i++)
                r->headers_with_body = curl_slist_append(r->headers_with_body, headers[i]);
        curl_easy_setopt(r->easy, CURLOPT_PROXY, "");
        curl_easy_setopt(r->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(r->easy, CURLOPT_TIMEOUT, ANSWER_SEC);
        curl_easy_setopt(r->easy, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(r->easy, CURLOPT_WRITEDATA, r);
        return r;
}

raw *raw_free(raw *r)
{
        if (!r)
                return NULL;
        curl_easy_cleanup(r->easy);
        curl_slist_free_all(r->headers);
        curl_slist_free_all(r->headers_with_body);
        free(r->base);
        free(r);
        return NULL;
}

/* One request. Returns the status, 0 for none. */
static long ask(raw *r, const char *method, const char *path, const char *body)
{
        struct curl_slist *headers = body ? r->headers_with_body : r->headers;
        _cleanup_free_ char *url = NULL, *line = NULL;
        struct curl_slist with_token;
        CURLcode result;
        long status = 0;

        if (asprintf(&url, "%s%s", r->base, path) < 0 ||
                asprintf(&line, "X-Session-Token: %s", r->carried ? r->carried : "") < 0)
                abort();
        with_token = (struct curl_slist){ .data = line, .next = headers };
        r->size = 0;
        r->body[0] = '\0';
        if (body)
                curl_easy_setopt(r->easy, CURLOPT_POSTFIELDS, body);
        else
                curl_easy_setopt(r->easy, CURLOPT_HTTPGET, 1L);
        curl_easy_setopt(r->easy, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(r->easy, CURLOPT_HTTPHEADER, r->carried ? &with_token : headers);
        curl_easy_setopt(r->easy, CURLOPT_URL, url);
        result = curl_easy_perform(r->easy);
        if (result == CURLE_OK)
                curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status < 200 || status > 299)
                fprintf(stderr, "%s %s: %s, status %ld: %.500s\n", method, path,
                        curl_easy_strerror(result), status, r->body);
        return status;
}

/* The first string of that name in the answer: enough for an answer that we trust. */
static bool find(const raw *r, const char *name, char *ret, size_t size)
{
        _cleanup_free_ char *key = NULL;
        const char *value;
        size_t length;

        if (asprintf(&key, "\"%s\":\"", name) < 0)
                abort();
        value = strstr(r->body, key);
        if (!value)
                return false;
        value += strlen(key);
        length = strcspn(value, "\"");
        if (length >= size)
                return false;
        memcpy(ret, value, length);
        ret[length] = '\0';
        return true;
}

bool raw_take_flow(raw *r)
{
        return ask(r, "GET", "/self-service/login/api", NULL) == 200 &&
               find(r, "id", r->flow, sizeof(r->flow));
}

bool raw_submit(raw *r, const char *user, const char *password)
{
        _cleanup_free_ char *path = NULL, *body = NULL;

        if (asprintf(&path, "/self-service/login?flow=%s", r->flow) < 0 ||
                asprintf(&body,
                        "{\"method\":\"password\",\"identifier\":\"%s\",\"password\":\"%s\"}", user,
                        password) < 0)
                abort();
        return ask(r, "POST", path, body) == 200 &&
               find(r, "session_token", r->token, sizeof(r->token));
}

bool raw_renew(raw *r, const char *token, const char *user, const char *password)
{
        bool good;

        r->carried = token;
        good = ask(r, "GET", "/self-service/login/api?refresh=true", NULL) == 200 &&
               find(r, "id", r->flow, sizeof(r->flow)) && raw_submit(r, user, password);
        r->carried = NULL;
        return good;
}

bool raw_submit_code(raw *r, const char *code)
{
        _cleanup_free_ char *path = NULL, *body = NULL;
        bool good;

        r->carried = r->token;
        good = ask(r, "GET", "/self-service/login/api?aal=aal2", NULL) == 200 &&
               find(r, "id", r->flow, sizeof(r->flow));
        if (asprintf(&path, "/self-service/login?flow=%s", r->flow) < 0 ||
                asprintf(&body, "{\"method\":\"totp\",\"totp_code\":\"%s\"}", code) < 0)
                abort();
        good = good && ask(r, "POST", path, body) == 200 &&
               strstr(r->body, "\"authenticator_assurance_level\":\"aal2\"");
        r->carried = NULL;
        return good;
}

const char *raw_token(const raw *r)
{
        return r->token;
}

bool raw_logout(raw *r, const char *token)
{
        _cleanup_free_ char *body = NULL;

        if (asprintf(&body, "{\"session_token\":\"%s\"}", token) < 0)
                abort();
        return ask(r, "DELETE", "/self-service/logout/api", body) == 204;
}
