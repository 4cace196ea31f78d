#include "posix-values.h"

#include <string.h>

#include "body.h"
#include "posix.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define WORD LETTERS DIGITS "_.-"

#define SECONDS_PER_DAY 86400
#define DIGITS_MAX 9 /* of what an int surely holds */

bool text_is_printable(const char *text)
{
        size_t size = strlen(text);

        if (!utf8_is_valid(text, size) || strstr(text, "\xef\xbf\xbd"))
                return false;
        for (size_t i = 0; i < size; i++) {
                unsigned char c = (unsigned char)text[i];

                if (c < ' ' || c == 0x7F || (c == 0xC2 && (unsigned char)text[i + 1] < 0xA0))
                        return false;
        }
        return true;
}

/* Between two slashes there is a name, and none that leads elsewhere. */
static bool path_is_plain(const char *path)
{
        if (path[0] != '/' || strnlen(path, POSIX_PATH_MAX + 1) > POSIX_PATH_MAX)
                return false;
        while (*path == '/') {
                size_t length = strcspn(++path, "/");

                if (length == 0 || (length == 1 && path[0] == '.') ||
                        (length == 2 && path[0] == '.' && path[1] == '.'))
                        return false;
                path += length;
        }
        return true;
}

bool shell_is_valid(const char *path)
{
        return path_is_plain(path) && path[strspn(path, WORD "/+")] == '\0';
}

bool home_is_valid(const char *path)
{
        return path_is_plain(path) && text_is_printable(path) && !strchr(path, ':');
}

bool gecos_is_valid(const char *gecos)
{
        return strnlen(gecos, POSIX_GECOS_MAX + 1) <= POSIX_GECOS_MAX && text_is_printable(gecos) &&
               !strchr(gecos, ':');
}

static bool pattern_is_valid(const char *pattern, const char *characters)
{
        size_t length = strnlen(pattern, POSIX_PATTERN_MAX + 1);

        return length >= 1 && length <= POSIX_PATTERN_MAX && strspn(pattern, characters) == length;
}

bool host_pattern_is_valid(const char *pattern)
{
        return pattern_is_valid(pattern, WORD "*?");
}

bool service_pattern_is_valid(const char *pattern)
{
        return pattern_is_valid(pattern, WORD "*");
}

bool read_digits(const char *text, size_t count, int *ret)
{
        int number = 0;

        if (count > DIGITS_MAX || strspn(text, DIGITS) < count)
                return false;
        for (size_t i = 0; i < count; i++)
                number = number * 10 + (text[i] - '0');
        *ret = number;
        return true;
}

/* timegm makes a third of March of the thirty-first of February; such a date is refused. */
bool calendar_seconds(const struct tm *time, int64_t *ret)
{
        struct tm wanted = *time, got;
        time_t seconds;

        if (time->tm_year < 1970 || time->tm_year > 9999)
                return false;
        wanted.tm_year -= 1900;
        wanted.tm_mon -= 1;
        got = wanted;
        seconds = timegm(&got);
        if (got.tm_year != wanted.tm_year || got.tm_mon != wanted.tm_mon ||
                got.tm_mday != wanted.tm_mday || got.tm_hour != wanted.tm_hour ||
                got.tm_min != wanted.tm_min || got.tm_sec != wanted.tm_sec)
                return false;
        *ret = seconds;
        return true;
}

bool read_moment(const char *text, enum day_edge edge, int64_t *ret)
{
        static const char date[] = "0000-00-00", moment[] = "0000-00-00T00:00:00Z";
        struct tm time = { 0 };
        bool is_date = strnlen(text, sizeof(moment)) == sizeof(date) - 1;
        const char *form = is_date ? date : moment;
        int64_t seconds = 0;

        for (size_t i = 0; i <= strlen(form); i++)
                if (form[i] == '0' ? !text[i] || !strchr(DIGITS, text[i]) : text[i] != form[i])
                        return false;
        if (!read_digits(text, 4, &time.tm_year) || !read_digits(text + 5, 2, &time.tm_mon) ||
                !read_digits(text + 8, 2, &time.tm_mday))
                return false;
        if (!is_date && (!read_digits(text + 11, 2, &time.tm_hour) ||
                                !read_digits(text + 14, 2, &time.tm_min) ||
                                !read_digits(text + 17, 2, &time.tm_sec)))
                return false;
        if (!calendar_seconds(&time, &seconds))
                return false;
        *ret = is_date && edge == DAY_END ? seconds + SECONDS_PER_DAY : seconds;
        return true;
}
