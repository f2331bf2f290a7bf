/*
 * postalias: the same as postmap for files in the syntax of aliases(5).
 */
#include "table/command.h"
#include "worker/logging.h"

static void open_log(const char *name)
{
    logging_open(name, LOGGING_COMMAND);
}

int main(int argc, char **argv)
{
    static const struct table_command postalias = {
        .name = "postalias",
        .options = "+c:d:fijnNopq:rsuUvw",
        .usage = "[-fijnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
        .syntax = BUILD_ALIASES,
        .separator = ":\t",
        .open_log = open_log,
    };

    return table_command_main(&postalias, argc, argv);
}
