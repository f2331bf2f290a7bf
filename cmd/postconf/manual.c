/*
 * postconf(5), made from params.def.
 */
#include <stdio.h>
#include <string.h>

#include "postconf.h"

static const char *type_name(enum param_type type)
{
    switch (type) {
    case PARAM_TYPE_TIME:
        return "Time";
    case PARAM_TYPE_INT:
    case PARAM_TYPE_LONG:
        return "Number";
    case PARAM_TYPE_BOOL:
        return "Yes or no";
    case PARAM_TYPE_STRING:
        return "Text";
    case PARAM_TYPE_RAW:
        return "Text that is expanded when it is used";
    }
    return "";
}

static void add_escaped(struct buf *out, struct slice text)
{
    static const struct {
        char byte;
        const char *escape;
    } escapes[] = {{'\\', "\\e"},  {'-', "\\-"},   {'"', "\\(dq"}, {'\'', "\\(aq"},
                   {'`', "\\(ga"}, {'^', "\\(ha"}, {'~', "\\(ti"}};

    for (size_t i = 0; i < text.len; i++) {
        const char *escape = NULL;

        for (size_t j = 0; j < ARRAY_SIZE(escapes); j++) {
            if (escapes[j].byte == text.ptr[i])
                escape = escapes[j].escape;
        }
        if (escape)
            buf_add_text(out, escape);
        else
            buf_add_char(out, text.ptr[i]);
    }
}

/* Text of which roff must see nothing but letters. */
static void print_escaped(const char *text)
{
    CLEANUP(buf_release) struct buf out = BUF_INIT;

    add_escaped(&out, slice_from(text));
    (void)fputs(out.data, stdout);
}

#define LINE_BYTES 78

/* Sentences start on lines of their own, as mdoc wants them; no line is long. */
static void print_text(const char *text)
{
    struct slice rest = slice_from(text);
    size_t column = 0;

    for (;;) {
        struct slice word = slice_word(&rest, " ");
        CLEANUP(buf_release) struct buf out = BUF_INIT;

        if (!word.ptr)
            break;
        add_escaped(&out, word);
        if (column > 0 && column + 1 + out.len > LINE_BYTES) {
            (void)putchar('\n');
            column = 0;
        }
        column += (size_t)printf("%s%s", column > 0 ? " " : "", out.data);
        if (slice_ends_with(word, ".") && rest.len > 0) {
            (void)putchar('\n');
            column = 0;
        }
    }
    if (column > 0)
        (void)putchar('\n');
}

static void print_item(const struct param_row *row)
{
    bool computed = param_row_is_computed(row);

    (void)fputs(".It Ic ", stdout);
    if (row->kind == PARAM_KIND_TEMPLATE)
        (void)fputs("\\(fo", stdout);
    if (row->kind == PARAM_KIND_TEMPLATE)
        (void)fputs("service\\(fc_", stdout);
    print_escaped(param_name(row));
    (void)putchar('\n');
    print_text(param_text(row));
    if (row->kind == PARAM_KIND_OLD) {
        printf("Former name%s",
               param_replacement(row)[0] ? " of\n.Ic " : ".\nIt has no effect.\n");
        print_escaped(param_replacement(row));
        printf("%s", param_replacement(row)[0] ? " .\n" : "");
        return;
    }
    printf("%s", type_name(row->type));
    if (computed) {
        printf("; the default is found at run time.\n");
    } else if (param_default(row)[0]) {
        printf("; default:\n.Ql ");
        print_escaped(param_default(row));
        printf("\\& .\n");
    } else {
        printf("; empty by default.\n");
    }
    if (row->state == PARAM_STATE_NOT_YET)
        printf("Not supported yet: a value other than the default gives a warning.\n");
    else if (row->state == PARAM_STATE_MOOT)
        printf("Accepted without effect.\n");
    if (param_owners(row)[0])
        printf("Read by: %s.\n", param_owners(row));
    if (param_note(row)[0] && !computed) {
        CLEANUP(buf_release) struct buf note = BUF_INIT;

        buf_printf(&note, "Note: %s.", param_note(row));
        print_text(note.data);
    }
}

static const char head[] =
    ".Dd November 22, 2026\n"
    ".Dt POSTCONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm postconf\n"
    ".Nd parameters of main.cf\n"
    ".Sh DESCRIPTION\n"
    "The file\n"
    ".Pa main.cf\n"
    "in the configuration directory holds one setting to a line:\n"
    ".Dl name = value\n"
    "A line that starts with white space continues the one before.\n"
    "Lines that are empty or whose first character other than white space is\n"
    ".Ql #\n"
    "are skipped.\n"
    "When a name is set more than once the last setting counts.\n"
    "A name that is not in the list below may be set and then used in other values.\n"
    ".Pp\n"
    "A value refers to others by name:\n"
    ".Bl -tag -width Ds\n"
    ".It Ic $name , ${name} , $(name)\n"
    "The value of the parameter.\n"
    ".It Ic ${name?text} , ${name?{text}}\n"
    "The text, if the value of the parameter is not empty.\n"
    ".It Ic ${name:text} , ${name:{text}}\n"
    "The text, if the value of the parameter is empty.\n"
    ".It Ic ${name?{text1}:{text2}}\n"
    "The one text or the other.\n"
    ".It Ic ${{text1} == {text2} ? {text3} : {text4}}\n"
    "The third text if the first two are equal, else the fourth.\n"
    "Also\n"
    ".Ic != , < , <= , >=\n"
    "and\n"
    ".Ic > ,\n"
    "which compare numbers where both sides are digits, and the same followed by\n"
    ".Ic level ,\n"
    "which compares compatibility levels such as 3.6 and 3.10.\n"
    ".It Ic ${domain_to_ascii{text}}\n"
    "A domain name in its ASCII form.\n"
    ".It Ic $$\n"
    "One dollar sign.\n"
    ".El\n"
    ".Pp\n"
    "Times are numbers with a unit: s, m, h, d or w for seconds, minutes, hours, days\n"
    "or weeks.\n"
    "A number without a unit takes the unit of the parameter's default.\n"
    ".Sh PARAMETERS\n"
    ".Bl -tag -width Ds\n";

static const char tail[] = ".El\n"
                           ".Sh FILES\n"
                           ".Bl -tag -width Ds -compact\n"
                           ".It Pa /etc/postfix/main.cf\n"
                           "Configuration parameters.\n"
                           ".El\n"
                           ".Sh SEE ALSO\n"
                           ".Xr postconf 1 ,\n"
                           ".Xr master 5\n";

void print_manual(void)
{
    (void)fputs(head, stdout);
    for (size_t i = 0; i < n_param_rows; i++)
        print_item(&param_rows[i]);
    (void)fputs(tail, stdout);
}
