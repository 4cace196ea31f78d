/*
 * A Varlink service (varlink.org): methods of interfaces, called with JSON over a socket, one call
 * at a time for each connection. The server answers for org.varlink.service itself, and hands every
 * other call to the method that its interface names. A call belongs to its connection. It ends with
 * its last reply, or with the connection, and its method learns of that through the function that
 * frees what it keeps for the call. A call that is marked oneway wants no reply, and as methods
 * here do nothing but reply, it is not made.
 */
#pragma once

#include "json.h"
#include "varlink-connection.h"

typedef struct varlink varlink;
typedef struct varlink_call varlink_call;

/* The longest name of a method that is looked for, in bytes. */
#define VARLINK_NAME_MAX 255

#define VARLINK_SERVICE "org.varlink.service"
#define VARLINK_METHOD_NOT_FOUND VARLINK_SERVICE ".MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED VARLINK_SERVICE ".MethodNotImplemented"
#define VARLINK_INTERFACE_NOT_FOUND VARLINK_SERVICE ".InterfaceNotFound"
#define VARLINK_INVALID_PARAMETER VARLINK_SERVICE ".InvalidParameter"

/* Answers a call, or says what it waits for. The parameters are an object that lives until it
 * returns. */
typedef void (*varlink_run)(varlink_call *call, json_object *parameters, void *userdata);

typedef struct varlink_method {
        const char *name; /* without the interface's; NULL after the last */
        varlink_run run;  /* NULL: described, but not implemented */
} varlink_method;

typedef struct varlink_interface {
        const char *name;
        const char *description; /* in the interface definition language */
        const varlink_method *methods;
} varlink_interface;

/* What org.varlink.service tells of us. */
typedef struct varlink_info {
        const char *vendor, *product, *version, *url;
} varlink_info;

/* Serves an interface on a listener, which it takes over on success. Interface and info must
 * outlive the server; userdata is passed to the methods. */
int varlink_new(sd_event *event, varlink_listener *l, const varlink_info *info,
        const varlink_interface *interface, void *userdata, varlink **ret);
varlink *varlink_free(varlink *v);
DEFINE_CLEANUP(varlink *, varlink_free);

/* The last reply to a call of these bytes by this uid, if it is known without reading them, to live
 * until the next call; or NULL. From now on each call is shown to it first. */
typedef const char *(*varlink_recall)(
        uid_t peer, const char *call, size_t size, void *userdata, size_t *ret_size);
void varlink_set_recall(varlink *v, varlink_recall recall);

/* The caller's uid when it connected, and whether it takes more replies than one. */
uid_t varlink_call_uid(const varlink_call *call);
bool varlink_call_takes_more(const varlink_call *call);

/* Each of these is the last reply, after which the call must not be touched any more. Parameters
 * are taken over; NULL, for want of memory, closes the connection. */
void varlink_reply(varlink_call *call, json_object *parameters);
void varlink_error(varlink_call *call, const char *name);
void varlink_invalid_parameter(varlink_call *call, const char *parameter);

/* As varlink_reply; and what is sent is shown to keep first, with the call's own bytes; but not
 * where the call was not answered at once. */
typedef void (*varlink_keep)(uid_t peer, const char *call, size_t call_size, const char *reply,
        size_t reply_size, void *userdata);
void varlink_reply_kept(
        varlink_call *call, json_object *parameters, varlink_keep keep, void *userdata);

/* A reply after which others follow, to a call that takes more. */
void varlink_reply_continues(varlink_call *call, json_object *parameters);

/* The call is answered later: whoever waits owns userdata until release is called with it, once, at
 * the end of the call or at once if there is no memory; it must not touch the call after that. */
void varlink_wait(varlink_call *call, void (*release)(void *userdata), void *userdata);

/* As varlink_wait; and resume is called when there is room for more replies, until the last. */
void varlink_stream(varlink_call *call, void (*resume)(varlink_call *call, void *userdata),
        void (*release)(void *userdata), void *userdata);

/* False once the peer should read before it gets more. */
bool varlink_call_has_room(const varlink_call *call);

/* The first of the parameters that is none of the known names, which end with NULL; or NULL. */
const char *varlink_unknown_parameter(json_object *parameters, const char *const *known);
