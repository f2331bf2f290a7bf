/*
 * Expansion of $name and ${...}. Values may name other values, so this is a machine with a
 * bounded stack of its own instead of a recursive function: each frame is a text that is being
 * copied to the output, or a comparison or function whose operands are being expanded.
 */
#include "conf/expand.h"

#include <string.h>

#include "base/mem.h"
#include "base/unicode.h"
#include "conf/expand_syntax.h"
#include "conf/level.h"

enum frame_kind { FRAME_TEXT, FRAME_COMPARE, FRAME_FUNCTION };

struct frame {
    enum frame_kind kind;
    bool left_done;    /* FRAME_COMPARE */
    bool right_done;   /* FRAME_COMPARE, and FRAME_FUNCTION for its argument */
    struct slice rest; /* FRAME_TEXT: what is still to be copied */
    struct expression expression;
    size_t start, middle; /* where in the output the operands are */
};

struct machine {
    const struct expansion *expansion;
    struct buf *out;
    struct frame *frames; /* EXPAND_MAX_DEPTH of them */
    size_t depth;
    size_t steps;
    size_t max_len; /* of out */
    struct error *error;
};

static int push_text(struct machine *machine, struct slice text)
{
    if (machine->depth >= EXPAND_MAX_DEPTH)
        return error_set(machine->error, ERROR_PERMANENT,
                         "unreasonable macro call nesting: \"%.*s\"", SLICE_ARG(text));
    machine->frames[machine->depth++] = (struct frame){.kind = FRAME_TEXT, .rest = text};
    return 0;
}

/* A value that is not expanded further. */
static void emit_value(struct machine *machine, const char *value)
{
    const char *allowed = machine->expansion->allowed;
    size_t start = machine->out->len;

    buf_add_text(machine->out, value);
    for (size_t i = start; allowed && i < machine->out->len; i++) {
        if (!strchr(allowed, machine->out->data[i]))
            machine->out->data[i] = '_';
    }
}

/* ${name}, ${name?...}, ${name:...} */
static int begin_name(struct machine *machine, const struct expression *expression)
{
    const struct expansion *expansion = machine->expansion;
    const char *value = expansion->lookup(expansion->context, expression->name);
    bool is_set = value && value[0];

    if (expression->has_test) {
        struct slice branch = is_set ? expression->if_true : expression->if_false;
        return branch.len > 0 ? push_text(machine, branch) : 0;
    }
    if (!is_set)
        return 0;
    if (expansion->recursive)
        return push_text(machine, slice_from(value));
    emit_value(machine, value);
    return 0;
}

static int begin_expression(struct machine *machine, const struct expression *expression)
{
    if (++machine->steps > EXPAND_MAX_STEPS)
        return error_set(machine->error, ERROR_PERMANENT,
                         "too many macro calls (the limit is %d)", EXPAND_MAX_STEPS);
    if (expression->kind == EXPRESSION_NAME)
        return begin_name(machine, expression);
    if (machine->depth >= EXPAND_MAX_DEPTH)
        return error_set(machine->error, ERROR_PERMANENT,
                         "unreasonable macro call nesting: \"%.*s\"",
                         SLICE_ARG(expression->left));
    machine->frames[machine->depth++] = (struct frame){
        .kind = expression->kind == EXPRESSION_COMPARE ? FRAME_COMPARE : FRAME_FUNCTION,
        .expression = *expression,
        .start = machine->out->len,
    };
    return 0;
}

/* Copy the top frame's text up to and including its next macro. */
static int step_text(struct machine *machine, struct frame *frame)
{
    size_t dollar = slice_find(frame->rest, '$');
    struct expression expression;
    struct slice macro;

    buf_add_slice(machine->out, slice_sub(frame->rest, 0, dollar));
    if (dollar == frame->rest.len) {
        machine->depth--;
        return 0;
    }
    macro = slice_from_offset(frame->rest, dollar + 1);
    if (slice_starts_with(macro, "$")) {
        buf_add_char(machine->out, '$');
        frame->rest = slice_from_offset(macro, 1);
        return 0;
    }
    if (expression_parse(&expression, frame->rest, dollar, machine->error) < 0)
        return -1;
    frame->rest = slice_from_offset(macro, expression.length);
    return begin_expression(machine, &expression);
}

/* Numeric when both sides are digits only, else by bytes; false when a number is too long. */
static bool compare_plain(struct slice left, struct slice right, int *order)
{
    uint64_t a, b;

    if (left.len == 0 || right.len == 0 || slice_skip_any(left, "0123456789") < left.len ||
        slice_skip_any(right, "0123456789") < right.len) {
        *order = slice_compare(left, right);
        return true;
    }
    if (!slice_to_uint(left, 10, INT64_MAX, &a) || !slice_to_uint(right, 10, INT64_MAX, &b))
        return false;
    *order = (a > b) - (a < b);
    return true;
}

static int finish_compare(struct machine *machine, struct frame *frame)
{
    const struct expression *expression = &frame->expression;
    struct slice both = buf_slice(machine->out);
    struct slice left = slice_sub(both, frame->start, frame->middle - frame->start);
    struct slice right = slice_from_offset(both, frame->middle);
    struct slice branch;
    int order = 0;

    if (expression->by_level) {
        if (!level_compare(left, right, &order)) {
            return error_set(machine->error, ERROR_PERMANENT,
                             "malformed compatibility level in \"%.*s\" or \"%.*s\" "
                             "(expected a number such as 3.6)",
                             SLICE_ARG(left), SLICE_ARG(right));
        }
    } else if (!compare_plain(left, right, &order)) {
        return error_set(machine->error, ERROR_PERMANENT,
                         "number too large in \"%.*s\" or \"%.*s\"", SLICE_ARG(left),
                         SLICE_ARG(right));
    }
    buf_truncate(machine->out, frame->start);
    branch = relation_holds(expression->relation, order) ? expression->if_true
                                                         : expression->if_false;
    machine->depth--;
    return branch.len > 0 ? push_text(machine, branch) : 0;
}

static int step_compare(struct machine *machine, struct frame *frame)
{
    if (!frame->left_done) {
        frame->left_done = true;
        return push_text(machine, frame->expression.left);
    }
    if (!frame->right_done) {
        frame->right_done = true;
        frame->middle = machine->out->len;
        return push_text(machine, frame->expression.right);
    }
    return finish_compare(machine, frame);
}

/* domain_to_ascii, the one function there is. */
static int step_function(struct machine *machine, struct frame *frame)
{
    CLEANUP(buf_release) struct buf argument = BUF_INIT;

    if (!frame->right_done) {
        frame->right_done = true;
        return push_text(machine, frame->expression.left);
    }
    buf_set(&argument, slice_from_offset(buf_slice(machine->out), frame->start));
    buf_truncate(machine->out, frame->start);
    machine->depth--;
    return unicode_domain_to_ascii(machine->out, buf_slice(&argument), machine->error);
}

static int step(struct machine *machine)
{
    struct frame *frame = &machine->frames[machine->depth - 1];

    switch (frame->kind) {
    case FRAME_TEXT:
        return step_text(machine, frame);
    case FRAME_COMPARE:
        return step_compare(machine, frame);
    case FRAME_FUNCTION:
        return step_function(machine, frame);
    }
    return -1;
}

static void free_frames(struct frame **frames)
{
    mem_free(*frames);
}

int expand_text(struct buf *out, struct slice text, const struct expansion *expansion,
                struct error *error)
{
    size_t start = out->len;

    if (slice_find(text, '$') == text.len) { /* by far the most frequent case */
        buf_add_slice(out, text);
        return 0;
    }
    /* Not zeroed: a frame is set as a whole when it is pushed. */
    CLEANUP(free_frames)
    struct frame *frames = mem_resize(NULL, EXPAND_MAX_DEPTH, sizeof(struct frame));
    struct machine machine = {
        .expansion = expansion,
        .out = out,
        .frames = frames,
        .max_len = start + EXPAND_MAX_BYTES,
        .error = error,
    };
    int result = push_text(&machine, text);

    while (result == 0 && machine.depth > 0) {
        result = step(&machine);
        if (result == 0 && out->len > machine.max_len)
            result = error_set(error, ERROR_PERMANENT, "expansion is longer than %d bytes",
                               EXPAND_MAX_BYTES);
    }
    if (result < 0)
        buf_truncate(out, start);
    return result;
}
