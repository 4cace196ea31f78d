/*
 * A folder of its own for each test, which goes with whatever was left in it. Each program that
 * includes this owns its own.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDER_TEMPLATE "/tmp/kratosd-test-XXXXXX"

static char folder[] = FOLDER_TEMPLATE;

static int make_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), FOLDER_TEMPLATE);
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        DIR *opened = opendir(folder);
        struct dirent *entry;

        (void)state;
        while ((entry = readdir(opened)))
                if (entry->d_name[0] != '.')
                        (void)unlinkat(dirfd(opened), entry->d_name,
                                entry->d_type == DT_DIR ? AT_REMOVEDIR : 0);
        closedir(opened);
        return rmdir(folder);
}
