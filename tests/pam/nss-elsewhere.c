/* A name service of another directory, which knows "elsa", with uid 5001, and "zero", with uid 0.
 */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <string.h>

enum nss_status _nss_elsewhere_getpwnam_r(
        const char *name, struct passwd *ret, char *buffer, size_t size, int *ret_errno);

enum nss_status _nss_elsewhere_getpwnam_r(
        const char *name, struct passwd *ret, char *buffer, size_t size, int *ret_errno)
{
        if (strcmp(name, "elsa") != 0 && strcmp(name, "zero") != 0) {
                *ret_errno = ENOENT;
                return NSS_STATUS_NOTFOUND;
        }
        if (size < 64) {
                *ret_errno = ERANGE;
                return NSS_STATUS_TRYAGAIN;
        }
        memcpy(buffer, "....\0x\0/\0/bin/sh", 17);
        memcpy(buffer, name, 4);
        *ret = (struct passwd){ .pw_name = buffer,
                .pw_passwd = buffer + 5,
                .pw_gecos = buffer + 5,
                .pw_dir = buffer + 7,
                .pw_shell = buffer + 9,
                .pw_uid = buffer[0] == 'e' ? 5001 : 0,
                .pw_gid = 5001 };
        return NSS_STATUS_SUCCESS;
}
