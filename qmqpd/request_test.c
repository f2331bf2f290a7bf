#include "request.h"

#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"
#include "base/time.h"

/* What came in: "sender|recipient|recipient|message". */
static void note(void *arg, struct slice address)
{
    buf_add_slice(arg, address);
    buf_add_char(arg, '|');
}

static enum netstring_result read_text(struct slice input, struct buf *seen, const char **where)
{
    CLEANUP(stream_release) struct stream stream = {.fd = -1};
    struct netstring_reader reader = {&stream, SECONDS(5), 0};
    struct request_sink sink = {note, note, seen};
    struct request request = {.message = BUF_INIT, .message_limit = 20, .address_limit = 10};
    enum netstring_result result;
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(write(ends[1], input.ptr, input.len), input.len);
    (void)close(ends[1]);
    stream_init(&stream, ends[0]);
    result = request_read(&request, &reader, &sink);
    buf_add_slice(seen, buf_slice(&request.message));
    *where = request.where;
    request_release(&request);
    return result;
}

#define HEADER    "receiving QMQP packet header"
#define CONTENT   "receiving message content"
#define SENDER    "receiving sender address"
#define RECIPIENT "receiving recipient address"

static const struct {
    const char *name;
    struct slice input;
    enum netstring_result result;
    const char *seen, *where;
} cases[] = {
    {"whole", SLICE("14:3:msg,1:s,1:r,,"), NETSTRING_OK, "s|r|msg", RECIPIENT},
    {"two recipients", SLICE("18:3:msg,1:s,1:r,1:q,,"), NETSTRING_OK, "s|r|q|msg", RECIPIENT},
    {"no recipient", SLICE("10:3:msg,1:s,,"), NETSTRING_OK, "s|msg", RECIPIENT},
    {"all empty", SLICE("9:0:,0:,0:,,"), NETSTRING_OK, "||", RECIPIENT},
    {"no digits", SLICE("6::,:,:,,"), NETSTRING_OK, "||", RECIPIENT},
    {"leading zeros", SLICE("0016:003:msg,1:s,1:r,,"), NETSTRING_OK, "s|r|msg", RECIPIENT},
    {"what follows is nobody's", SLICE("14:3:msg,1:s,1:r,,more"), NETSTRING_OK, "s|r|msg",
     RECIPIENT},
    {"binary message", SLICE("14:3:\0,\n,1:s,1:r,,"), NETSTRING_OK, "s|r|", RECIPIENT},
    {"address with NUL", SLICE("16:3:msg,3:s\0x,1:r,,"), NETSTRING_OK, "s|r|msg", RECIPIENT},
    {"address with line end", SLICE("16:3:msg,3:s\nx,1:r,,"), NETSTRING_OK, "s?x|r|msg",
     RECIPIENT},
    {"nothing", SLICE(""), NETSTRING_LOST, "", HEADER},
    {"part of a number", SLICE("1"), NETSTRING_LOST, "", HEADER},
    {"no number", SLICE("x"), NETSTRING_FORMAT, "", HEADER},
    {"negative", SLICE("-1:"), NETSTRING_FORMAT, "", HEADER},
    {"blank", SLICE(" 1:"), NETSTRING_FORMAT, "", HEADER},
    {"number without end", SLICE("99999999999999999999:"), NETSTRING_SIZE, "", HEADER},
    {"largest number", SLICE("9223372036854775807:x"), NETSTRING_SIZE, "", HEADER},
    {"no message", SLICE("5:"), NETSTRING_LOST, "", CONTENT},
    {"empty packet", SLICE("0:,"), NETSTRING_FORMAT, "", CONTENT},
    {"message breaks off", SLICE("14:3:ms"), NETSTRING_LOST, "ms", CONTENT},
    {"message ends without comma", SLICE("14:3:msgx"), NETSTRING_FORMAT, "msg", CONTENT},
    {"message ends the connection", SLICE("14:3:msg"), NETSTRING_FORMAT, "msg", CONTENT},
    {"message of the limit", SLICE("32:20:12345678901234567890,1:s,1:r,,"), NETSTRING_OK,
     "s|r|12345678901234567890", RECIPIENT},
    {"message too long", SLICE("33:21:123456789012345678901,1:s,1:r,,"), NETSTRING_SIZE, "",
     CONTENT},
    {"no sender", SLICE("6:3:msg,,"), NETSTRING_FORMAT, "msg", SENDER},
    {"sender breaks off", SLICE("14:3:msg,5:s"), NETSTRING_LOST, "msg", SENDER},
    {"sender too long", SLICE("25:3:msg,11:12345678901,1:r,,"), NETSTRING_SIZE, "msg", SENDER},
    {"recipient too long", SLICE("25:3:msg,1:s,11:12345678901,,"), NETSTRING_SIZE, "s|msg",
     RECIPIENT},
    {"packet ends within a recipient", SLICE("13:3:msg,1:s,1:r,,"), NETSTRING_OK, "s|r|msg",
     RECIPIENT},
    {"packet ends without comma", SLICE("14:3:msg,1:s,1:r,x"), NETSTRING_FORMAT, "s|r|msg",
     RECIPIENT},
    {"packet is longer than said", SLICE("10:3:msg,1:s,1:r,,"), NETSTRING_FORMAT, "s|msg",
     RECIPIENT},
};

static void test_request_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(buf_release) struct buf seen = BUF_INIT;
        const char *where;

        test_case(cases[i].name);
        assert_int_equal(read_text(cases[i].input, &seen, &where), cases[i].result);
        assert_string_equal(seen.data, cases[i].seen);
        assert_string_equal(where, cases[i].where);
    }
}

static const struct {
    const char *name, *sender, *rewritten, *delimiters; /* NULL: as it was */
} senders[] = {
    {"VERP", "list-@example.com-@[]", "list@example.com", "-="},
    {"any character", "list@example.com-@[]", "lis@example.com", "t="},
    {"the first @ counts", "a-@b@c-@[]", "a@b@c", "-="},
    {"plain", "list@example.com", NULL, NULL},
    {"empty", "", NULL, NULL},
    {"the mark alone", "-@[]", NULL, NULL},
    {"other mark", "list-@example.com=@[]", NULL, NULL},
    {"bounce of a bounce", "#@[]", NULL, NULL},
    {"no domain", "list-@[]", NULL, NULL},
    {"empty domain", "list-@-@[]", NULL, NULL},
    {"nothing before the delimiter", "-@example.com-@[]", NULL, NULL},
    {"no local part", "@example.com-@[]", NULL, NULL},
};

static void test_verp(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(senders); i++) {
        CLEANUP(buf_release) struct buf rewritten = BUF_INIT;
        struct slice sender = slice_from(senders[i].sender);
        char delimiters[3] = "";
        bool asks = request_asks_for_verp(&sender, &rewritten, delimiters);

        test_case(senders[i].name);
        assert_int_equal(asks, senders[i].rewritten != NULL);
        assert_slice_equal(sender, asks ? senders[i].rewritten : senders[i].sender);
        assert_string_equal(delimiters, asks ? senders[i].delimiters : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_read),
        cmocka_unit_test(test_verp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
