#include "names.h"

#include <string.h>

#include "interface.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"

bool user_name_is_valid(const char *name)
{
        size_t length = strnlen(name, USER_NAME_MAX + 1);

        return length >= 1 && length <= USER_NAME_MAX && strspn(name, LOWER "_") >= 1 &&
               strspn(name, LOWER DIGITS "_.-") == length;
}

bool context_field_is_valid(const char *field)
{
        size_t length = strnlen(field, CONTEXT_FIELD_MAX + 1);

        if (length > CONTEXT_FIELD_MAX)
                return false;
        for (size_t i = 0; i < length; i++)
                if (field[i] < ' ' || field[i] > '~')
                        return false;
        return true;
}

bool uuid_is_valid(const char *text)
{
        static const char pattern[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        for (size_t i = 0; i < sizeof(pattern) - 1; i++)
                if (pattern[i] == 'x' ? !text[i] || !strchr(HEX, text[i]) : text[i] != '-')
                        return false;
        return text[sizeof(pattern) - 1] == '\0';
}

bool id_is_valid(const char *text)
{
        return strnlen(text, ID_LENGTH + 1) == ID_LENGTH && strspn(text, HEX) == ID_LENGTH;
}

bool token_is_valid(const char *bytes, size_t size)
{
        if (size < 1 || size > TOKEN_MAX)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!bytes[i] || !strchr(LOWER UPPER DIGITS "_-", bytes[i]))
                        return false;
        return true;
}
