/*
 * For the harnesses of tables: bytes as a file that a table can be opened on, and silence.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/slice.h"
#include "conf/params.h"
#include "table/table.h"

/* Open "<type>:<a file with these bytes>"; NULL when that fails. */
static struct table *open_bytes(const char *type, struct slice bytes,
                                const struct table_options *options)
{
    char spec[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct table *table = NULL;

    log_hook = log_discard;
    params.smtputf8_enable = true;
    if (fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len) {
        snprintf(spec, sizeof(spec), "%s:/proc/self/fd/%d", type, fd);
        table = table_open(spec, options, NULL);
    }
    if (fd >= 0)
        close(fd);
    return table;
}
