/* Bounce template files. */
#include "mail/bounce_template.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/bug.h"
#include "base/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(const char *name)
{
    return strcmp(name, "myhostname") == 0 ? "mx.example.test" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(fd_close) int fd = memfd_create("bounce_template", MFD_CLOEXEC);
    CLEANUP(bounce_templates_release) struct bounce_templates templates;
    CLEANUP(buf_release) struct buf warnings = BUF_INIT;
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    const struct bounce_expansion expansion = {
        .lookup = lookup, .delay_warning_time = 1000, .path = "fuzz"};
    struct error error = ERROR_INIT;
    char path[64];

    bug_if(fd < 0 || fd_write_all(fd, data, size) < 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bounce_templates_init(&templates);
    if (bounce_templates_load(&templates, path, &warnings, &error) < 0)
        bug_if(error.text[0] == '\0');
    for (size_t kind = 0; kind < BOUNCE_KINDS; kind++) {
        bug_if(templates.kinds[kind].text.len == 0 || templates.kinds[kind].from.len == 0);
        (void)!bounce_template_expand(&templates.kinds[kind], &expansion, &text, &warnings,
                                      &error);
    }
    bounce_templates_print(&templates, &text);
    return 0;
}
