/*
 * Edits of main.cf: -e, -# and -X.
 */
#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "edit_file.h"
#include "postconf.h"

struct request {
    struct slice name, value;
    size_t n_found;
};

struct requests {
    struct request *list;
    size_t n;
};

static struct request *find_request(const struct requests *requests, struct slice name)
{
    for (size_t i = 0; i < requests->n; i++) {
        if (slice_same(requests->list[i].name, name))
            return &requests->list[i];
    }
    return NULL;
}

static void parse_request(const struct options *options, const char *text,
                          struct request *request)
{
    if (options->action == ACTION_EDIT) {
        edit_split_assignment(text, &request->name, &request->value);
        return;
    }
    edit_check_request(text);
    request->name = slice_trim(slice_from(text));
    if (request->name.len == 0 || slice_find_any(request->name, "= \t") < request->name.len)
        fatal(1, "-X or -# requires names without value: \"%s\"", text);
}

static void parse_requests(const struct options *options, struct requests *requests)
{
    requests->list = mem_array(struct request, options->n_arguments + 1);
    for (size_t i = 0; i < options->n_arguments; i++) {
        struct request request = {.name = SLICE_EMPTY, .value = SLICE_EMPTY};
        struct request *earlier;

        parse_request(options, options->arguments[i], &request);
        earlier = find_request(requests, request.name);
        if (!earlier) {
            requests->list[requests->n++] = request;
            continue;
        }
        if (options->action == ACTION_EDIT)
            log_warning("ignoring earlier request: '%.*s = %.*s'", SLICE_ARG(earlier->name),
                        SLICE_ARG(earlier->value));
        *earlier = request;
    }
}

/* The request for the entry that starts with this line. */
static struct request *request_for(const struct requests *requests, struct slice line)
{
    return find_request(requests, slice_sub(line, 0, slice_find_any(line, "= \t\r\f\v")));
}

static void add_line(struct buf *out, struct slice line)
{
    buf_add_slice(out, line);
    buf_add_char(out, '\n');
}

static void add_assignment(struct buf *out, const struct request *request)
{
    buf_printf(out, "%.*s = %.*s\n", SLICE_ARG(request->name), SLICE_ARG(request->value));
}

static void edit_line(struct buf *out, const struct edit_line *line, struct request *request,
                      enum postconf_action action)
{
    if (line->is_first)
        request->n_found++;
    if (action == ACTION_COMMENT_OUT) {
        buf_add_char(out, '#');
        add_line(out, line->text);
    } else if (action == ACTION_EDIT && line->is_first) {
        add_assignment(out, request);
    }
}

void edit_main(struct postconf *postconf)
{
    CLEANUP(edit_file_release) struct edit_file file;
    CLEANUP(buf_release) struct buf out = BUF_INIT;
    struct requests requests = {NULL, 0};
    struct request *request = NULL; /* for the entry that the line belongs to */
    enum postconf_action action = postconf->options.action;

    parse_requests(&postconf->options, &requests);
    edit_file_open(&file, postconf->main_path.data);
    for (size_t i = 0; i < file.n_lines; i++) {
        const struct edit_line *line = &file.lines[i];

        if (line->is_first)
            request = request_for(&requests, line->text);
        if (line->entry == NO_ENTRY || !request)
            add_line(&out, line->text);
        else
            edit_line(&out, line, request, action);
    }
    for (size_t i = 0; i < requests.n; i++) {
        if (requests.list[i].n_found > 1)
            log_warning("%s: multiple entries for \"%.*s\"", postconf->main_path.data,
                        SLICE_ARG(requests.list[i].name));
        if (requests.list[i].n_found == 0 && action == ACTION_EDIT)
            add_assignment(&out, &requests.list[i]);
    }
    edit_file_replace(&file, &out);
    mem_free(requests.list);
}
