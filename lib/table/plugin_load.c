/*
 * dlopen(3).
 */
#include "table/plugin_load.h"

#include <dlfcn.h>
#include <unistd.h>

#include "base/buf.h"
#include "conf/params_computed.h"

static void plugin_path(struct buf *path, const char *type)
{
    CLEANUP(buf_release) struct buf commands = BUF_INIT;

    installation_directories(&commands, path);
    buf_printf(path, "/" PLUGIN_FOLDER "/%s.so", type);
}

bool plugin_is_installed(const char *type)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;

    plugin_path(&path, type);
    return access(path.data, R_OK) == 0;
}

const void *plugin_load(const char *type, const char *package, const char *symbol,
                        struct error *error)
{
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const void *found;
    void *object;

    plugin_path(&path, type);
    if (access(path.data, F_OK) < 0) {
        error_set(error, ERROR_PERMANENT,
                  "unsupported dictionary type: %s (there is no %s, which is built where %s is "
                  "installed)",
                  type, path.data, package);
        return NULL;
    }
    /* It stays loaded: its library may have left threads and handlers behind. */
    object = dlopen(path.data, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    found = object ? dlsym(object, symbol) : NULL;
    if (!found)
        error_set(error, ERROR_PERMANENT, "unsupported dictionary type: %s (%s)", type,
                  dlerror());
    return found;
}
