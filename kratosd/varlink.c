#include "varlink.h"

#include <errno.h>
#include <string.h>

#include "json-build.h"
#include "log.h"

/* A call is an object with parameters in it; the few there are may hold a list. */
static const json_limits limits = { .depth = 8, .values = 256 };

static const char service_description[] =
        "# What every Varlink service says of itself.\n"
        "interface org.varlink.service\n"
        "\n"
        "method GetInfo() -> (\n"
        "  vendor: string,\n"
        "  product: string,\n"
        "  version: string,\n"
        "  url: string,\n"
        "  interfaces: []string\n"
        ")\n"
        "\n"
        "method GetInterfaceDescription(interface: string) -> (description: string)\n"
        "\n"
        "error InterfaceNotFound (interface: string)\n"
        "error MethodNotFound (method: string)\n"
        "error MethodNotImplemented (method: string)\n"
        "error InvalidParameter (parameter: string)\n";

struct varlink {
        varlink_connections *connections;
        const varlink_info *info;
        const varlink_interface *interface;
        varlink_recall recall; /* or NULL */
        void *userdata;
};

/* While it is waited for an answer, the connection has the call. */
struct varlink_call {
        varlink_connection *connection;
        const char *bytes; /* of the message; NULL once its method has returned */
        size_t size;
        bool takes_more;
        bool over; /* the last reply is on its way */
        void (*resume)(varlink_call *call, void *userdata);
        void (*release)(void *userdata);
        void *userdata;
};

static varlink_call *call_free(varlink_call *call)
{
        if (!call)
                return NULL;
        if (call->release)
                call->release(call->userdata);
        free(call);
        return NULL;
}

/* The message is an object, or NULL for want of memory. Takes it over. */
static void send_kept(varlink_call *call, json_object *message, varlink_keep keep, void *userdata)
{
        const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
        _cleanup_json_ json_object *owned = message;
        const char *text;
        size_t size;

        text = owned ? json_object_to_json_string_length(owned, flags, &size) : NULL;
        if (!text) {
                varlink_connection_close(call->connection);
                return;
        }
        if (keep && call->bytes)
                keep(varlink_call_uid(call), call->bytes, call->size, text, size, userdata);
        varlink_connection_send(call->connection, text, size);
}

static void send_message(varlink_call *call, json_object *message)
{
        send_kept(call, message, NULL, NULL);
}

/* A call that its method kept is not needed any more; the one that just runs, by on_message. */
static void end(varlink_call *call)
{
        varlink_connection *c = call->connection;

        call->over = true;
        if (varlink_connection_call(c) != call)
                return;
        varlink_connection_set_call(c, NULL);
        call_free(call);
        varlink_connection_set_state(c, VARLINK_READING);
}

void varlink_reply_kept(
        varlink_call *call, json_object *parameters, varlink_keep keep, void *userdata)
{
        json_object *message = json_object_new_object();

        json_put(&message, "parameters", parameters);
        send_kept(call, message, keep, userdata);
        end(call);
}

void varlink_reply(varlink_call *call, json_object *parameters)
{
        varlink_reply_kept(call, parameters, NULL, NULL);
}

void varlink_reply_continues(varlink_call *call, json_object *parameters)
{
        json_object *message = json_object_new_object();

        json_put(&message, "parameters", parameters);
        json_put_bool(&message, "continues", true);
        send_message(call, message);
}

/* An error, with one parameter or none. */
static void reply_error(varlink_call *call, const char *error, const char *name, const char *value)
{
        json_object *message = json_object_new_object(), *parameters = json_object_new_object();

        if (name)
                json_put_text(&parameters, name, value);
        json_put_text(&message, "error", error);
        json_put(&message, "parameters", parameters);
        send_message(call, message);
        end(call);
}

void varlink_error(varlink_call *call, const char *name)
{
        reply_error(call, name, NULL, NULL);
}

void varlink_invalid_parameter(varlink_call *call, const char *parameter)
{
        reply_error(call, VARLINK_INVALID_PARAMETER, "parameter", parameter);
}

uid_t varlink_call_uid(const varlink_call *call)
{
        return varlink_connection_uid(call->connection);
}

bool varlink_call_takes_more(const varlink_call *call)
{
        return call->takes_more;
}

bool varlink_call_has_room(const varlink_call *call)
{
        return varlink_connection_has_room(call->connection);
}

void varlink_wait(varlink_call *call, void (*release)(void *userdata), void *userdata)
{
        call->release = release;
        call->userdata = userdata;
}

void varlink_stream(varlink_call *call, void (*resume)(varlink_call *call, void *userdata),
        void (*release)(void *userdata), void *userdata)
{
        varlink_wait(call, release, userdata);
        call->resume = resume;
}

const char *varlink_unknown_parameter(json_object *parameters, const char *const *known)
{
        json_object_object_foreach(parameters, name, value)
        {
                size_t i = 0;

                (void)value;
                while (known[i] && strcmp(known[i], name) != 0)
                        i++;
                if (!known[i])
                        return name;
        }
        return NULL;
}

static void get_info(varlink *v, varlink_call *call, json_object *parameters)
{
        static const char *const known[] = { NULL };
        const char *unknown = varlink_unknown_parameter(parameters, known);
        json_object *info, *interfaces;

        if (unknown) {
                varlink_invalid_parameter(call, unknown);
                return;
        }
        info = json_object_new_object();
        interfaces = json_object_new_array_ext(2);
        json_append_text(&interfaces, VARLINK_SERVICE);
        json_append_text(&interfaces, v->interface->name);
        json_put_text(&info, "vendor", v->info->vendor);
        json_put_text(&info, "product", v->info->product);
        json_put_text(&info, "version", v->info->version);
        json_put_text(&info, "url", v->info->url);
        json_put(&info, "interfaces", interfaces);
        varlink_reply(call, info);
}

static void get_interface_description(varlink *v, varlink_call *call, json_object *parameters)
{
        static const char *const known[] = { "interface", NULL };
        const char *unknown = varlink_unknown_parameter(parameters, known), *description;
        const char *name = json_text(json_member(parameters, "interface"));
        json_object *reply;

        if (unknown || !name) {
                varlink_invalid_parameter(call, unknown ? unknown : "interface");
                return;
        }
        if (strcmp(name, VARLINK_SERVICE) == 0) {
                description = service_description;
        } else if (strcmp(name, v->interface->name) == 0) {
                description = v->interface->description;
        } else {
                reply_error(call, VARLINK_INTERFACE_NOT_FOUND, "interface", name);
                return;
        }
        reply = json_object_new_object();
        json_put_text(&reply, "description", description);
        varlink_reply(call, reply);
}

/* Returns false where the service has no such method. */
static bool run_service(varlink *v, varlink_call *call, const char *name, json_object *parameters)
{
        if (strcmp(name, "GetInfo") == 0)
                get_info(v, call, parameters);
        else if (strcmp(name, "GetInterfaceDescription") == 0)
                get_interface_description(v, call, parameters);
        else
                return false;
        return true;
}

static bool run_interface(
        varlink *v, varlink_call *call, const char *name, const char *full, json_object *parameters)
{
        const varlink_method *method = v->interface->methods;

        while (method->name && strcmp(method->name, name) != 0)
                method++;
        if (!method->name)
                return false;
        if (method->run)
                method->run(call, parameters, v->userdata);
        else
                reply_error(call, VARLINK_METHOD_NOT_IMPLEMENTED, "method", full);
        return true;
}

/* The name without its interface, or NULL if it is of another one. */
static const char *after_interface(const char *full, const char *interface)
{
        size_t length = strlen(interface);

        return strncmp(full, interface, length) == 0 && full[length] == '.' ? full + length + 1
                                                                            : NULL;
}

static void dispatch(varlink *v, varlink_call *call, const char *full, json_object *parameters)
{
        char interface[VARLINK_NAME_MAX + 1];
        const char *dot = strrchr(full, '.'), *name;

        if (!dot || strlen(full) > VARLINK_NAME_MAX) {
                varlink_invalid_parameter(call, "method");
                return;
        }
        if ((name = after_interface(full, VARLINK_SERVICE)) && name == dot + 1) {
                if (run_service(v, call, name, parameters))
                        return;
        } else if ((name = after_interface(full, v->interface->name)) && name == dot + 1) {
                if (run_interface(v, call, name, full, parameters))
                        return;
        } else {
                memcpy(interface, full, (size_t)(dot - full));
                interface[dot - full] = 0;
                reply_error(call, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
                return;
        }
        reply_error(call, VARLINK_METHOD_NOT_FOUND, "method", full);
}

/* What a message says; its strings live as long as the message. */
typedef struct request {
        const char *method;
        json_object *parameters; /* an object or NULL */
        bool more, oneway, upgrade;
} request;

static bool read_flag(json_object *message, const char *name, bool *ret)
{
        json_object *value = json_member(message, name);

        if (value && !json_object_is_type(value, json_type_boolean))
                return false;
        *ret = value && json_object_get_boolean(value);
        return true;
}

static bool read_request(json_object *message, request *ret)
{
        ret->method = json_text(json_member(message, "method"));
        ret->parameters = json_member(message, "parameters");
        return ret->method &&
               (!ret->parameters || json_object_is_type(ret->parameters, json_type_object)) &&
               read_flag(message, "more", &ret->more) &&
               read_flag(message, "oneway", &ret->oneway) &&
               read_flag(message, "upgrade", &ret->upgrade) &&
               ret->more + ret->oneway + ret->upgrade <= 1;
}

/* Keeps a call that is not answered yet with its connection. */
static int keep_if_open(varlink_connection *c, varlink_call *call)
{
        call->bytes = NULL;
        if (call->over) {
                call_free(call);
                return 0;
        }
        if (!call->release) {
                log_message(LOG_ERR, "A Varlink call was not answered");
                call_free(call);
                return -EPROTO;
        }
        varlink_connection_set_call(c, call);
        varlink_connection_set_state(c, call->resume ? VARLINK_STREAMING : VARLINK_WAITING);
        return 0;
}

static bool answer_again(varlink *v, varlink_connection *c, const char *bytes, size_t size)
{
        const char *reply = NULL;
        size_t reply_size;

        if (v->recall)
                reply = v->recall(varlink_connection_uid(c), bytes, size, v->userdata, &reply_size);
        if (reply)
                varlink_connection_send(c, reply, reply_size);
        return reply;
}

/* A peer that does not speak Varlink has its connection closed. */
static int on_message(varlink_connection *c, const char *bytes, size_t size, void *userdata)
{
        _cleanup_json_ json_object *message = NULL, *none = NULL;
        request asked;
        varlink_call *call;
        int r;

        if (answer_again(userdata, c, bytes, size))
                return 0;
        r = json_read_object(bytes, size, &limits, &message);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        if (json_has_nul(bytes, size) || !read_request(message, &asked))
                return -EBADMSG;
        if (asked.oneway)
                return 0;
        none = asked.parameters ? NULL : json_object_new_object();
        call = calloc(1, sizeof(*call));
        if (!call || (!asked.parameters && !none)) {
                free(call);
                return -ENOMEM;
        }
        call->connection = c;
        call->bytes = bytes;
        call->size = size;
        call->takes_more = asked.more;
        if (asked.upgrade)
                varlink_invalid_parameter(call, "upgrade");
        else
                dispatch(userdata, call, asked.method, none ? none : asked.parameters);
        return keep_if_open(c, call);
}

static void on_room(varlink_connection *c, void *userdata)
{
        varlink_call *call = varlink_connection_call(c);

        (void)userdata;
        call->resume(call, call->userdata);
}

static void on_closed(varlink_connection *c, void *userdata)
{
        varlink_call *call = varlink_connection_call(c);

        (void)userdata;
        varlink_connection_set_call(c, NULL);
        call_free(call);
}

int varlink_new(sd_event *event, varlink_listener *l, const varlink_info *info,
        const varlink_interface *interface, void *userdata, varlink **ret)
{
        static const varlink_connection_handler handler = { on_message, on_room, on_closed };
        _cleanup_(varlink_freep) varlink *v = NULL;
        int r;

        v = calloc(1, sizeof(*v));
        if (!v)
                return -ENOMEM;
        v->info = info;
        v->interface = interface;
        v->userdata = userdata;
        r = varlink_connections_new(event, l, &handler, v, &v->connections);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(v);
        return 0;
}

void varlink_set_recall(varlink *v, varlink_recall recall)
{
        v->recall = recall;
}

varlink *varlink_free(varlink *v)
{
        if (!v)
                return NULL;
        varlink_connections_free(v->connections);
        free(v);
        return NULL;
}
