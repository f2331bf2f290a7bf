#include "conf/edit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/program.h"
#include "conf/params.h"

int main_cf_edit(const char *directory, const char *const settings[], size_t n,
                 struct error *error)
{
    const char *const head[] = {"postconf", "-c", directory, "-e"};
    CLEANUP(buf_release) struct buf path = BUF_INIT;
    const char **words = mem_array(const char *, ARRAY_SIZE(head) + n + 1);
    int status = 0;

    for (size_t i = 0; i < ARRAY_SIZE(head) + n; i++)
        words[i] = i < ARRAY_SIZE(head) ? head[i] : settings[i - ARRAY_SIZE(head)];
    words[ARRAY_SIZE(head) + n] = NULL;
    buf_printf(&path, "%s/postconf", params.command_directory);
    int result = program_run(path.data, words, &status, error);

    mem_free(words);
    if (result == 0 && status != 0)
        return error_set(error, ERROR_TEMPORARY, "%s could not change %s/main.cf", path.data,
                         directory);
    return result;
}
