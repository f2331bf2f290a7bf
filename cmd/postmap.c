/*
 * postmap: write, change, ask and list look-up tables.
 */
#include "table/command.h"
#include "worker/logging.h"

static void open_log(const char *name)
{
    logging_open(name, LOGGING_COMMAND);
}

int main(int argc, char **argv)
{
    static const struct table_command postmap = {
        .name = "postmap",
        .options = "+bc:d:fFhijmnNopq:rsuUvw",
        .usage = "[-bfFhijmnNoprsuUvw] [-c config_dir] [-d key] [-q key] [map_type:]file...",
        .syntax = BUILD_MAP,
        .separator = "\t",
        .open_log = open_log,
    };

    return table_command_main(&postmap, argc, argv);
}
