#include "attributes.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/slice.h"
#include "conf/params.h"
#include "delivery/mail_copy.h"

static const struct {
    char letter;
    unsigned copy_flag;
} copy_flags[] = {
    {'B', MAIL_COPY_BLANK_LINE},  {'D', MAIL_COPY_DELIVERED_TO}, {'F', MAIL_COPY_FROM_LINE},
    {'O', MAIL_COPY_ORIGINAL_TO}, {'R', MAIL_COPY_RETURN_PATH},  {'.', MAIL_COPY_DOT_STUFF},
    {'>', MAIL_COPY_QUOTE_FROM},
};

static void parse_flag(struct attributes *attributes, const char *service, char letter)
{
    for (size_t i = 0; i < ARRAY_SIZE(copy_flags); i++) {
        if (copy_flags[i].letter != letter)
            continue;
        attributes->copy_flags |= copy_flags[i].copy_flag;
        if (letter == 'D' || letter == 'O') {
            attributes->one_recipient = true;
            attributes->one_recipient_flag = letter;
        }
        return;
    }
    switch (letter) {
    case 'h':
        attributes->fold_host = true;
        return;
    case 'u':
        attributes->fold_user = true;
        return;
    case 'q':
        attributes->quote = true;
        return;
    case 'X':
        attributes->is_final = true;
        return;
    case 'a':
    case 'p':
    case 's':
        return; /* of long ago; without meaning since */
    default:
        fatal(EX_CONFIG, "%s service: unknown flag: %c", service, letter);
    }
}

static void parse_user(struct attributes *attributes, const char *service, const char *text)
{
    struct error error;

    if (user_parse(&attributes->user, text, &error) < 0)
        fatal(EX_CONFIG, "%s service: %s", service, error.text);
}

/* "\r\n" and the like, as written in master.cf with backslashes. */
static const char *parse_end_of_line(const char *text)
{
    struct buf bytes = BUF_INIT;

    for (; *text; text++) {
        if (*text != '\\') {
            buf_add_char(&bytes, *text);
            continue;
        }
        switch (*++text) {
        case 'r':
            buf_add_char(&bytes, '\r');
            break;
        case 'n':
            buf_add_char(&bytes, '\n');
            break;
        case 't':
            buf_add_char(&bytes, '\t');
            break;
        case '\0':
            return buf_take(&bytes);
        default:
            buf_add_char(&bytes, *text);
        }
    }
    return buf_take(&bytes);
}

static void parse_word(struct attributes *attributes, const char *service, char *word)
{
    if (strncmp(word, "flags=", 6) == 0) {
        for (const char *letter = word + 6; *letter; letter++)
            parse_flag(attributes, service, *letter);
    } else if (strncmp(word, "user=", 5) == 0) {
        parse_user(attributes, service, word + 5);
    } else if (strncmp(word, "eol=", 4) == 0) {
        attributes->end_of_line = parse_end_of_line(word + 4);
    } else if (strncmp(word, "null_sender=", 12) == 0) {
        attributes->null_sender = word + 12;
    } else if (strncmp(word, "size=", 5) == 0) {
        if (!slice_to_int(slice_from(word + 5), 0, INT64_MAX, &attributes->size_limit))
            fatal(EX_CONFIG, "%s service: bad size= value: %s", service, word + 5);
    } else if (strncmp(word, "chroot=", 7) == 0) {
        attributes->chroot_directory = word + 7;
    } else if (strncmp(word, "directory=", 10) == 0) {
        attributes->directory = word + 10;
    } else {
        fatal(EX_CONFIG, "%s service: unknown attribute name: %s", service, word);
    }
}

void attributes_parse(struct attributes *attributes, const char *service, int argc, char **argv)
{
    const char **command = mem_array(const char *, (size_t)argc + 1);

    *attributes = (struct attributes){.user = {.uid = (uid_t)-1},
                                      .end_of_line = "\n",
                                      .null_sender = "MAILER-DAEMON",
                                      .argv = command};
    for (int i = 0; i < argc; i++) {
        if (attributes->argc > 0)
            command[attributes->argc++] = argv[i];
        else if (strncmp(argv[i], "argv=", 5) == 0)
            command[attributes->argc++] = argv[i] + 5;
        else
            parse_word(attributes, service, argv[i]);
    }
    if (attributes->argc == 0 || !*command[0])
        fatal(EX_CONFIG, "%s service: missing argv= command-line attribute", service);
    if (attributes->user.uid == (uid_t)-1)
        fatal(EX_CONFIG, "%s service: missing user= command-line attribute", service);
}
