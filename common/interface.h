/*
 * The bus interface between pam_kratos.so and kratosd: its names, its error names, and the limits
 * and deadlines on which both sides agree; and what of the user database the module knows. Nothing
 * here is owned or freed. The same interface, as documentation for people and tools, is in
 * doc/org.kratosd1.Manager.xml and doc/org.kratosd1.User.xml.
 */
#pragma once

/* The system bus, compiled in: the environment of a login program is not to be trusted (rule 6). */
#define BUS_SOCKET "/run/dbus/system_bus_socket"
#define BUS_ADDRESS "unix:path=" BUS_SOCKET

/* The system user as which kratosd runs; a verdict counts only if it comes from this user (rule 7).
 */
#define DAEMON_USER "kratosd"

/* For callers with uid 0. */
#define MANAGER_NAME "org.kratosd1"
#define MANAGER_PATH "/org/kratosd1"
#define MANAGER_INTERFACE "org.kratosd1.Manager"

/* For everybody else, each for its own account only, and never for a session to open. */
#define USER_NAME "org.kratosd1.User"
#define USER_PATH "/org/kratosd1/User"
#define USER_INTERFACE "org.kratosd1.User"

/* The user database, which answers without the bus: its socket, the provider's name, which callers
 * must give, the call for a user's name that is valid, and the error that says that the name is not
 * ours, as the first member of an answer. */
#define USERDB_SOCKET "/run/kratosd/userdb"
#define USERDB_SERVICE "org.kratosd1"
#define USERDB_INTERFACE "io.systemd.UserDatabase"
#define USERDB_NO_RECORD_FOUND USERDB_INTERFACE ".NoRecordFound"
#define USERDB_CALL                                                                                \
        "{\"method\":\"" USERDB_INTERFACE ".GetUserRecord\",\"parameters\":{\"userName\":"         \
        "\"%s\",\"service\":\"" USERDB_SERVICE "\"}}"

/* The errors that a method can answer, and no others. pam_kratos/result.c maps each to a PAM code.
 */
#define ERROR_PREFIX "org.kratosd1.Error."
#define ERROR_UNKNOWN_USER ERROR_PREFIX "UnknownUser"       /* not ours: ask somebody else */
#define ERROR_BAD_CREDENTIALS ERROR_PREFIX "BadCredentials" /* also for names that do not exist */
#define ERROR_NOT_ALLOWED ERROR_PREFIX "NotAllowed"         /* policy, wrong identity, assurance */
#define ERROR_ACCOUNT_DISABLED ERROR_PREFIX "AccountDisabled" /* Kratos says: inactive */
#define ERROR_THROTTLED ERROR_PREFIX "Throttled"              /* too many tries */
#define ERROR_PASSWORD_REFUSED ERROR_PREFIX "PasswordRefused" /* the policy for a new password */
#define ERROR_UNAVAILABLE ERROR_PREFIX "Unavailable"          /* no verdict can be had now */
#define ERROR_NO_SUCH_LOGIN ERROR_PREFIX "NoSuchLogin" /* expired, ended, or not the caller's */
#define ERROR_INVALID_ARGUMENT ERROR_PREFIX "InvalidArgument" /* the call breaks this interface */
#define ERROR_FAILED ERROR_PREFIX "Failed"                    /* a fault inside kratosd */

/* Answer's "state". */
#define STATE_GRANTED "granted"
#define STATE_PROMPT "prompt"

/* Keys of the prompt, a{sv}: kind (s: what is asked), text (s: what to show, in English), words (s:
 * that text as words.h has it, where it is more than one phrase), echo (b). An error that has such
 * words carries them after its message, which is in English too. */
#define PROMPT_KIND "kind"
#define PROMPT_TEXT "text"
#define PROMPT_WORDS "words"
#define PROMPT_ECHO "echo"

/* What is asked. A prompt's text says all that a person must know; its kind says what the answer
 * is. "code" was mailed or sent to a telephone; "first-code" likewise, and stands in for a
 * password. */
#define PROMPT_KIND_PASSWORD "password"
#define PROMPT_KIND_FIRST_CODE "first-code"
#define PROMPT_KIND_TOTP "totp"
#define PROMPT_KIND_CODE "code"
#define PROMPT_KIND_LOOKUP_SECRET "lookup-secret"
#define PROMPT_KIND_CHOICE "choice"

/* Of a prompt, or of the sentence that comes with an error, in bytes, as text and as words. */
#define PROMPT_TEXT_MAX 512

/* Keys of the context, a{sv}, each a string; unknown keys are refused. */
#define CONTEXT_PURPOSE "purpose"
#define CONTEXT_SERVICE "service"
#define CONTEXT_TTY "tty"
#define CONTEXT_RHOST "rhost"
#define CONTEXT_RUSER "ruser"

#define PURPOSE_LOGIN "login"
#define PURPOSE_UNLOCK "unlock"
/* A login that is granted for this is no session, but can change the password. */
#define PURPOSE_CHANGE_PASSWORD "change-password"
/* The name is nobody's: to be asked, and refused, as somebody's with a wrong password (rule 25). */
#define PURPOSE_REFUSE "refuse"

/* CheckAccount's "verdict". */
#define VERDICT_OK "ok"
#define VERDICT_PASSWORD_EXPIRED "password-expired"

/* A context field, in bytes without the NUL (rule 29). */
#define CONTEXT_FIELD_MAX 64

/* A password or code, in bytes (rule 39). */
#define ANSWER_MAX 512

/* Answers that one login takes, whatever they are: a wish for another way, or for another mail, is
 * one too. Of these, so many may be a password or a code, each of which may be wrong (rule 35). */
#define LOGIN_ANSWERS_MAX 8
#define LOGIN_TRIES_MAX 5

/* New passwords that may be offered with one login. */
#define CHANGE_TRIES_MAX 3

/* Where a login that was begun through the User interface has a socket of its own id for its
 * answers. There, no message may carry a descriptor: whoever sends one could make its receiver
 * wait. */
#define ANSWERS_DIRECTORY "/run/kratosd/answers"

/* A login id and a session id: 128 random bits as lower-case hexadecimal digits. */
#define ID_LENGTH 32

/* The name under which a login id travels in the PAM environment where the module's line says so.
 */
#define LOGIN_ID_VARIABLE "KRATOS_LOGIN_ID"

/* Deadlines, in microseconds. A PAM call, without the time in which a person types, ends in 15 s.
 */
#define BEGIN_DEADLINE_USEC UINT64_C(2000000)
#define DAEMON_BUDGET_USEC UINT64_C(10000000)
#define ANSWER_DEADLINE_USEC UINT64_C(12000000)
#define CALL_DEADLINE_USEC UINT64_C(15000000)
