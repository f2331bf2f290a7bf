#include "table/index_age.h"

#include <sys/stat.h>

#include "base/log.h"
#include "base/time.h"
#include "base/watch.h"

#define SOURCE_AGE_SECONDS 100

void index_warn_if_older(const struct file_watch *index, const char *source)
{
    struct stat status;

    if (stat(source, &status) == 0 && status.st_mtime > index->seen.st_mtime &&
        status.st_mtime < time_wall_seconds() - SOURCE_AGE_SECONDS)
        log_warning("database %s is older than source file %s", index->path, source);
}
