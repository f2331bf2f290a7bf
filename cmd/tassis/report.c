#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

static const char *const severity_names[] = {"note", "warning", "error"};

static void print_json(enum severity severity, struct place place, struct slice text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    buf_printf(&line, "{\"severity\": \"%s\", \"kind\": \"%s\"", severity_names[severity],
               place.kind);
    if (place.file && *place.file) {
        buf_add_text(&line, ", \"file\": ");
        json_add_text(&line, slice_from(place.file));
    }
    if (place.line > 0)
        buf_printf(&line, ", \"line\": %d", place.line);
    buf_add_text(&line, ", \"text\": ");
    json_add_text(&line, text);
    printf("%s}\n", line.data);
}

static void say(enum severity severity, const char *text)
{
    switch (severity) {
    case SEVERITY_NOTE:
        log_info("note: %s", text);
        break;
    case SEVERITY_WARNING:
        log_warning("%s", text);
        break;
    case SEVERITY_ERROR:
        log_error("%s", text);
        break;
    }
}

static void print_text(enum severity severity, struct place place, struct slice text)
{
    CLEANUP(buf_release) struct buf line = BUF_INIT;

    if (place.file && *place.file)
        buf_add_text(&line, place.file);
    if (place.line > 0)
        buf_printf(&line, ", line %d", place.line);
    if (line.len > 0)
        buf_add_text(&line, ": ");
    buf_add_slice(&line, text);
    say(severity, line.data);
}

static void print(struct report *report, enum severity severity, struct place place,
                  struct slice text)
{
    report->count[severity]++;
    if (report->as_json)
        print_json(severity, place, text);
    else
        print_text(severity, place, text);
}

void report(struct report *report, enum severity severity, struct place place,
            const char *format, ...)
{
    CLEANUP(buf_release) struct buf text = BUF_INIT;
    va_list arguments;

    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    print(report, severity, place, buf_slice(&text));
}

void report_located(struct report *report, enum severity severity, const char *kind,
                    struct slice text)
{
    struct slice rest = text;
    size_t mark = slice_find_text(text, SLICE(" line "));
    int64_t line;

    if (mark == 0 || mark == text.len ||
        (text.ptr[mark - 1] != ',' && text.ptr[mark - 1] != ':')) {
        print(report, severity, (struct place){.kind = kind}, text);
        return;
    }
    CLEANUP(mem_free_text) char *file = slice_dup(slice_sub(text, 0, mark - 1));

    rest = slice_from_offset(text, mark + 6);
    struct slice number = slice_split(&rest, ':');

    if (slice_to_int(number, 1, INT32_MAX, &line))
        print(report, severity, (struct place){.kind = kind, .file = file, .line = (int)line},
              slice_trim(rest));
    else
        print(report, severity, (struct place){.kind = kind}, text);
}
